/**
 * Sparse products by lists of kept taps: formats say which columns of the GEMM view each line of filters keeps, and
 * here are the ways to run that: x in uniform panels (listed_uniform.ts) or in storage (listed_storage.ts).
 */
import type { Program } from "../../src/gpu/types.ts";
import type { ConvShape } from "../conv/shape.ts";
import type { Epilogue } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import type { ListCost, TapLists } from "./cut.ts";
import type { LinearShape } from "./format.ts";
import { storageConv, storageGemm, storageVariants } from "./listed_storage.ts";
import { uniformConv, uniformGemm, uniformVariants } from "./listed_uniform.ts";

/** Computes y = act(conv(x, w) + …). There are no candidates for groups and for kernels that reach too far. */
export function tapsConv(
  shape: ConvShape,
  epilogue: Epilogue,
  lists: () => TapLists,
  cost: ListCost,
  tuning: Tuning,
): Candidate[] {
  return [uniformConv, storageConv].flatMap((ways) => ways(shape, epilogue, lists, cost, tuning));
}

/** Computes y = act(x·wᵀ + …); there is no way where so few rows of x don't pay for packing. */
export function tapsGemm(shape: LinearShape, lists: () => TapLists, cost: ListCost, tuning: Tuning): Candidate[] {
  return [uniformGemm, storageGemm].flatMap((ways) => ways(shape, lists, cost, tuning));
}

export function variants(): Program[] {
  return [...uniformVariants(), ...storageVariants()];
}
