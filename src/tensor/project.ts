/**
 * Runs the ADMM projections on the device (docs/pipeline.md): group norms, exact top-k, the Z- and U-step, the pull's
 * target, masks. Everything here only records; what a caller needs to see (residuals, selection status, kept groups)
 * lies in small buffers that it reads together, once per update.
 *
 * One update of one constraint:
 *
 *     groupNorms of each coupled tensor (the first replaces the scores, the others add)
 *       → selectTopK → projectUpdate of each tensor → pullTarget of each tensor
 *
 * WebGPU forbids one buffer as input and output of one dispatch: keep U, Z, targets, scores, kept groups and masks each
 * in a buffer (an arena) of their own.
 */
import { type GroupLayout, type GroupPlaces, layoutSize } from "../../kernels/project/layout.ts";
import { planNorms } from "../../kernels/project/norms.ts";
import { planShift } from "../../kernels/project/shift_groups.ts";
import {
  type Kept,
  planExpand,
  planPull,
  planResidual,
  planScale,
  planScaleGroups,
  planShrinkFactors,
  planUpdate,
} from "../../kernels/project/update.ts";
import { bindingWindows } from "../../kernels/optim/plan.ts";
import { invert, planGather, planGatherGrad } from "../../kernels/shape/gather.ts";
import type { Gpu, GpuBuffer, Slice } from "../gpu/gpu.ts";
import { constantTable } from "./ops/tables.ts";
import { checkBytes, describe, elementsOf, fours, groupsOf, inputsOf, weightsOf, windowsOf } from "./project_slices.ts";

export { type Granularity, type GroupLayout, groupLayout } from "../../kernels/project/layout.ts";
export {
  checkStatus,
  keepTaps,
  patternScores,
  type Selection,
  selectRuns,
  selectTopK,
  selectWeights,
} from "./project_selection.ts";

export interface GroupNormOptions {
  /**
   * True adds to the scores instead of replacing them, for the further tensors of a coupled group. It is false by
   * default.
   */
  readonly accumulate?: boolean;
  /** The sums of squares are multiplied by it: 1/‖T‖² for coupled layers of very different norms, by default 1. */
  readonly scale?: number;
  /** This is an element mask of zeros that stay zero: those elements count as 0. */
  readonly frozen?: Slice;
}

/**
 * Computes scores[g] (+)= scale · Σ_{e ∈ g} (w_e + u_e)², in a fixed order of summation. Without `u` it is of w alone.
 */
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

export interface ProjectUpdate {
  readonly layout: GroupLayout;
  readonly w: Slice;
  readonly u: Slice;
  readonly z: Slice;
  /** It has an f32 per group, where 0 means pruned. */
  readonly keep: Slice;
  /** With "taps" keep holds the bits of each kernel's taps (`keepTaps`). It is "groups" by default. */
  readonly kept?: Kept;
  /** This is an element mask of zeros that stay zero: there Z and U become 0. */
  readonly frozen?: Slice;
  /** "hold" leaves U as it is, for the start, Z = Π(W) with U = 0. It is "update" by default. */
  readonly dual?: "update" | "hold";
  /** It has one vec4<f32> per slot; this call writes slot `slot`. */
  readonly residuals: Slice;
  readonly slot: number;
}

/** Computes Z⁺ = keep ∘ (W + U), U⁺ = U + W − Z⁺, and the sums of `decodeResiduals`. */
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
  // Each window's partial sums begin at a multiple of 256 bytes; what lies between them counts as 0.
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

/** These are norms of one tensor under one constraint, after its update. */
export interface Residual {
  /** It is ‖W − Z⁺‖, the primal residual. */
  readonly gap: number;
  /** It is ‖W‖. */
  readonly weight: number;
  /** It is ‖Z⁺ − Z‖; the dual residual is ρ times this. */
  readonly change: number;
  /** It is ‖Z⁺‖. */
  readonly target: number;
}

/** Decodes the residual buffer as read back, with one entry per slot. */
export function decodeResiduals(data: Float32Array): Residual[] {
  return Array.from({ length: data.length / 4 }, (_, slot) => {
    const [gap, weight, change, target] = data.subarray(4 * slot, 4 * slot + 4).map(Math.sqrt);
    return { gap, weight, change, target };
  });
}

/**
 * Computes T = Σρ_c(Z_c − U_c)/Σρ_c over the constraints of one tensor, for the optimizer's `target` (its rho is Σρ_c).
 */
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

