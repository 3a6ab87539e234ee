/** What the planner's estimates of products are made of, in ns. Measured on a software adapter; on GPUs only the order counts. */
import { type Tuning, UNTUNED } from "../tuning.ts";

/**
 * Per group of 8 lanes: a vec4 from storage (22 with AVX-512, 240 with AVX2), a vec4 from a uniform array, the 64
 * multiply-adds of a 4 × 4 block with a vec4 of k, a loop's turn.
 */
export const LOAD = 80, UNIFORM_LOAD = 14, BLOCK = 26, TURN = 27;
/** A dispatch that waits for the one before. */
export const DISPATCH = 5_000;

export function isGpu({ threads }: Tuning): boolean {
  return threads > UNTUNED.threads;
}

/** So many threads run `ns` each, as many at a time as the device has lanes. */
export function timeOf(threads: number, ns: number, tuning: Tuning): number {
  return Math.max(1, threads / (isGpu(tuning) ? tuning.threads : CPU_LANES)) * ns;
}

/** Two cores of 8. */
const CPU_LANES = 16;
