import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import adamSource from "./adam.wgsl" with { type: "text" };
import maskSource from "./mask.wgsl" with { type: "text" };
import penaltySource from "./penalty.wgsl" with { type: "text" };
import sgdSource from "./sgd.wgsl" with { type: "text" };

/** Arenas are cut into blocks of this many elements (256 bytes); a parameter starts on a block of its own. */
export const BLOCK_ELEMENTS = 64;

const THREADS = 64;
const VECTOR = 4;

/** This is a run of whole blocks of the arena that fits in one binding, in elements. */
export interface BindingWindow {
  readonly first: number;
  readonly elements: number;
}

/** Cuts an arena of `elements` (a multiple of 64) into windows of at most `maxBindingBytes`. */
export function bindingWindows(elements: number, maxBindingBytes: number): BindingWindow[] {
  const most = Math.floor(maxBindingBytes / (4 * BLOCK_ELEMENTS)) * BLOCK_ELEMENTS;
  if (most < BLOCK_ELEMENTS) throw new RangeError(`a binding of ${maxBindingBytes} bytes holds no arena block of 256`);
  const windows: BindingWindow[] = [];
  for (let first = 0; first < elements; first += most) {
    windows.push({ first, elements: Math.min(most, elements - first) });
  }
  return windows;
}

/** Says which optional arenas a step reads. */
export type Extra = "pull" | "mask";

export interface SgdStep {
  readonly lr: number;
  readonly momentum: number;
  readonly form: "heavy-ball" | "nesterov";
}

/** The bindings are weights, momenta, gradients, pull, mask, segmentOf and segments; sgd.wgsl has the formula. */
export function planSgd(step: SgdStep, extras: readonly Extra[], window: BindingWindow): Plan {
  const { grid, head } = cover(window);
  return {
    program: sgdProgram(step.form, extras),
    uniforms: [...head, f32bits(step.lr), f32bits(step.momentum)],
    grid,
  };
}

export interface AdamStep {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** "coupled" is Adam with L2 in the gradient, "decoupled" is AdamW. */
  readonly decay: "coupled" | "decoupled";
  /** This is t of the bias corrections, 1 for the first step. */
  readonly t: number;
}

/**
 * The bindings are weights, first moment, second moment, gradients, pull, mask, segmentOf and segments; adam.wgsl has
 * the formula.
 */
export function planAdam(step: AdamStep, extras: readonly Extra[], window: BindingWindow): Plan {
  const { grid, head } = cover(window);
  const { lr, beta1, beta2, epsilon, t } = step;
  const correction1 = 1 / (1 - beta1 ** t);
  const correction2 = 1 / Math.sqrt(1 - beta2 ** t);
  return {
    program: adamProgram(step.decay, extras),
    uniforms: [...head, ...[lr, beta1, 1 - beta1, beta2, 1 - beta2, correction1, correction2, epsilon].map(f32bits)],
    grid,
  };
}

/** The bindings are x and mask. x becomes exactly 0 where mask is 0. */
export function planMask(window: BindingWindow): Plan {
  const { grid, head } = cover(window);
  return { program: maskProgram, uniforms: head.slice(0, 2), grid };
}

/** "l1" is of Σ|w|, "l2" of half of Σw². */
export type PenaltyKind = "l1" | "l2";

/** The bindings are gradients, weights and the elements' shares in the penalty; penalty.wgsl has the formula. */
export function planPenalty(kind: PenaltyKind, strength: number, window: BindingWindow): Plan {
  const { grid, head } = cover(window);
  return { program: penaltyProgram(kind), uniforms: [...head.slice(0, 2), f32bits(strength)], grid };
}

/** Lists every program that this planner can emit. */
export function variants(): Program[] {
  const extras: Extra[][] = [[], ["pull"], ["mask"], ["pull", "mask"]];
  return [
    ...extras.flatMap((e) => [sgdProgram("heavy-ball", e), sgdProgram("nesterov", e)]),
    ...extras.flatMap((e) => [adamProgram("coupled", e), adamProgram("decoupled", e)]),
    maskProgram,
    penaltyProgram("l1"),
    penaltyProgram("l2"),
  ];
}

const maskProgram: Program = { name: "mask", source: maskSource, access: ["read_write", "read"] };

function penaltyProgram(kind: PenaltyKind): Program {
  return {
    name: "penalty",
    source: penaltySource,
    constants: { KIND: Number(kind === "l2") },
    access: ["read_write", "read", "read"],
  };
}

function sgdProgram(form: SgdStep["form"], extras: readonly Extra[]): Program {
  return {
    name: "sgd",
    source: sgdSource,
    constants: { NESTEROV: Number(form === "nesterov"), ...extraConstants(extras) },
    access: ["read_write", "read_write", "read", "read", "read", "read", "read"],
  };
}

function adamProgram(decay: AdamStep["decay"], extras: readonly Extra[]): Program {
  return {
    name: "adam",
    source: adamSource,
    constants: { DECOUPLED: Number(decay === "decoupled"), ...extraConstants(extras) },
    access: ["read_write", "read_write", "read_write", "read", "read", "read", "read", "read"],
  };
}

function extraConstants(extras: readonly Extra[]): { PULL: number; MASK: number } {
  return { PULL: Number(extras.includes("pull")), MASK: Number(extras.includes("mask")) };
}

function cover(window: BindingWindow): { grid: Plan["grid"]; head: number[] } {
  const count = window.elements / VECTOR;
  const grid = linearGrid(count, THREADS);
  return { grid, head: [grid[0] * THREADS, count, window.first / BLOCK_ELEMENTS] };
}