/** Sets U ← U·ρ_old/ρ_new, so that the dual y = ρU does not jump when ρ changes. `u` may be a whole arena. */
export function rescaleDual(gpu: Gpu, u: Slice, rhoOld: number, rhoNew: number): void {
  if (!(rhoOld > 0 && rhoNew > 0)) throw new RangeError(`rescaleDual: rho ${rhoOld} -> ${rhoNew} must be positive`);
  for (const { first, elements } of bindingWindows(u.byteLength / 4, gpu.bindingBytes)) {
    const window = { buffer: u.buffer, byteOffset: u.byteOffset + 4 * first, byteLength: 4 * elements };
    gpu.run(planScale(elements, rhoOld / rhoNew), [window], `${elements} elements`);
  }
}

/**
 * Sets mask[e] ← mask[e] · keep[group of e]: intersects an element mask of 0 and 1 with chosen groups. With `freeze`
 * (the weights) an element that is exactly 0 already is masked too. Bias, γ and β of a filter take the layout of an [F]
 * vector.
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

/**
 * Computes factors[g] = max(0, 1 − threshold/√norms[g]) of groups' sums of squares: by so much the proximal step of
 * threshold·Σ‖w_g‖ shortens each (Yuan and Lin 2006). A group that has nothing gets 0.
 */
export function shrinkFactors(gpu: Gpu, norms: Slice, threshold: number, factors: Slice): void {
  const groups = norms.byteLength / 4;
  checkBytes("shrinkFactors", factors, groups);
  gpu.run(planShrinkFactors(groups, threshold), [norms, factors], `${groups} groups`);
}

/** Sets w[e] ← w[e] · factors[group of e]. */
export function scaleGroups(gpu: Gpu, factors: Slice, layout: GroupLayout, w: Slice): void {
  checkBytes("scaleGroups", w, layoutSize(layout));
  checkBytes("scaleGroups factors", factors, layout.groups);
  for (const window of windowsOf(gpu, layout)) {
    const plan = planScaleGroups(window.layout);
    gpu.run(plan, [fours(groupsOf(factors, window)), weightsOf(w, window)], describe(layout));
  }
}

/** Adds part[i] to scores[place of i]: what of a member is none of the constraint's groups is dropped. */
export function addGroups(gpu: Gpu, part: Slice, places: GroupPlaces, scores: Slice): void {
  const [to, from] = [scores.byteLength / 4, part.byteLength / 4];
  if ("offset" in places) {
    const plan = planShift({ to, from, shift: -places.offset, fallback: 0, write: "add" });
    return gpu.run(plan, [part, scores], `${from} groups`);
  }
  // One more number takes what is dropped.
  const sums = scratch(gpu, 4 * (to + 1), "sums of groups");
  const lists = constantTable(gpu, invert(places.map.map((group) => group < 0 ? to : group), to + 1));
  gpu.run(planGatherGrad({ outer: 1, from: to + 1, to: from, inner: 1 }), [part, lists, sums], `${from} groups`);
  addGroups(gpu, sums, { offset: 0 }, scores);
  sums.buffer.release();
}

/** Sets part[i] = keep[place of i], or 1 where it has none: the member's own view of the kept groups. */
export function takeGroups(gpu: Gpu, keep: Slice, places: GroupPlaces, part: Slice): void {
  const [to, from] = [part.byteLength / 4, keep.byteLength / 4];
  const shifted = (shift: number, into: Slice) => {
    const plan = planShift({ to: into.byteLength / 4, from, shift, fallback: 1, write: "replace" });
    gpu.run(plan, [keep, into], `${to} groups`);
  };
  if ("offset" in places) return shifted(places.offset, part);
  // One more number stays 1 whatever groups go.
  const more = scratch(gpu, 4 * (from + 1), "kept groups and one");
  shifted(0, more);
  const indices = constantTable(gpu, places.map.map((group) => group < 0 ? from : group));
  gpu.run(planGather({ outer: 1, from: from + 1, to, inner: 1 }), [more, indices, part], `${to} groups`);
  more.buffer.release();
}

/** The recording is in order, so a scratch buffer may go back to the pool as soon as its last use is recorded. */
function scratch(gpu: Gpu, byteLength: number, label: string): Slice & { readonly buffer: GpuBuffer } {
  return { buffer: gpu.alloc(byteLength, label), byteOffset: 0, byteLength };
}
