import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import groupSource from "./norms_group.wgsl" with { type: "text" };
import threadSource from "./norms_thread.wgsl" with { type: "text" };
import { axes, checkLayout, type GroupLayout } from "./layout.ts";

const THREADS = 64;

/** Below this many elements per group a workgroup per group would mostly idle. */
const SHORT_GROUP = 32;
/** With this many groups, neighbours reading neighbouring elements, a thread per group fills any device. */
const MANY_GROUPS = 256;
/** A group is cut into shares of at least this many elements, when there are fewer than MANY_SHARES workgroups. */
const SHARE = 4096;
const MANY_SHARES = 64;

/** Inputs beside the weights. */
export type NormInput = "dual" | "frozen";

export interface NormOptions {
  /** "add" to what the scores hold: the further tensors of a coupled group. */
  readonly write: "replace" | "add";
  /** Factor on the sum of squares. */
  readonly scale: number;
  readonly inputs: readonly NormInput[];
}

/**
 * Squared norms of all groups of one tensor. `first` binds w, u, frozen and its output: the scores, or, when there is a
 * `second` stage, `partials` floats of scratch, which `second` binds three times and then the scores.
 */
export interface NormPlan {
  readonly first: Plan;
  readonly partials: number;
  readonly second?: Plan;
}

export function planNorms(layout: GroupLayout, options: NormOptions): NormPlan {
  checkLayout(layout);
  const { length } = axes(layout);
  const { C, KK, gf, gc, gk, groups } = layout;
  const neighbours = gk === 1 || (KK === 1 && gc === 1);
  if (length <= SHORT_GROUP || (neighbours && groups >= MANY_GROUPS)) {
    return { first: planThreads(layout, options, "squares"), partials: 0 };
  }
  const splits = groups >= MANY_SHARES ? 1 : Math.max(1, Math.min(256, Math.floor(length / SHARE)));
  const share = Math.ceil(length / splits);
  const { kept, summed } = axes(layout);
  const grid = linearGrid(groups * splits, 1);
  const last = splits === 1;
  const first: Plan = {
    program: groupProgram(options.inputs),
    uniforms: [
      ...[grid[0], groups * splits, splits, share, length, kept[1], kept[2], summed[1], summed[2]],
      ...[C, KK, gf, gc, gk, Number(last && options.write === "add"), f32bits(last ? options.scale : 1)],
    ],
    grid,
  };
  if (last) return { first, partials: 0 };
  const rows: GroupLayout = { F: groups, C: splits, KK: 1, gf: 1, gc: 0, gk: 0, groups };
  return { first, partials: groups * splits, second: planThreads(rows, { ...options, inputs: [] }, "values") };
}

/** Every program this planner can emit. */
export function variants(): Program[] {
  const inputs: NormInput[][] = [[], ["dual"], ["frozen"], ["dual", "frozen"]];
  return [
    ...inputs.map((i) => threadProgram(i, "squares")),
    threadProgram([], "values"),
    ...inputs.map((i) => groupProgram(i)),
  ];
}

function planThreads(layout: GroupLayout, { write, scale, inputs }: NormOptions, what: "squares" | "values"): Plan {
  const { kept, summed } = axes(layout);
  const { C, KK, gf, gc, gk, groups } = layout;
  const grid = linearGrid(groups, THREADS);
  return {
    program: threadProgram(inputs, what),
    uniforms: [
      ...[grid[0] * THREADS, groups, kept[1], kept[2], ...summed],
      ...[C, KK, gf, gc, gk, Number(write === "add"), f32bits(scale)],
    ],
    grid,
  };
}

function threadProgram(inputs: readonly NormInput[], what: "squares" | "values"): Program {
  return {
    name: "group norms (thread)",
    source: threadSource,
    constants: { SQUARE: Number(what === "squares"), ...inputConstants(inputs) },
    access: ["read", "read", "read", "read_write"],
  };
}

function groupProgram(inputs: readonly NormInput[]): Program {
  return {
    name: "group norms (workgroup)",
    source: groupSource,
    constants: inputConstants(inputs),
    access: ["read", "read", "read", "read_write"],
  };
}

function inputConstants(inputs: readonly NormInput[]): { DUAL: number; FROZEN: number } {
  return { DUAL: Number(inputs.includes("dual")), FROZEN: Number(inputs.includes("frozen")) };
}
