/**
 * Runs the ADMM projections on the device (docs/pipeline.md): group norms, exact top-k, the Z- and U-step, the pull's
 * target, masks. Everything here only records; what a caller needs to see (residuals, selection status, kept groups)
 * lies in small buffers that it reads together, once per update.
 *
 * One update of one constraint:
 *
 *     groupNorms of each coupled tensor (the first replaces the scores, the others add)
 *       → selectTopK → projectUpdates of all tensors → pullTargets of all tensors
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
  planPulls,
  planResiduals,
  planScale,
  planScaleGroups,
  planShrinkFactors,
  planUpdates,
  updateKind,
  type UpdateOptions,
  updatePartials,
} from "../../kernels/project/update.ts";
import { bindingWindows } from "../../kernels/optim/plan.ts";
import { invert, planGather, planGatherGrad } from "../../kernels/shape/gather.ts";
import type { Gpu, GpuBuffer, Slice } from "../gpu/gpu.ts";
import { batchesOf } from "./batches.ts";
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
}

/**
 * Computes Z⁺ = keep ∘ (W + U), U⁺ = U + W − Z⁺, and the sums of `decodeResiduals`: those of the i-th update go into the
 * i-th vec4<f32> of `residuals`. Updates whose tensors lie in the same buffers and whose groups lie alike share a dispatch.
 */
export function projectUpdates(gpu: Gpu, updates: readonly ProjectUpdate[], residuals: Slice): void {
  if (16 * updates.length > residuals.byteLength) {
    throw new RangeError(`projectUpdates: ${updates.length} of them, residuals for ${residuals.byteLength / 16}`);
  }
  let partials = 0;
  const sums: { readonly first: number; readonly count: number; readonly slot: number }[] = [];
  const jobs = updates.flatMap((update, slot) => {
    const { layout, w, u, z, keep, kept, frozen, dual = "update" } = update, first = partials;
    for (const slice of [w, u, z, frozen]) if (slice) checkBytes("projectUpdates", slice, layoutSize(layout));
    checkBytes("projectUpdates keep", keep, layout.groups);
    const options: UpdateOptions = { dual, frozen: frozen ? "mask" : "none", keep: kept };
    const windows = windowsOf(gpu, layout).map((window) => {
      const of = (slice: Slice) => weightsOf(slice, window), partial = partials;
      partials += updatePartials(window.layout);
      const slices = [of(w), of(u), of(z), fours(groupsOf(keep, window)), of(frozen ?? w)];
      return { layout: window.layout, options, slices, partial };
    });
    sums.push({ first, count: partials - first, slot });
    return windows;
  });
  if (updates.length === 0) return;
  const sum = scratch(gpu, 16 * partials, "residual partials");
  const kindOf = ({ layout, options }: typeof jobs[number]) => updateKind(layout, options);
  for (const { items, bindings, places } of batchesOf(gpu, jobs, kindOf, ({ slices }) => slices)) {
    const { plan, table } = planUpdates(
      items.map(({ layout, partial }, i) => {
        const [w, u, z, keep, frozen] = places[i];
        return { layout, places: { w, u, z, keep, frozen }, partial };
      }),
      items[0].options,
    );
    gpu.run(plan, [...bindings, constantTable(gpu, table), sum], labelOf(items.map(({ layout }) => describe(layout))));
  }
  const { plan, table } = planResiduals(sums);
  gpu.run(plan, [sum, constantTable(gpu, table), residuals]);
  sum.buffer.release();
}

function labelOf(tensors: readonly string[]): string {
  return tensors.length === 1 ? tensors[0] : `${tensors[0]} and ${tensors.length - 1} more`;
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

/** This is what pulls one tensor: the constraints on it, and where the target goes. */
export interface Pull {
  readonly constraints: readonly { readonly z: Slice; readonly u: Slice; readonly rho: number }[];
  readonly target: Slice;
}

/**
 * Computes T = Σρ_c(Z_c − U_c)/Σρ_c over the constraints of each tensor, for the optimizer's `target` (its rho is Σρ_c).
 * Tensors that lie in the same buffers share a dispatch for their first constraints, one for their second, and so on.
 */
export function pullTargets(gpu: Gpu, pulls: readonly Pull[]): void {
  const jobs = pulls.flatMap(({ constraints, target }) => {
    const total = constraints.reduce((sum, { rho }) => sum + rho, 0), count = target.byteLength / 4;
    if (!(total > 0)) throw new RangeError(`pullTargets: the sum of rho is ${total}, it must be positive`);
    return constraints.flatMap(({ z, u, rho }, c) => {
      checkBytes("pullTargets", z, count);
      checkBytes("pullTargets", u, count);
      return bindingWindows(count, gpu.bindingBytes).map(({ first, elements }) => ({
        c,
        share: rho / total,
        count: elements,
        slices: [z, u, target].map((slice) => elementsOf(slice, first, elements)),
      }));
    });
  });
  for (const [c, together] of [...Map.groupBy(jobs, ({ c }) => c)].sort(([a], [b]) => a - b)) {
    for (const { items, bindings: [z, u, target], places } of batchesOf(gpu, together, () => "", (job) => job.slices)) {
      const { plan, table } = planPulls(items.map(({ count, share }, i) => {
        const [z, u, t] = places[i];
        return { count, places: { z, u, t }, write: c === 0 ? "replace" : "add", share };
      }));
      const label = labelOf(items.map(({ count }) => `${count} elements`));
      gpu.run(plan, [z, u, constantTable(gpu, table), target], label);
    }
  }
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
