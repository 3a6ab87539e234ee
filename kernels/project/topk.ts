import type { Access, Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import order from "./order.wgsl" with { type: "text" };
import histogramSource from "./topk_histogram.wgsl" with { type: "text" };
import pickSource from "./topk_pick.wgsl" with { type: "text" };
import scanSource from "./topk_scan.wgsl" with { type: "text" };
import smallSource from "./topk_small.wgsl" with { type: "text" };
import tilesSource from "./topk_tiles.wgsl" with { type: "text" };

/** Up to this many scores one workgroup selects alone, in one dispatch shared by up to 16 selections. */
export const SMALL = 4096;
const JOBS = 16;
const TILE = 4096;
/** State of a long selection in bytes: threshold, wanted, bad, unused, 256 bins. */
export const STATE_BYTES = 4 * (4 + 256);
const PASSES = [[24, 0], [16, 0xff000000], [8, 0xffff0000], [0, 0xffffff00]] as const;

/** Keep the k largest of the scores [offset, offset + groups), marked at the same places of the mask. */
export interface Selection {
  readonly offset: number;
  readonly groups: number;
  readonly k: number;
}

/** Bindings: scores, mask, status. */
export interface SmallTopK {
  readonly kind: "small";
  readonly plan: Plan;
}

/** What a long selection's steps bind: `state` starts as zeros, `ties` holds `tiles` words. */
export type Role = "scores" | "state" | "ties" | "mask" | "status";

export interface LongTopK {
  readonly kind: "long";
  readonly tiles: number;
  readonly steps: readonly { readonly plan: Plan; readonly bind: readonly Role[] }[];
}

/**
 * Exact top-k of each selection, ties to the lower index: short ones together, 16 to a dispatch, each long one as a chain of
 * 11 dispatches. Status slot i belongs to selection i. Throws unless 0 ≤ k ≤ groups.
 */
export function planTopK(selections: readonly Selection[]): (SmallTopK | LongTopK)[] {
  for (const { groups, k } of selections) {
    if (!(Number.isInteger(groups) && Number.isInteger(k) && groups >= 1 && k >= 0 && k <= groups)) {
      throw new RangeError(`top-k: cannot keep ${k} of ${groups} groups`);
    }
  }
  const jobs = selections.map((s, slot) => ({ ...s, slot }));
  const small = jobs.filter((j) => j.groups <= SMALL);
  const plans: (SmallTopK | LongTopK)[] = [];
  for (let i = 0; i < small.length; i += JOBS) {
    const batch = small.slice(i, i + JOBS);
    plans.push({
      kind: "small",
      plan: {
        program: smallProgram,
        uniforms: batch.flatMap((j) => [j.offset, j.groups, j.k, j.slot]),
        grid: [batch.length, 1, 1],
      },
    });
  }
  return [...plans, ...jobs.filter((j) => j.groups > SMALL).map(planLong)];
}

/** Every program this planner can emit. */
export function variants(): Program[] {
  return [smallProgram, histogramProgram, pickProgram, countProgram, scanProgram, markProgram];
}

function planLong({ offset, groups, k, slot }: Selection & { slot: number }): LongTopK {
  const tiles = Math.ceil(groups / TILE);
  const grid = linearGrid(tiles, 1);
  const one = [1, 1, 1] as const;
  const select = PASSES.flatMap(([shift, known]) => [
    step(histogramProgram, [grid[0], offset, groups, shift, known], grid, ["scores", "state"]),
    step(pickProgram, [shift, k], one, ["state"]),
  ]);
  const tileUniforms = [grid[0], offset, groups, tiles];
  return {
    kind: "long",
    tiles,
    steps: [
      ...select,
      step(countProgram, tileUniforms, grid, ["scores", "state", "ties", "mask"]),
      step(scanProgram, [tiles, slot], one, ["state", "ties", "status"]),
      step(markProgram, tileUniforms, grid, ["scores", "state", "ties", "mask"]),
    ],
  };
}

function step(program: Program, uniforms: number[], grid: Plan["grid"], bind: Role[]): LongTopK["steps"][number] {
  return { plan: { program, uniforms, grid }, bind };
}

const smallProgram = program("top-k", smallSource, ["read", "read_write", "read_write"]);
const histogramProgram = program("top-k histogram", histogramSource, ["read", "read_write"]);
const pickProgram = program("top-k pick", pickSource, ["read_write"]);
const countProgram = program("top-k ties", tilesSource, ["read", "read", "read_write", "read_write"], { MARK: 0 });
const scanProgram = program("top-k scan", scanSource, ["read", "read_write", "read_write"]);
const markProgram = program("top-k mark", tilesSource, ["read", "read", "read_write", "read_write"], { MARK: 1 });

function program(name: string, source: string, access: Access[], constants?: Record<string, number>): Program {
  return { name, source: `${order}\n${source}`, access, constants };
}
