import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import expandSource from "./expand.wgsl" with { type: "text" };
import groups from "./groups.wgsl" with { type: "text" };
import { checkLayout, type GroupLayout, layoutSize } from "./layout.ts";
import pullSource from "./pull.wgsl" with { type: "text" };
import residualSource from "./residual.wgsl" with { type: "text" };
import scaleSource from "./scale.wgsl" with { type: "text" };
import updateSource from "./update.wgsl" with { type: "text" };

const THREADS = 64;
/** Enough to fill a device; the partial sums of a layer then fit a second stage of one workgroup. */
const MOST_WORKGROUPS = 1024;
/** Elements that one thread takes before another workgroup is worth starting. */
const PER_THREAD = 4;

export interface UpdatePlan {
  /** Bindings: w, u, z, keep, frozen, partials. */
  readonly update: Plan;
  /** Number of vec4<f32> of scratch. */
  readonly partials: number;
  /** Bindings: partials, residuals. */
  readonly residual: Plan;
}

export interface UpdateOptions {
  /** "hold" leaves U as it is: the start, Z = Π(W) with U = 0. */
  readonly dual: "update" | "hold";
  readonly frozen: "none" | "mask";
  /** Which vec4 of the residual buffer. */
  readonly slot: number;
}

/** The Z- and U-step of one tensor; formulas in update.wgsl. */
export function planUpdate(layout: GroupLayout, { dual, frozen, slot }: UpdateOptions): UpdatePlan {
  const { C, KK, gf, gc, gk } = checkLayout(layout);
  const count = layoutSize(layout);
  const workgroups = Math.min(MOST_WORKGROUPS, Math.ceil(count / (THREADS * PER_THREAD)));
  return {
    update: {
      program: updateProgram(dual, frozen),
      uniforms: [count, workgroups * THREADS, C, KK, gf, gc, gk],
      grid: [workgroups, 1, 1],
    },
    partials: workgroups,
    residual: { program: residualProgram, uniforms: [workgroups, slot], grid: [1, 1, 1] },
  };
}

/** Bindings: keep, weights, mask. Formula in expand.wgsl. */
export function planExpand(layout: GroupLayout, zeros: "freeze" | "ignore"): Plan {
  const { C, KK, gf, gc, gk } = checkLayout(layout);
  const { grid, head } = cover(layoutSize(layout));
  return { program: expandProgram(zeros), uniforms: [...head, C, KK, gf, gc, gk], grid };
}

/** Bindings: z, u, t. Formula in pull.wgsl. */
export function planPull(count: number, write: "replace" | "add", share: number): Plan {
  const { grid, head } = cover(count);
  return { program: pullProgram, uniforms: [...head, Number(write === "add"), f32bits(share)], grid };
}

/** Bindings: u. */
export function planScale(count: number, factor: number): Plan {
  const { grid, head } = cover(count);
  return { program: scaleProgram, uniforms: [...head, f32bits(factor)], grid };
}

/** Every program this planner can emit. */
export function variants(): Program[] {
  return [
    ...(["update", "hold"] as const).flatMap((d) => [updateProgram(d, "none"), updateProgram(d, "mask")]),
    residualProgram,
    expandProgram("ignore"),
    expandProgram("freeze"),
    pullProgram,
    scaleProgram,
  ];
}

function updateProgram(dual: UpdateOptions["dual"], frozen: UpdateOptions["frozen"]): Program {
  return {
    name: "project update",
    source: `${groups}\n${updateSource}`,
    constants: { FROZEN: Number(frozen === "mask"), HOLD: Number(dual === "hold") },
    access: ["read", "read_write", "read_write", "read", "read", "read_write"],
  };
}

function expandProgram(zeros: "freeze" | "ignore"): Program {
  return {
    name: "expand mask",
    source: `${groups}\n${expandSource}`,
    constants: { FREEZE: Number(zeros === "freeze") },
    access: ["read", "read", "read_write"],
  };
}

const residualProgram: Program = { name: "residual", source: residualSource, access: ["read", "read_write"] };
const pullProgram: Program = { name: "pull target", source: pullSource, access: ["read", "read", "read_write"] };
const scaleProgram: Program = { name: "scale dual", source: scaleSource, access: ["read_write"] };

function cover(count: number): { grid: Plan["grid"]; head: number[] } {
  const grid = linearGrid(count, THREADS);
  return { grid, head: [grid[0] * THREADS, count] };
}
