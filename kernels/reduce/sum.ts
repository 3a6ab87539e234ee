import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { bothWidths, chooseWidth, type VectorPrograms, vectorPrograms } from "../vector.ts";
import source from "./sum.wgsl" with { type: "text" };

/** This is a tensor seen as [outer, channels, inner]; the sum runs over outer and inner. */
export interface Reduction {
  readonly outer: number;
  readonly channels: number;
  readonly inner: number;
}

/**
 * This is one stage, or two with `slices × channels` floats of partial sums between them. Each binds its input and its
 * output.
 */
export interface SumPlan {
  readonly stages: readonly Plan[];
  readonly partials: number;
}

/** Computes out[c] = scale · Σ_{n,i} x[n,c,i]. */
export function planSum({ outer, channels, inner }: Reduction, scale = 1): SumPlan {
  const items = outer * inner;
  const lanes = chooseLanes(items, channels, inner);
  // A second dispatch takes longer than what few items leave idle.
  const slices = items <= FEW_ITEMS
    ? 1
    : sliceCount(items, Math.ceil(channels * lanes / GROUP), lanes * LEAST_PER_THREAD);
  if (slices === 1) return { stages: [stage({ outer, channels, inner }, lanes, 1, scale)], partials: 0 };
  const first = stage({ outer, channels, inner }, lanes, slices, 1);
  const used = first.grid[2];
  const second = { outer: used, channels, inner: 1 };
  return {
    stages: [first, stage(second, chooseLanes(used, channels, 1), 1, scale)],
    partials: used * channels,
  };
}

/**
 * Says into how many slices a reduction is cut so that the device has work: about `GROUPS_WANTED` workgroups, but no
 * slice below `least` elements.
 */
export function sliceCount(elements: number, groups: number, least: number): number {
  return Math.max(1, Math.min(Math.ceil(GROUPS_WANTED / groups), Math.floor(elements / least), MOST_SLICES));
}

export function variants(): Program[] {
  return Object.values(byLanes).flatMap(bothWidths);
}

const GROUP = 64;
const GROUPS_WANTED = 64;
const MOST_SLICES = 64;
const LEAST_PER_THREAD = 32;
const FEW_ITEMS = 64;

const byLanes: Record<1 | 8 | 64, VectorPrograms> = {
  1: vectorPrograms("sum", source, ["read", "read_write"], { LANES: 1 }),
  8: vectorPrograms("sum", source, ["read", "read_write"], { LANES: 8 }),
  64: vectorPrograms("sum", source, ["read", "read_write"], { LANES: 64 }),
};

/**
 * Chooses the threads per channel: few where channels are many or short, because threads that share a channel must meet
 * at barriers. Columns get one each, so that neighbouring threads read neighbouring numbers.
 */
function chooseLanes(items: number, channels: number, inner: number): 1 | 8 | 64 {
  if (inner === 1 && items > FEW_ITEMS && channels >= GROUP) return 1;
  if (items <= FEW_ITEMS || (channels >= 4096 && items <= 1024)) return channels < 1024 && items > 8 ? 8 : 1;
  return items <= 512 ? 8 : 64;
}

function stage({ outer, channels, inner }: Reduction, lanes: 1 | 8 | 64, slices: number, scale: number): Plan {
  const { program, width } = chooseWidth(byLanes[lanes], inner);
  const row = inner / width;
  const items = outer * row;
  const perSlice = Math.ceil(items / slices);
  const groups = Math.ceil(channels * lanes / GROUP);
  const gridX = Math.min(groups, 65_535);
  return {
    program,
    uniforms: [channels, row, items, perSlice, Math.floor(lanes / row), lanes % row, gridX, f32bits(scale)],
    grid: [gridX, Math.ceil(groups / gridX), Math.ceil(items / perSlice)],
  };
}
