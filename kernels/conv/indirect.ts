import type { Plan, Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, type Step } from "../launch.ts";
import indirect from "./indirect.wgsl" with { type: "text" };
import { filterTiles } from "./direct_rows.ts";

/** This is one gathered GEMM, see indirect.wgsl. Strides count elements. */
export interface Gather {
  /** A group has so many filters. */
  readonly filters: number;
  readonly taps: number;
  readonly groups: number;
  readonly batch: number;
  readonly rows: number;
  readonly cols: number;
  /** It has the pitches of an image, a group, a row and a column. */
  readonly x: readonly [number, number, number, number];
  /** It has the pitches of an image, a plane, a row and a column, and the start. */
  readonly y: readonly [number, number, number, number, number];
}

const GROUP = 64;
const PIXELS = 8;
/** A tile has so many blocks of 4 filters at most. */
const WIDEST_TILE = 4;
/** A split of fewer fours of taps spends more on adding up than it wins. */
const SHORTEST_SPLIT = 16;

export interface GatherTile {
  readonly splits: number;
  /** The estimated time, in ns of a group of 8 lanes, compares ways. */
  readonly cost: number;
}

/**
 * Chooses how to run a gathered convolution such that it keeps the device busy, if its sums are long enough to be
 * split.
 */
export function gatherTile(g: Gather, { threads, conv }: DeviceProfile): GatherTile {
  const { loopNs, loadNs, load4Ns, fmaNs, storeNs } = conv;
  const tiles = ceilDiv(g.batch * g.rows * g.cols, PIXELS) * g.groups, blocks = ceilDiv(g.filters, 4);
  const taps4 = ceilDiv(g.taps, 4);
  const count = tiles * filterTiles(blocks, WIDEST_TILE).reduce((sum, t) => sum + t.count, 0);
  const wanted = Math.min(Math.ceil(threads / count), Math.max(1, Math.floor(taps4 / SHORTEST_SPLIT)));
  const splits = taps4 === 0 ? 1 : ceilDiv(taps4, ceilDiv(taps4, wanted));
  const perTap = count / tiles * (loopNs + PIXELS * loadNs) + blocks * (load4Ns + 32 * fmaNs);
  const stores = blocks * 32 * storeNs * splits * (splits > 1 ? 2 : 1);
  return { splits, cost: tiles * (g.taps * perTap + stores) * Math.max(1, threads / (count * splits)) };
}

export interface GatherNames {
  readonly x: string;
  readonly packed: string;
  readonly taps: string;
  readonly y: string;
}

/**
 * `splits` > 1 writes that many partial results, `ySplit` elements apart, and leaves the epilogue to who adds them up.
 */
export function gatherSteps(g: Gather, names: GatherNames, epilogue: Epilogue, splits: number, ySplit: number): Step[] {
  const packed4 = ceilDiv(g.filters, 4), taps4 = ceilDiv(g.taps, 4);
  const pixels = g.batch * g.rows * g.cols;
  const tiles = ceilDiv(pixels, PIXELS);
  const bias = epilogue.bias === "add" ? "bias" : names.x;
  const residual = epilogue.residual === "add" ? "residual" : names.x;
  return filterTiles(packed4, WIDEST_TILE).map(({ first, count, blocks }) => {
    const grid = linearGrid(tiles * count, GROUP);
    const uniforms = [
      ...[g.filters, packed4, taps4, ceilDiv(taps4, splits), pixels, g.rows, g.cols, g.groups],
      ...g.x,
      ...g.y,
      ...[ySplit, tiles, count, grid[0] * GROUP, first],
    ];
    const plan: Plan = {
      program: gatherProgram({ FB: blocks, ...epilogueConstants(epilogue) }),
      uniforms,
      grid: [grid[0], grid[1], g.groups * splits],
    };
    return { plan, bindings: [names.x, names.packed, names.taps, bias, residual, names.y] };
  });
}

export function gatherProgram(constants: Record<string, number>): Program {
  return {
    name: "indirect convolution",
    source: indirect,
    constants,
    access: ["read", "read", "read", "read", "read", "read_write"],
  };
}
