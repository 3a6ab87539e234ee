/**
 * Sparse products by lists of kept taps: formats say which columns of the GEMM view each line of filters keeps, and here
 * are the ways to run that: x in uniform windows (windows.ts) or in storage (stored.ts).
 */
import type { Program } from "../../src/gpu/types.ts";
import type { ConvShape } from "../conv/shape.ts";
import type { Epilogue } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import type { ListCost, TapLists } from "./cut.ts";
import type { LinearShape } from "./format.ts";
import { storedConv, storedGemm, storedVariants } from "./stored.ts";
import { windowsConv, windowsGemm, windowsVariants } from "./windows.ts";

/** y = act(conv(x, w) + …); none for groups and for kernels that reach too far. */
export function tapsConv(
  shape: ConvShape,
  epilogue: Epilogue,
  lists: () => TapLists,
  cost: ListCost,
  tuning: Tuning,
): Candidate[] {
  return [windowsConv, storedConv].flatMap((ways) => ways(shape, epilogue, lists, cost, tuning));
}

/** y = act(x·wᵀ + …); none where so few rows of x don't pay for packing. */
export function tapsGemm(shape: LinearShape, lists: () => TapLists, cost: ListCost, tuning: Tuning): Candidate[] {
  return [windowsGemm, storedGemm].flatMap((ways) => ways(shape, lists, cost, tuning));
}

export function variants(): Program[] {
  return [...windowsVariants(), ...storedVariants()];
}
