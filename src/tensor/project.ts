/**
 * The ADMM projections on the device (docs/pipeline.md): group norms, exact top-k, the Z- and U-step, the pull's
 * target, masks. Everything here only records; what a caller needs to see (residuals, selection status, kept groups) lies
 * in small buffers that it reads together, once per update.
 *
 * One update of one constraint:
 *
 *     groupNorms of each coupled tensor (the first replaces the scores, the others add)
 *       → selectTopK → projectUpdate of each tensor → pullTarget of each tensor
 *
 * WebGPU forbids one buffer as input and output of one dispatch: keep U, Z, targets, scores, kept groups and masks each in a
 * buffer (an arena) of their own.
 */
import { type GroupLayout, layoutSize, type LayoutWindow, layoutWindows } from "../../kernels/project/layout.ts";
import { planNorms } from "../../kernels/project/norms.ts";
import { planPatterns, planTaps } from "../../kernels/project/pattern.ts";
import { planTopK, type Selection } from "../../kernels/project/topk.ts";
import { keyWindows, planLongTopK, planRuns } from "../../kernels/project/topk_long.ts";
import { type Kept, planExpand, planPull, planResidual, planScale, planUpdate } from "../../kernels/project/update.ts";
import { planShift } from "../../kernels/project/shift_groups.ts";
import { bindingWindows } from "../../kernels/optim/plan.ts";
import { UserError } from "../errors.ts";
import type { Gpu, GpuBuffer, Slice } from "../gpu/gpu.ts";
import { launch } from "./ops/launch.ts";

export { type Granularity, type GroupLayout, groupLayout } from "../../kernels/project/layout.ts";
export type { Selection } from "../../kernels/project/topk.ts";

export interface GroupNormOptions {
  /** Add to the scores instead of replacing them: the further tensors of a coupled group. Default false. */
  readonly accumulate?: boolean;
  /** Factor on the sums of squares, 1/‖T‖² for coupled layers of very different norms. Default 1. */
  readonly scale?: number;
  /** Element mask of zeros that stay zero: those elements count as 0. */
  readonly frozen?: Slice;
}

/** scores[g] (+)= scale · Σ_{e ∈ g} (w_e + u_e)², in a fixed order of summation. Without `u`, of w alone. */
export function groupNorms(
  gpu: Gpu,
  w: Slice,
  u: Slice | undefined,
  layout: GroupLayout,
  scores: Slice,
  { accumulate = false, scale = 1, frozen }: GroupNormOptions = {},
): void {
  for (const slice of [w, u, frozen]) if (slice) checkBytes("groupNorms", slice, layoutSize(layout));
  checkBytes("groupNorms scores", scores, layout.groups);
  const inputs = inputsOf(u, frozen);
  const label = describe(layout);
  windowsOf(gpu, layout).forEach((window, i) => {
    const write = accumulate || (layout.gf === 0 && i > 0) ? "add" : "replace";
    const plan = planNorms(window.layout, { write, scale, inputs });
    const of = (slice: Slice) => weightsOf(slice, window);
    const to = groupsOf(scores, window);
    const operands = [of(w), of(u ?? w), of(frozen ?? w)];
    if (!plan.second) return gpu.run(plan.first, [...operands, to], label);
    const partials = scratch(gpu, 4 * plan.partials, "norm partials");
    gpu.run(plan.first, [...operands, fours(partials)], label);
    gpu.run(plan.second, [partials, partials, partials, to], label);
    partials.buffer.release();
  });
}

/**
 * mask = 1 for exactly the k largest scores of each selection, ties to the lower index, 0 for the others; scores and mask
 * are f32 buffers that share offsets. status[i] = how many scores of selection i are NaN or infinite: read it with the
 * residuals and hand it to `checkStatus`. Deterministic, 0 ≤ k ≤ groups, any number of groups.
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
  /** How many weights stay. */
  readonly k: number;
}

/**
 * The unstructured selection: mask = 1 for exactly the k largest |w + u|, ties to the lower index, without storing a score.
 * status[slot] = how many are NaN or infinite.
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

/** @throws UserError that names the selections whose scores were NaN or infinite. `names` are in the order of selections. */
export function checkStatus(status: Float32Array, names: readonly string[]): void {
  const bad = names.flatMap((name, i) => status[i] > 0 ? [`${name} (${status[i]})`] : []);
  if (bad.length > 0) {
    throw new UserError(
      `projection: group norms are NaN or infinite in ${bad.join(", ")}: the weights have diverged; ` +
        `lower the learning rate or rho`,
    );
  }
}

/** w, with u and frozen as for `selectWeights`, of 3×3 kernels. */
export interface PatternInputs {
  readonly w: Slice;
  readonly u?: Slice;
  readonly frozen?: Slice;
}

