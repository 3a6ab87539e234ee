import type { Program } from "../../src/gpu/types.ts";
import { endsWithGelu } from "../activation.ts";
import type { Launch } from "../launch.ts";
import { sizeClass } from "../size_class.ts";
import { type Candidate, choose, type Tuning, UNTUNED } from "../tuning.ts";
import { panelCandidates, panelPrograms } from "./panels.ts";
import { registerCandidates, registerPrograms } from "./registers.ts";
import { matrixVectorCandidates, matrixVectorPrograms } from "./matrix_vector.ts";
import type { GemmShape } from "./shape.ts";
import { sliceCandidates, slicePrograms } from "./slices.ts";
import { reducePrograms } from "./split.ts";
import { tileCandidates, tilePrograms } from "./tiles.ts";
import { wideCandidates, widePrograms } from "./wide.ts";
import { planInBindingWindows } from "./binding_windows.ts";

export type { Batch, Contiguous, GemmShape } from "./shape.ts";
export { reduceStep } from "./split.ts";

/**
 * Computes Y[m,n] = act(A·Bᵀ + bias[n] + residual[m,n]); the operands are "a", "b", "y" and, as the epilogue says,
 * "bias" and "residual". nt, nn and tn products differ in `a` and `b` only. All sizes are at least 1. k is split
 * (scratch "partial") when m·n is small.
 *
 * @throws RangeError for a batch of more products than a grid has layers
 */
export function planGemm(shape: GemmShape, tuning: Tuning = UNTUNED): Launch {
  return planInBindingWindows(
    shape,
    tuning,
    (part) => choose(gemmClass(part), gemmCandidates(part, tuning), tuning).build(),
  );
}

/**
 * Names what a measurement is valid for: sizes up to a step of their class. Epilogues cost the same whichever way the
 * sum is made.
 */
export function gemmClass({ m, n, k, a, b, batch, storage, fixed }: GemmShape): string {
  const layout = `${a === "k" ? "n" : "t"}${b === "k" ? "t" : "n"}`;
  const batches = batch ? ` x${2 ** Math.ceil(Math.log2(batch.count))}` : "";
  const sizes = [m, n, k].map(sizeClass).join("x");
  return `gemm ${layout} ${sizes}${batches}${storage === "f16" ? " f16" : ""}${fixed ? ` fixed ${fixed}` : ""}`;
}

/**
 * Gives the ways that can win somewhere, and do the epilogue. f16 has other numbers: it is taken where the shape asks for it, and then
 * alone.
 */
export function gemmCandidates(shape: GemmShape, tuning: Tuning): Candidate[] {
  if (shape.storage === "f16") return tileCandidates(shape, tuning);
  if (endsWithGelu(shape)) {
    return [registerCandidates, tileCandidates, sliceCandidates].flatMap((ways) => ways(shape, tuning));
  }
  return [registerCandidates, wideCandidates, panelCandidates, tileCandidates, sliceCandidates, matrixVectorCandidates]
    .flatMap((ways) => ways(shape, tuning));
}

export function variants(): Program[] {
  return [
    registerPrograms,
    reducePrograms,
    widePrograms,
    panelPrograms,
    tilePrograms,
    slicePrograms,
    matrixVectorPrograms,
  ].flatMap((
    programs,
  ) => programs());
}
