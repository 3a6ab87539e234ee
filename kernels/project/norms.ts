import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import columnsSource from "./norms_columns.wgsl" with { type: "text" };
import groupSource from "./norms_group.wgsl" with { type: "text" };
import rowsSource from "./norms_rows.wgsl" with { type: "text" };
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
/** Columns are summed in shares of at least this many rows, when there are fewer than MANY_SHARES workgroups. */
const SHARE_ROWS = 64;

/** These inputs may stand beside the weights. */
export type NormInput = "dual" | "frozen";

export interface NormOptions {
  /** "add" adds to what the scores hold, for the further tensors of a coupled group. */
  readonly write: "replace" | "add";
  /** The sum of squares is multiplied by it. */
  readonly scale: number;
  readonly inputs: readonly NormInput[];
}

/**
 * This plans the squared norms of all groups of one tensor. `first` binds w, u, frozen and its output: the scores, or,
 * when there is a `second` stage, `partials` floats of scratch, which `second` binds three times and then the scores.
 */
export interface NormPlan {
  readonly first: Plan;
  readonly partials: number;
  readonly second?: Plan;
}

export function planNorms(layout: GroupLayout, options: NormOptions): NormPlan {
  checkLayout(layout);
  const { length } = axes(layout);
  const { C, KK, gf, gc, gk, bf = 1, bc = 1, groups } = layout;
  const columns = gf === 0 && gc === (gk === 0 ? 1 : KK) && gk <= 1 && C * KK % 4 === 0 && C * KK >= MANY_GROUPS;
  if (columns && bc === 1) return planColumns(layout, options);
  const neighbours = gk === 1 || (KK === 1 && gc === 1);
  if (length <= SHORT_GROUP || bf * bc > 1 || (neighbours && groups >= MANY_GROUPS)) {
    return { first: planThreads(layout, options, "squares"), partials: 0 };
  }
  const rows = gf === 1 && gc === 0 && gk === 0;
  const splits = groups >= MANY_SHARES ? 1 : Math.max(1, Math.min(256, Math.floor(length / SHARE)));
  const grid = linearGrid(groups * splits, 1);
  const last = splits === 1;
  const ending = [Number(last && options.write === "add"), f32bits(last ? options.scale : 1)];
  const first = rows
    ? planOf("rows", options, grid, [
      ...[grid[0], groups * splits, splits, Math.ceil(length / splits / 4) * 4, length],
      ...ending,
    ])
    : planOf("workgroup", options, grid, [
      ...[grid[0], groups * splits, splits, Math.ceil(length / splits), length],
      ...[...axes(layout).kept.slice(1), ...axes(layout).summed.slice(1)],
      ...[C, KK, gf, gc, gk, ...ending],
    ]);
  if (last) return { first, partials: 0 };
  const shares: GroupLayout = { F: groups, C: splits, KK: 1, gf: 1, gc: 0, gk: 0, groups };
  return { first, partials: groups * splits, second: planThreads(shares, { ...options, inputs: [] }, "values") };
}

/** Sums columns, or channels, for which the sums of their columns come first. */
function planColumns({ F, C, KK, gc, gk, groups }: GroupLayout, options: NormOptions): NormPlan {
  const fours = C * KK / 4;
  const splits = Math.max(1, Math.min(Math.floor(F / SHARE_ROWS), Math.ceil(MANY_SHARES * THREADS / fours)));
  const last = splits === 1 && groups === C * KK;
  const grid = linearGrid(fours * splits, THREADS);
  const first = planOf("columns", options, grid, [
    ...[grid[0] * THREADS, fours * splits, F, Math.ceil(F / splits), fours],
    ...[Number(last && options.write === "add"), f32bits(last ? options.scale : 1)],
  ]);
  if (last) return { first, partials: 0 };
  const shares: GroupLayout = { F: splits, C, KK, gf: 0, gc, gk, groups };
  return { first, partials: 4 * fours * splits, second: planThreads(shares, { ...options, inputs: [] }, "values") };
}

/** Lists every program that this planner can emit. */
export function variants(): Program[] {
  const inputs: NormInput[][] = [[], ["dual"], ["frozen"], ["dual", "frozen"]];
  return [
    ...inputs.map((i) => threadProgram(i, "squares")),
    threadProgram([], "values"),
    ...inputs.flatMap((i) => [programOf("workgroup", i), programOf("rows", i), programOf("columns", i)]),
  ];
}

function planThreads(layout: GroupLayout, { write, scale, inputs }: NormOptions, what: "squares" | "values"): Plan {
  const { kept, summed } = axes(layout);
  const { F, C, KK, gf, gc, gk, bf = 1, bc = 1, groups } = layout;
  const grid = linearGrid(groups, THREADS);
  return {
    program: threadProgram(inputs, what),
    uniforms: [
      ...[grid[0] * THREADS, groups, kept[1], kept[2], ...summed],
      ...[gf ? bf : 0, gc ? bc : 0, gk ? 1 : 0],
      ...[F, C, KK, gf, gc, gk, Number(write === "add"), f32bits(scale)],
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

const SOURCES = { workgroup: groupSource, rows: rowsSource, columns: columnsSource } as const;

function planOf(way: keyof typeof SOURCES, { inputs }: NormOptions, grid: Plan["grid"], uniforms: number[]): Plan {
  return { program: programOf(way, inputs), uniforms, grid };
}

function programOf(way: keyof typeof SOURCES, inputs: readonly NormInput[]): Program {
  return {
    name: `group norms (${way})`,
    source: SOURCES[way],
    constants: inputConstants(inputs),
    access: ["read", "read", "read", "read_write"],
  };
}

function inputConstants(inputs: readonly NormInput[]): { DUAL: number; FROZEN: number } {
  return { DUAL: Number(inputs.includes("dual")), FROZEN: Number(inputs.includes("frozen")) };
}
