/** Decides which groups stay by exact selections of the largest scores, of the best patterns, and of N in each M. */
import type { GroupLayout } from "../../kernels/project/layout.ts";
import { planPatterns, planTaps } from "../../kernels/project/pattern.ts";
import { planTopK, type Selection } from "../../kernels/project/topk.ts";
import { keyWindows, planLongTopK, planRuns } from "../../kernels/project/topk_long.ts";
import { UserError } from "../errors.ts";
import type { Gpu, Slice } from "../gpu/gpu.ts";
import { launch } from "./ops/launch.ts";
import { checkBytes, elementsOf, groupsOf, inputsOf, weightsOf, windowsOf } from "./project_slices.ts";

export type { Selection } from "../../kernels/project/topk.ts";

/**
 * Sets mask = 1 for exactly the k largest scores of each selection, where ties go to the lower index, and 0 for the
 * others; scores and mask are f32 buffers that share offsets. status[i] says how many scores of selection i are NaN or
 * infinite: read it with the residuals and hand it to `checkStatus`. It is deterministic, for 0 ≤ k ≤ groups and any
 * number of groups.
 */
export function selectTopK(
  gpu: Gpu,
  scores: Slice,
  selections: readonly Selection[],
  mask: Slice,
  status: Slice,
): void {
  const end = selections.reduce((most, { offset, groups }) => Math.max(most, offset + groups), 0);
  if (4 * end > Math.min(scores.byteLength, mask.byteLength) || 4 * selections.length > status.byteLength) {
    throw new RangeError(
      `selectTopK: ${selections.length} selections up to element ${end} do not fit in ${scores.byteLength} bytes of ` +
        `scores, ${mask.byteLength} of mask, ${status.byteLength} of status`,
    );
  }
  const { small, long } = planTopK(selections);
  for (const plan of small) gpu.run(plan, [scores, mask, status], `${plan.grid[0]} selections`);
  for (const selection of long) {
    const own = (slice: Slice) => elementsOf(slice, selection.offset, selection.groups);
    selectLong(gpu, { w: own(scores) }, selection, own(mask), status);
  }
}

export interface WeightSelection {
  readonly w: Slice;
  readonly u?: Slice;
  /** Element mask of zeros that stay zero: those elements count as 0. */
  readonly frozen?: Slice;
  /** So many weights stay. */
  readonly k: number;
}

/**
 * Makes the unstructured selection: mask = 1 for exactly the k largest |w + u|, where ties go to the lower index,
 * without storing a score. status[slot] says how many are NaN or infinite.
 */
export function selectWeights(
  gpu: Gpu,
  { w, u, frozen, k }: WeightSelection,
  mask: Slice,
  status: Slice,
  slot: number,
): void {
  const groups = w.byteLength / 4;
  for (const slice of [u, frozen, mask]) if (slice) checkBytes("selectWeights", slice, groups);
  if (!(Number.isInteger(k) && k >= 0 && k <= groups)) {
    throw new RangeError(`selectWeights: cannot keep ${k} of ${groups} weights`);
  }
  selectLong(gpu, { w, u, frozen }, { groups, k, slot }, mask, status);
}

/**
 * @throws UserError that names the selections whose scores were NaN or infinite. `names` are in the order of
 * selections.
 */
export function checkStatus(status: Float32Array, names: readonly string[]): void {
  const bad = names.flatMap((name, i) => status[i] > 0 ? [`${name} (${status[i]})`] : []);
  if (bad.length > 0) {
    throw new UserError(
      `projection: group norms are NaN or infinite in ${bad.join(", ")}: the weights have diverged; ` +
        `lower the learning rate or rho`,
    );
  }
}

/** These are w, and u and frozen as for `selectWeights`, of 3×3 kernels. */
export interface PatternInputs {
  readonly w: Slice;
  readonly u?: Slice;
  readonly frozen?: Slice;
}

/**
 * Finds the best of `patterns` (bits of taps, bit 3·kh + kw) for each kernel: scores[q] is what it keeps of the
 * kernel's energy, taps[q] (u32) the pattern itself. Kernels are then chosen by score, and `keepTaps` joins both.
 */
export function patternScores(
  gpu: Gpu,
  { w, u, frozen }: PatternInputs,
  patterns: readonly number[],
  scores: Slice,
  taps: Slice,
): void {
  const kernels = scores.byteLength / 4;
  for (const slice of [w, u, frozen]) if (slice) checkBytes("patternScores", slice, 9 * kernels);
  checkBytes("patternScores taps", taps, kernels);
  const layout: GroupLayout = { F: kernels, C: 1, KK: 9, gf: 1, gc: 0, gk: 0, groups: kernels };
  for (const window of windowsOf(gpu, layout)) {
    const plan = planPatterns(window.layout.F, patterns, inputsOf(u, frozen));
    const of = (slice: Slice) => weightsOf(slice, window);
    gpu.run(plan, [of(w), of(u ?? w), of(frozen ?? w), groupsOf(scores, window), groupsOf(taps, window)]);
  }
}

/**
 * Sets keep[q] ← taps[q], as a number, where the kernel stays: what `ProjectUpdate.kept` and `expandMask` call "taps".
 */
export function keepTaps(gpu: Gpu, taps: Slice, keep: Slice): void {
  checkBytes("keepTaps", taps, keep.byteLength / 4);
  gpu.run(planTaps(keep.byteLength / 4), [taps, keep]);
}

export interface RunSelection extends PatternInputs {
  /** A row has so many weights: runs do not go beyond it, its last may be shorter. */
  readonly length: number;
  readonly n: number;
  readonly m: number;
}

/**
 * Selects N:M: mask = 1 for the n largest |w + u| of each run of m in a row, where ties go to the lower index; status
 * is as for `selectWeights`.
 */
export function selectRuns(
  gpu: Gpu,
  { w, u, frozen, length, n, m }: RunSelection,
  mask: Slice,
  status: Slice,
  slot: number,
): void {
  const rows = w.byteLength / 4 / length;
  for (const slice of [u, frozen, mask]) if (slice) checkBytes("selectRuns", slice, rows * length);
  const windows = windowsOf(gpu, { F: rows, C: length, KK: 1, gf: length, gc: 1, gk: 0, groups: rows * length });
  const operands: Record<string, Slice> = { status };
  for (const [name, slice] of Object.entries({ w, u, frozen, mask })) {
    if (slice) windows.forEach((window, i) => operands[`${name}${i}`] = weightsOf(slice, window));
  }
  const plan = planRuns({ rows: windows.map(({ layout }) => layout.F), length, n, m, slot }, inputsOf(u, frozen));
  launch(gpu, plan, operands, `${n}:${m} of [${rows},${length}]`);
}

function selectLong(
  gpu: Gpu,
  keys: { readonly w: Slice; readonly u?: Slice; readonly frozen?: Slice },
  { groups, k, slot }: { readonly groups: number; readonly k: number; readonly slot: number },
  mask: Slice,
  status: Slice,
): void {
  const windows = keyWindows(groups, gpu.bindingBytes);
  const source = "u" in keys ? inputsOf(keys.u, keys.frozen) : "scores";
  const operands: Record<string, Slice> = { status };
  for (const [name, slice] of Object.entries({ ...keys, mask })) {
    if (slice) windows.forEach(({ first, count }, i) => operands[`${name}${i}`] = elementsOf(slice, first, count));
  }
  launch(gpu, planLongTopK({ windows, k, slot }, source), operands, `${k} of ${groups}`);
}