/**
 * The best of `patterns` (bits of taps, bit 3·kh + kw) for each kernel: scores[q] is what it keeps of the kernel's energy,
 * taps[q] (u32) the pattern itself. Kernels are then chosen by score, and `keepTaps` joins both.
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

/** keep[q] ← taps[q], as a number, where the kernel stays: what `ProjectUpdate.kept` and `expandMask` call "taps". */
export function keepTaps(gpu: Gpu, taps: Slice, keep: Slice): void {
  checkBytes("keepTaps", taps, keep.byteLength / 4);
  gpu.run(planTaps(keep.byteLength / 4), [taps, keep]);
}

export interface RunSelection extends PatternInputs {
  /** Weights per row: runs do not go beyond it, its last may be shorter. */
  readonly length: number;
  readonly n: number;
  readonly m: number;
}

/** N:M: mask = 1 for the n largest |w + u| of each run of m in a row, ties to the lower index; status as `selectWeights`. */
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

export interface ProjectUpdate {
  readonly layout: GroupLayout;
  readonly w: Slice;
  readonly u: Slice;
  readonly z: Slice;
  /** f32 per group, 0 = pruned. */
  readonly keep: Slice;
  /** "taps": keep holds the bits of each kernel's taps (`keepTaps`). Default "groups". */
  readonly kept?: Kept;
  /** Element mask of zeros that stay zero: there Z and U become 0. */
  readonly frozen?: Slice;
  /** "hold" leaves U: the start, Z = Π(W) with U = 0. Default "update". */
  readonly dual?: "update" | "hold";
  /** One vec4<f32> per slot; this call writes slot `slot`. */
  readonly residuals: Slice;
  readonly slot: number;
}

/** Z⁺ = keep ∘ (W + U), U⁺ = U + W − Z⁺, and the sums of `decodeResiduals`. */
export function projectUpdate(gpu: Gpu, update: ProjectUpdate): void {
  const { layout, w, u, z, keep, kept, frozen, dual = "update", residuals, slot } = update;
  for (const slice of [w, u, z, frozen]) if (slice) checkBytes("projectUpdate", slice, layoutSize(layout));
  checkBytes("projectUpdate keep", keep, layout.groups);
  if (16 * (slot + 1) > residuals.byteLength) {
    throw new RangeError(`projectUpdate: slot ${slot} of a residual buffer of ${residuals.byteLength / 16}`);
  }
  const plans = windowsOf(gpu, layout).map((window) => ({
    window,
    plan: planUpdate(window.layout, { dual, frozen: frozen ? "mask" : "none", keep: kept }),
  }));
  // Each window's begin at a multiple of 256 bytes; what lies between them counts as 0.
  const aligned = (count: number) => plans.length === 1 ? count : Math.ceil(count / 16) * 16;
  const all = plans.reduce((sum, { plan }) => sum + aligned(plan.partials), 0);
  const partials = scratch(gpu, 16 * all, "residual partials");
  if (plans.length > 1) gpu.clear(partials);
  let first = 0;
  for (const { window, plan } of plans) {
    const of = (slice: Slice) => weightsOf(slice, window);
    const own = { ...partials, byteOffset: 16 * first, byteLength: 16 * plan.partials };
    gpu.run(plan.update, [of(w), of(u), of(z), fours(groupsOf(keep, window)), of(frozen ?? w), own], describe(layout));
    first += aligned(plan.partials);
  }
  gpu.run(planResidual(all, slot), [partials, residuals]);
  partials.buffer.release();
}

/** Norms of one tensor under one constraint, after its update. */
export interface Residual {
  /** ‖W − Z⁺‖, the primal residual. */
  readonly gap: number;
  /** ‖W‖. */
  readonly weight: number;
  /** ‖Z⁺ − Z‖; the dual residual is ρ times this. */
  readonly change: number;
  /** ‖Z⁺‖. */
  readonly target: number;
}

/** The residual buffer as read back, one entry per slot. */
export function decodeResiduals(data: Float32Array): Residual[] {
  return Array.from({ length: data.length / 4 }, (_, slot) => {
    const [gap, weight, change, target] = data.subarray(4 * slot, 4 * slot + 4).map(Math.sqrt);
    return { gap, weight, change, target };
  });
}

/** T = Σρ_c(Z_c − U_c)/Σρ_c over the constraints of one tensor, for the optimizer's `target` (its rho is Σρ_c). */
export function pullTarget(
  gpu: Gpu,
  constraints: readonly { readonly z: Slice; readonly u: Slice; readonly rho: number }[],
  target: Slice,
): void {
  const total = constraints.reduce((sum, { rho }) => sum + rho, 0);
  if (!(total > 0)) throw new RangeError(`pullTarget: the sum of rho is ${total}, it must be positive`);
  const count = target.byteLength / 4;
  constraints.forEach(({ z, u, rho }, c) => {
    checkBytes("pullTarget", z, count);
    checkBytes("pullTarget", u, count);
    for (const { first, elements } of bindingWindows(count, gpu.bindingBytes)) {
      const plan = planPull(elements, c === 0 ? "replace" : "add", rho / total);
      gpu.run(plan, [z, u, target].map((slice) => elementsOf(slice, first, elements)), `${count} elements`);
    }
  });
}

