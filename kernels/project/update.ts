import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import expandSource from "./expand.wgsl" with { type: "text" };
import groups from "./groups.wgsl" with { type: "text" };
import jobsSource from "./jobs.wgsl" with { type: "text" };
import { checkLayout, type GroupLayout, layoutSize } from "./layout.ts";
import pullSource from "./pull.wgsl" with { type: "text" };
import residualSource from "./residual.wgsl" with { type: "text" };
import scaleGroupsSource from "./scale_groups.wgsl" with { type: "text" };
import shrinkFactorsSource from "./shrink_factors.wgsl" with { type: "text" };
import scaleSource from "./scale.wgsl" with { type: "text" };
import updateSource from "./update.wgsl" with { type: "text" };

const THREADS = 64;
/** So many are enough to fill a device; the partial sums of a layer then fit a second stage of one workgroup. */
const MOST_WORKGROUPS = 1024;
/** One thread takes so many elements before another workgroup is worth starting. */
const PER_THREAD = 16;

/** Says where a tensor begins in each buffer that its dispatch binds, in elements: multiples of 64. */
export interface UpdatePlaces {
  readonly w: number;
  readonly u: number;
  readonly z: number;
  readonly keep: number;
  readonly frozen: number;
}

/** This is one tensor of an update. */
export interface UpdateJob {
  readonly layout: GroupLayout;
  readonly places: UpdatePlaces;
  /** Its partial sums begin here; it has `updatePartials` of them. */
  readonly partial: number;
}

/** This is a plan for several tensors, with a table that says which there are. */
export interface JobsPlan {
  readonly plan: Plan;
  readonly table: readonly number[];
}

/** Says what the vector of kept groups holds: whether each stays, or for each kernel the bits of the taps that stay. */
export type Kept = "groups" | "taps";

export interface UpdateOptions {
  /** "hold" leaves U as it is: the start, Z = Π(W) with U = 0. */
  readonly dual: "update" | "hold";
  readonly frozen: "none" | "mask";
  /** It is "groups" by default. */
  readonly keep?: Kept;
}

/** Counts the vec4<f32> of scratch that an update of a tensor needs, which `planResiduals` adds up. */
export function updatePartials(layout: GroupLayout): number {
  return Math.min(MOST_WORKGROUPS, Math.ceil(layoutSize(layout) / (THREADS * PER_THREAD)));
}

/**
 * Plans the Z- and U-step of tensors whose `updateKind` is the same; update.wgsl has the formulas. The bindings are w, u,
 * z, keep, frozen, the table and partials.
 */
export function planUpdates(jobs: readonly UpdateJob[], options: UpdateOptions): JobsPlan {
  const { uniforms, grid, starts } = shareOut(jobs.map(({ layout }) => updatePartials(checkLayout(layout))));
  const table = jobs.flatMap(({ layout, places: { w, u, z, keep, frozen }, partial }, i) => [
    ...groupWords(layout),
    ...[starts[i], updatePartials(layout), layoutSize(layout)],
    ...[w, u, z, keep, frozen].map((place) => place / 4),
    partial,
  ]);
  return { plan: { program: updateProgram(options, jobs[0].layout), uniforms, grid }, table };
}

/** Names the variant of the shader that updates such a tensor. */
export function updateKind(layout: GroupLayout, options: UpdateOptions): string {
  return JSON.stringify(updateProgram(options, layout).constants);
}

/** The bindings are partials, the table and residuals; a tensor's sums go into the vec4 `slot` of the residual buffer. */
export function planResiduals(
  tensors: readonly { readonly first: number; readonly count: number; readonly slot: number }[],
): JobsPlan {
  const table = tensors.flatMap(({ first, count, slot }) => [first, count, slot]);
  return { plan: { program: residualProgram, uniforms: [], grid: [tensors.length, 1, 1] }, table };
}

/** Shares out workgroups among so many jobs of so many each. */
function shareOut(workgroups: readonly number[]) {
  let all = 0;
  const starts = workgroups.map((own) => (all += own) - own);
  const grid = linearGrid(all, 1);
  return { starts, grid, uniforms: [workgroups.length, all, grid[0]] };
}

/** The bindings are keep, weights and mask. expand.wgsl has the formula. */
export function planExpand(layout: GroupLayout, zeros: "freeze" | "ignore", keep: Kept = "groups"): Plan {
  const count = layoutSize(checkLayout(layout));
  const grid = linearGrid(count, 4 * THREADS);
  const program = expandProgram(zeros, layout, keep);
  return { program, uniforms: [...groupWords(layout), grid[0] * THREADS, count], grid };
}

/** This is one tensor's pull; the places are in elements. */
export interface PullJob {
  readonly count: number;
  readonly places: { readonly z: number; readonly u: number; readonly t: number };
  readonly write: "replace" | "add";
  readonly share: number;
}

/** The bindings are z, u, the table and t; pull.wgsl has the formula. */
export function planPulls(jobs: readonly PullJob[]): JobsPlan {
  const { uniforms, grid, starts } = shareOut(jobs.map(({ count }) => Math.ceil(count / THREADS)));
  const table = jobs.flatMap((
    { count, places: { z, u, t }, write, share },
    i,
  ) => [starts[i], count, z, u, t, Number(write === "add"), f32bits(share)]);
  return { plan: { program: pullProgram, uniforms, grid }, table };
}

/** The binding is u. */
export function planScale(count: number, factor: number): Plan {
  const { grid, head } = cover(count);
  return { program: scaleProgram, uniforms: [...head, f32bits(factor)], grid };
}

