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
import { type GroupLayout, layoutSize } from "../../kernels/project/layout.ts";
import { type NormInput, planNorms } from "../../kernels/project/norms.ts";
import { type LongTopK, planTopK, type Role, type Selection, STATE_BYTES } from "../../kernels/project/topk.ts";
import { planExpand, planPull, planScale, planUpdate } from "../../kernels/project/update.ts";
import { planWindow } from "../../kernels/project/window.ts";
import { planWindows } from "../../kernels/optim/plan.ts";
import { UserError } from "../errors.ts";
import type { Gpu, GpuBuffer, Slice } from "../gpu/gpu.ts";

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
  const inputs: NormInput[] = [];
  if (u) inputs.push("dual");
  if (frozen) inputs.push("frozen");
  const plan = planNorms(layout, { write: accumulate ? "add" : "replace", scale, inputs });
  const label = describe(layout);
  if (!plan.second) return gpu.run(plan.first, [w, u ?? w, frozen ?? w, scores], label);
  const partials = scratch(gpu, 4 * plan.partials, "norm partials");
  gpu.run(plan.first, [w, u ?? w, frozen ?? w, partials], label);
  gpu.run(plan.second, [partials, partials, partials, scores], label);
  partials.buffer.release();
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
  for (const plan of planTopK(selections)) {
    if (plan.kind === "small") gpu.run(plan.plan, [scores, mask, status], `${plan.plan.grid[0]} selections`);
    else selectLong(gpu, plan, { scores, mask, status });
  }
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

export interface ProjectUpdate {
  readonly layout: GroupLayout;
  readonly w: Slice;
  readonly u: Slice;
  readonly z: Slice;
  /** f32 per group, 0 = pruned. */
  readonly keep: Slice;
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
  const { layout, w, u, z, keep, frozen, dual = "update", residuals, slot } = update;
  for (const slice of [w, u, z, frozen]) if (slice) checkBytes("projectUpdate", slice, layoutSize(layout));
  checkBytes("projectUpdate keep", keep, layout.groups);
  if (16 * (slot + 1) > residuals.byteLength) {
    throw new RangeError(`projectUpdate: slot ${slot} of a residual buffer of ${residuals.byteLength / 16}`);
  }
  const plan = planUpdate(layout, { dual, frozen: frozen ? "mask" : "none", slot });
  const partials = scratch(gpu, 16 * plan.partials, "residual partials");
  gpu.run(plan.update, [w, u, z, keep, frozen ?? w, partials], describe(layout));
  gpu.run(plan.residual, [partials, residuals]);
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
    gpu.run(planPull(count, c === 0 ? "replace" : "add", rho / total), [z, u, target], `${count} elements`);
  });
}

/** U ← U·ρ_old/ρ_new, so that the dual y = ρU does not jump when ρ changes. `u` may be a whole arena. */
export function rescaleDual(gpu: Gpu, u: Slice, rhoOld: number, rhoNew: number): void {
  if (!(rhoOld > 0 && rhoNew > 0)) throw new RangeError(`rescaleDual: rho ${rhoOld} -> ${rhoNew} must be positive`);
  for (const { first, elements } of planWindows(u.byteLength / 4, gpu.limits.maxStorageBufferBindingSize)) {
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
  { freeze }: { readonly freeze?: Slice } = {},
): void {
  for (const slice of [mask, freeze]) if (slice) checkBytes("expandMask", slice, layoutSize(layout));
  checkBytes("expandMask keep", keep, layout.groups);
  gpu.run(planExpand(layout, freeze ? "freeze" : "ignore"), [keep, freeze ?? keep, mask], describe(layout));
}

/** scores[offset + i] += part[i]: a member whose groups are a stretch of its constraint's (what lies outside is dropped). */
export function addGroups(gpu: Gpu, part: Slice, offset: number, scores: Slice): void {
  const [to, from] = [scores.byteLength / 4, part.byteLength / 4];
  gpu.run(planWindow({ to, from, shift: -offset, fallback: 0, write: "add" }), [part, scores], `${from} groups`);
}

/** part[i] = keep[offset + i], 1 where that is outside: the member's own view of the kept groups. */
export function takeGroups(gpu: Gpu, keep: Slice, offset: number, part: Slice): void {
  const [to, from] = [part.byteLength / 4, keep.byteLength / 4];
  gpu.run(planWindow({ to, from, shift: offset, fallback: 1, write: "replace" }), [keep, part], `${to} groups`);
}

function selectLong(gpu: Gpu, { tiles, steps }: LongTopK, given: Record<"scores" | "mask" | "status", Slice>): void {
  const state = scratch(gpu, STATE_BYTES, "top-k state");
  const ties = scratch(gpu, 4 * tiles, "top-k ties");
  gpu.clear(state);
  const slices: Record<Role, Slice> = { ...given, state, ties };
  for (const { plan, bind } of steps) gpu.run(plan, bind.map((role) => slices[role]), `${tiles} tiles`);
  state.buffer.release();
  ties.buffer.release();
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
