import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import source from "./cross_entropy.wgsl" with { type: "text" };
import gradSource from "./cross_entropy_grad.wgsl" with { type: "text" };

export interface CrossEntropyShape {
  readonly rows: number;
  readonly classes: number;
  /** So many rows count: a short last batch fills up its tensor. */
  readonly valid: number;
  readonly smoothing: number;
}

/** The bindings are logits, labels (u32), the loss of each row [rows], and saved [2, rows]. */
export function planCrossEntropy({ rows, classes, valid, smoothing }: CrossEntropyShape): Plan {
  const lanes = classes <= 128 ? 1 : 64;
  const grid = linearGrid(rows * lanes, THREADS);
  return { program: forward[lanes], uniforms: [rows, classes, valid, grid[0], f32bits(smoothing)], grid };
}

/** The bindings are logits, labels, saved, gradient of the mean [1] and gradient of the logits. */
export function planCrossEntropyGrad({ rows, classes, valid, smoothing }: CrossEntropyShape): Plan {
  const grid = linearGrid(rows * classes, THREADS);
  return { program: backward, uniforms: [rows, classes, valid, grid[0], f32bits(smoothing)], grid };
}

export function variants(): Program[] {
  return [...Object.values(forward), backward];
}

const THREADS = 64;
const access = ["read", "read", "read_write", "read_write"] as const;
const forward: Record<1 | 64, Program> = {
  1: { name: "cross entropy", source, access, constants: { LANES: 1 } },
  64: { name: "cross entropy", source, access, constants: { LANES: 64 } },
};
const backward: Program = {
  name: "cross entropy gradient",
  source: gradSource,
  access: ["read", "read", "read", "read", "read_write"],
};