/** The bindings are norms and factors; shrink_factors.wgsl has the formula. */
export function planShrinkFactors(groups: number, threshold: number): Plan {
  const { grid, head } = cover(groups);
  return { program: shrinkFactorsProgram, uniforms: [...head, f32bits(threshold)], grid };
}

/** The bindings are factors and weights; scale_groups.wgsl has the formula. */
export function planScaleGroups(layout: GroupLayout): Plan {
  const count = layoutSize(checkLayout(layout));
  const grid = linearGrid(count, 4 * THREADS);
  return { program: scaleGroupsProgram(layout), uniforms: [...groupWords(layout), grid[0] * THREADS, count], grid };
}

/** Lists every program that this planner can emit. */
export function variants(): Program[] {
  const layouts: readonly GroupLayout[] = [
    { F: 1, C: 3, KK: 1, gf: 0, gc: 1, gk: 0, groups: 3 },
    { F: 4, C: 3, KK: 1, gf: 1, gc: 0, gk: 0, bf: 2, groups: 2 },
    { F: 3, C: 1, KK: 1, gf: 1, gc: 0, gk: 0, groups: 3 },
    { F: 1, C: 4, KK: 2, gf: 0, gc: 2, gk: 1, groups: 8 },
    { F: 2, C: 4, KK: 1, gf: 1, gc: 0, gk: 0, groups: 2 },
    { F: 2, C: 4, KK: 1, gf: 0, gc: 1, gk: 0, groups: 4 },
    { F: 2, C: 5, KK: 1, gf: 1, gc: 0, gk: 0, groups: 2 },
    { F: 2, C: 5, KK: 1, gf: 0, gc: 1, gk: 0, groups: 5 },
  ];
  return distinct([
    ...layouts.flatMap((layout) =>
      (["groups", "taps"] as const).flatMap((keep) => [
        ...(["update", "hold"] as const).flatMap((dual) =>
          (["none", "mask"] as const).map((frozen) => updateProgram({ dual, frozen, keep }, layout))
        ),
        expandProgram("ignore", layout, keep),
        expandProgram("freeze", layout, keep),
      ])
    ),
    ...layouts.map(scaleGroupsProgram),
    shrinkFactorsProgram,
    residualProgram,
    pullProgram,
    scaleProgram,
  ]);
}

function distinct(programs: readonly Program[]): Program[] {
  return [...new Map(programs.map((p) => [p.name + JSON.stringify(p.constants), p])).values()];
}

/** Gives the words of groups.wgsl's Groups. */
function groupWords({ C, KK, gf, gc, gk, bf = 1, bc = 1 }: GroupLayout): number[] {
  return [C, KK, gf, gc, gk, bf, bc, C * KK];
}

/** Gives the constants of groups.wgsl. */
function groupConstants(layout: GroupLayout, keep: Kept): Record<string, number> {
  const { F, C, KK, gf, gc, gk, bf = 1, bc = 1, groups } = layout;
  const length = C * KK;
  let how = 0;
  if (keep === "groups" && bf * bc === 1) {
    if (groups === F * C * KK && (gf === C * KK || F === 1) && (gc === KK || C === 1)) how = 1;
    else if (length >= 4 && gf === 0 && groups === C * KK && (gc === KK || C === 1)) how = 2;
    else if (length >= 4 && gf === 1 && gc === 0 && gk === 0) how = 3;
  }
  return {
    GROUPS: how,
    WHOLE: Number(how > 1 && length % 4 === 0),
    BLOCKS: Number(bf * bc > 1),
    TAPS: Number(keep === "taps"),
  };
}

const UPDATE = `${jobsSource}\n${groups}\n${updateSource}`;
const EXPAND = `${groups}\n${expandSource}`;

function updateProgram({ dual, frozen, keep = "groups" }: UpdateOptions, layout: GroupLayout): Program {
  const own = { FROZEN: Number(frozen === "mask"), HOLD: Number(dual === "hold") };
  return {
    name: "project update",
    source: UPDATE,
    constants: { ...own, ...groupConstants(layout, keep) },
    access: ["read", "read_write", "read_write", "read", "read", "read", "read_write"],
  };
}

function expandProgram(zeros: "freeze" | "ignore", layout: GroupLayout, keep: Kept): Program {
  return {
    name: "expand mask",
    source: EXPAND,
    constants: { FREEZE: Number(zeros === "freeze"), ...groupConstants(layout, keep) },
    access: ["read", "read", "read_write"],
  };
}

function scaleGroupsProgram(layout: GroupLayout): Program {
  return {
    name: "scale groups",
    source: `${groups}\n${scaleGroupsSource}`,
    constants: { ...groupConstants(layout, "groups") },
    access: ["read", "read_write"],
  };
}

const shrinkFactorsProgram: Program = {
  name: "shrink factors",
  source: shrinkFactorsSource,
  access: ["read", "read_write"],
};
const residualProgram: Program = {
  name: "residual",
  source: residualSource,
  access: ["read", "read", "read_write"],
};
const pullProgram: Program = {
  name: "pull target",
  source: `${jobsSource}\n${pullSource}`,
  access: ["read", "read", "read", "read_write"],
};
const scaleProgram: Program = { name: "scale dual", source: scaleSource, access: ["read_write"] };

function cover(count: number): { grid: Plan["grid"]; head: number[] } {
  const grid = linearGrid(count, THREADS);
  return { grid, head: [grid[0] * THREADS, count] };
}
