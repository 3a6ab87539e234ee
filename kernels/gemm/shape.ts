import type { Epilogue, Launch, Step } from "../launch.ts";

/** Says which dimension of a matrix lies contiguous in memory: the summed one, or the one that the output keeps. */
export type Contiguous = "k" | "rows";

export interface GemmShape extends Epilogue {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** A is [m,k] ("k") or [k,m] ("rows") in memory. */
  readonly a: Contiguous;
  /** B is [n,k] ("k") or [k,n] ("rows") in memory. */
  readonly b: Contiguous;
  /** There are so many independent products, whose outputs lie one after another; by default there is one. */
  readonly batch?: Batch;
  /**
   * This says what b is read as: "f16" rounds it in `prepare` (values within ±65504), which halves what is read, and
   * sums in f32. It is "f32" by default.
   */
  readonly storage?: "f32" | "f16";
  /** This operand is the same in every call: what is made of it alone goes to `prepare`. By default there is none. */
  readonly fixed?: "b";
}

/** Gives the launch with the steps that pack b: before every call, or in `prepare` where b is fixed. */
export function packedLaunch(launch: Launch, packB: readonly Step[], { fixed }: GemmShape): Launch {
  if (packB.length === 0) return launch;
  return fixed === "b" ? { ...launch, prepare: packB } : { ...launch, steps: [...packB, ...launch.steps] };
}

/** These are strides in elements, 0 for an operand that all products share. */
export interface Batch {
  readonly count: number;
  readonly a: number;
  readonly b: number;
}
