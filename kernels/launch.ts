import type { Plan } from "../src/gpu/types.ts";

/**
 * This is one dispatch of a launch; `bindings` names its buffers: operands of the launch, its scratch or its tables.
 */
export interface Step {
  readonly plan: Plan;
  readonly bindings: readonly string[];
  /** It names the parts of the buffers to bind, by place in `bindings`; by default the whole ones are bound. */
  readonly windows?: Readonly<Record<number, BindingWindow>>;
}

/** This is the part of a buffer that a dispatch binds, in bytes; the offset is a multiple of 256. */
export interface BindingWindow {
  readonly byteOffset: number;
  readonly byteLength: number;
}

/**
 * A launch is the dispatches that together compute one result, with what they need beside their operands: scratch
 * buffers (bytes) and read-only tables. It is pure data: a planner makes it, `tensor/` runs it.
 *
 * Every buffer is bound at a length rounded up to 16 bytes, so that kernels may declare it as an array of vec4.
 */
export interface Launch {
  readonly steps: readonly Step[];
  /**
   * These steps depend on the weights only: inference runs them once, training before every call. By default there are
   * none.
   */
  readonly prepare?: readonly Step[];
  readonly scratch: Readonly<Record<string, number>>;
  readonly tables: Readonly<Record<string, Uint32Array<ArrayBuffer>>>;
  /** How far outputs may be from the exact ones, over the largest, where that is more than plain sums are. */
  readonly error?: number;
}

/** Says what happens to a sum before it is stored: + bias, + residual, then the activation. */
export interface Epilogue {
  readonly bias?: "none" | "add";
  readonly residual?: "none" | "add";
  readonly activation?: Activation;
}

/** The last two are done by GPUs' ways alone (activation.ts). */
export type Activation = "none" | "relu" | "relu6" | "gelu" | "geluTanh";

/** Gives the constants that the shaders' epilogues share. */
export function epilogueConstants(e: Epilogue): Record<string, number> {
  return {
    BIAS: e.bias === "add" ? 1 : 0,
    RESIDUAL: e.residual === "add" ? 1 : 0,
    ACTIVATION: { none: 0, relu: 1, relu6: 2, gelu: 3, geluTanh: 4 }[e.activation ?? "none"],
  };
}

/** Together these epilogues have every value of every part that all ways do; the empty one comes first. */
export const EPILOGUES: readonly Epilogue[] = [
  {},
  { bias: "none", residual: "add", activation: "none" },
  { bias: "add", residual: "none", activation: "relu" },
  { bias: "add", residual: "add", activation: "relu6" },
];

export function ceilDiv(a: number, b: number): number {
  return Math.ceil(a / b);
}