/** U ← U·ρ_old/ρ_new, so that the dual y = ρU does not jump when ρ changes. `u` may be a whole arena. */
export function rescaleDual(gpu: Gpu, u: Slice, rhoOld: number, rhoNew: number): void {
  if (!(rhoOld > 0 && rhoNew > 0)) throw new RangeError(`rescaleDual: rho ${rhoOld} -> ${rhoNew} must be positive`);
  for (const { first, elements } of bindingWindows(u.byteLength / 4, gpu.bindingBytes)) {
    const window = { buffer: u.buffer, byteOffset: u.byteOffset + 4 * first, byteLength: 4 * elements };
    gpu.run(planScale(elements, rhoOld / rhoNew), [window], `${elements} elements`);
  }
}

/**
 * mask[e] ← mask[e] · keep[group of e]: intersects an element mask of 0 and 1 with chosen groups. With `freeze` (the
 * weights) an element that is exactly 0 already is masked too. Bias, γ and β of a filter take the layout of an [F] vector.
 */
export function expandMask(
  gpu: Gpu,
  keep: Slice,
  layout: GroupLayout,
  mask: Slice,
  { freeze, kept }: { readonly freeze?: Slice; readonly kept?: Kept } = {},
): void {
  for (const slice of [mask, freeze]) if (slice) checkBytes("expandMask", slice, layoutSize(layout));
  checkBytes("expandMask keep", keep, layout.groups);
  for (const window of windowsOf(gpu, layout)) {
    const plan = planExpand(window.layout, freeze ? "freeze" : "ignore", kept);
    const own = fours(groupsOf(keep, window));
    gpu.run(plan, [own, freeze ? weightsOf(freeze, window) : own, weightsOf(mask, window)], describe(layout));
  }
}

/** scores[offset + i] += part[i]: a member whose groups are a stretch of its constraint's (what lies outside is dropped). */
export function addGroups(gpu: Gpu, part: Slice, offset: number, scores: Slice): void {
  const [to, from] = [scores.byteLength / 4, part.byteLength / 4];
  gpu.run(planShift({ to, from, shift: -offset, fallback: 0, write: "add" }), [part, scores], `${from} groups`);
}

/** part[i] = keep[offset + i], 1 where that is outside: the member's own view of the kept groups. */
export function takeGroups(gpu: Gpu, keep: Slice, offset: number, part: Slice): void {
  const [to, from] = [part.byteLength / 4, keep.byteLength / 4];
  gpu.run(planShift({ to, from, shift: offset, fallback: 1, write: "replace" }), [keep, part], `${to} groups`);
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

/** @throws RangeError where the device could not bind it: its offsets are multiples of 256 bytes */
function elementsOf({ buffer, byteOffset }: Slice, first: number, count: number): Slice {
  const start = byteOffset + 4 * first;
  if (start % 256 !== 0) throw new RangeError(`a long selection begins at byte ${start}, not at a multiple of 256`);
  return { buffer, byteOffset: start, byteLength: 4 * count };
}

function inputsOf(u: Slice | undefined, frozen: Slice | undefined): ("dual" | "frozen")[] {
  return [...u ? ["dual" as const] : [], ...frozen ? ["frozen" as const] : []];
}

/** A tensor above the binding limit goes through in stretches of filters. */
function windowsOf(gpu: Gpu, layout: GroupLayout): LayoutWindow[] {
  return layoutWindows(layout, gpu.bindingBytes);
}

function weightsOf({ buffer, byteOffset }: Slice, { layout, element }: LayoutWindow): Slice {
  return fours({ buffer, byteOffset: byteOffset + 4 * element, byteLength: 4 * layoutSize(layout) });
}

function groupsOf({ buffer, byteOffset }: Slice, { layout, group }: LayoutWindow): Slice {
  return { buffer, byteOffset: byteOffset + 4 * group, byteLength: 4 * layout.groups };
}

/** Kernels take arrays of vec4; buffers have room to round up. */
function fours({ buffer, byteOffset, byteLength }: Slice): Slice {
  return { buffer, byteOffset, byteLength: Math.ceil(byteLength / 16) * 16 };
}

/** The recording is in order, so a scratch buffer may go back to the pool as soon as its last use is recorded. */
function scratch(gpu: Gpu, byteLength: number, label: string): Slice & { readonly buffer: GpuBuffer } {
  return { buffer: gpu.alloc(byteLength, label), byteOffset: 0, byteLength };
}

function checkBytes(what: string, slice: Slice, elements: number): void {
  if (slice.byteLength !== 4 * elements) {
    throw new RangeError(`${what}: a slice of ${slice.byteLength / 4} elements, expected ${elements}`);
  }
}

function describe({ F, C, KK, groups }: GroupLayout): string {
  return `[${F},${C},${KK}], ${groups} groups`;
}
