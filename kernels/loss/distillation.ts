import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import source from "./distillation.wgsl" with { type: "text" };
import gradSource from "./distillation_grad.wgsl" with { type: "text" };

/** Says what the teacher's numbers are. */
export type Targets = "logits" | "probabilities";

export interface DistillationShape {
  readonly rows: number;
  readonly classes: number;
  readonly temperature: number;
  readonly targets: Targets;
}

/** The bindings are the student's logits, the teacher's numbers, the loss of each row [rows], and saved [4, rows]. */
export function planDistillation({ rows, classes, temperature, targets }: DistillationShape): Plan {
  const lanes = classes <= 128 ? 1 : 64;
  const grid = linearGrid(rows * lanes, THREADS);
  return { program: forward[targets][lanes], uniforms: [rows, classes, grid[0], f32bits(temperature)], grid };
}

/**
 * The bindings are student's logits, teacher's numbers, saved, gradient of the mean [1] and gradient of the student's
 * logits.
 */
export function planDistillationGrad({ rows, classes, temperature, targets }: DistillationShape): Plan {
  const grid = linearGrid(rows * classes, THREADS);
  return { program: backward[targets], uniforms: [rows, classes, grid[0], f32bits(temperature)], grid };
}

export function variants(): Program[] {
  return [...Object.values(forward).flatMap((byLanes) => Object.values(byLanes)), ...Object.values(backward)];
}

const THREADS = 64;
const TARGETS: Readonly<Record<Targets, number>> = { logits: 0, probabilities: 1 };

function forwardProgram(targets: Targets, lanes: 1 | 64): Program {
  return {
    name: "distillation",
    source,
    access: ["read", "read", "read_write", "read_write"],
    constants: { LANES: lanes, TARGETS: TARGETS[targets] },
  };
}

function backwardProgram(targets: Targets): Program {
  return {
    name: "distillation gradient",
    source: gradSource,
    access: ["read", "read", "read", "read", "read_write"],
    constants: { TARGETS: TARGETS[targets] },
  };
}

const forward: Readonly<Record<Targets, Record<1 | 64, Program>>> = {
  logits: { 1: forwardProgram("logits", 1), 64: forwardProgram("logits", 64) },
  probabilities: { 1: forwardProgram("probabilities", 1), 64: forwardProgram("probabilities", 64) },
};
const backward: Readonly<Record<Targets, Program>> = {
  logits: backwardProgram("logits"),
  probabilities: backwardProgram("probabilities"),
};
