/**
 * Sparse products by lists of kept taps: formats say which columns of the GEMM view each line of filters keeps, and
 * here are the ways to run that: on GPUs a line to a workgroup (listed_direct.ts), elsewhere x in uniform panels
 * (listed_uniform.ts) or in storage (listed_storage.ts), by dispatches of a few lines and workgroups of 8 threads.
 */
import type { Program } from "../../src/gpu/types.ts";
import type { ConvShape } from "../conv/shape.ts";
import type { Epilogue } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import type { ListCost, TapLists } from "./cut.ts";
import type { LinearShape } from "./format.ts";
import { directConv, directGemm, directVariants } from "./listed_direct.ts";
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
  return (tuning.profile.waves ? [directConv] : [uniformConv, storageConv])
    .flatMap((ways) => ways(shape, epilogue, lists, cost, tuning));
}

/** Computes y = act(x·wᵀ + …); elsewhere than on GPUs there is no way where so few rows of x don't pay for packing. */
export function tapsGemm(shape: LinearShape, lists: () => TapLists, cost: ListCost, tuning: Tuning): Candidate[] {
  return (tuning.profile.waves ? [directGemm] : [uniformGemm, storageGemm])
    .flatMap((ways) => ways(shape, lists, cost, tuning));
}

export function variants(): Program[] {
  return [...uniformVariants(), ...storageVariants(), ...directVariants()];
}
