import type { Plan, Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { ceilDiv, type Epilogue, epilogueConstants, type Step } from "../launch.ts";
import { linearGrid } from "../grid.ts";
import type { GatherNames } from "./indirect.ts";
import source from "./direct_rows.wgsl" with { type: "text" };
import type { Runs } from "./tap_runs.ts";

/**
 * This is a convolution over runs of neighbouring taps, see direct_rows.wgsl. Strides of x count fours of elements,
 * those of y elements.
 */
export interface RowsConv {
  /** A group has so many filters. */
  readonly filters: number;
  readonly groups: number;
  readonly runs: Runs;
  readonly batch: number;
  readonly rows: number;
  readonly cols: number;
  /** It has the pitches of an image, a group and a row. */
  readonly x: readonly [number, number, number];
  /** It has the pitches of an image, a plane, a row and a column, and the start. */
  readonly y: readonly [number, number, number, number, number];
}

export interface RowsTile {
  /** A thread has so many pieces of 4 columns; `down` says whether they lie below each other. */
  readonly subs: number;
  readonly down: boolean;
  /** It has so many fours of filters at most. */
  readonly widest: 1 | 2;
  /** An image has so many tiles. */
  readonly tilesH: number;
  readonly tilesV: number;
  readonly splits: number;
  /** The estimated time, in ns of a group of 8 lanes, compares ways. */
  readonly cost: number;
}

const GROUP = 64;
/** A split of fewer taps spends more on adding up than it wins. */
const SHORTEST_SPLIT = 64;

/** Chooses the cheapest tile that still keeps the device busy, or the one with most threads. */
export function rowsTile(r: RowsConv, profile: DeviceProfile): RowsTile {
  return rowsTiles(r, profile).reduce((a, b) => b.cost < a.cost ? b : a);
}

/**
 * Gives the tiles of 4, 8 and 16 columns, and of 4 columns by 2 and 4 rows; a single row has none of several. GPUs have
 * one of 4 columns and 4 filters as well, whose few registers suit phones that spill.
 */
export function rowsTiles(r: RowsConv, profile: DeviceProfile): RowsTile[] {
  const tiles = [4, 2, 1].flatMap((subs) => {
    const downs = subs === 1 || r.rows === 1 ? [false] : [true, false];
    return downs.map((down) => {
      const tilesH = ceilDiv(r.rows, down ? subs : 1), tilesV = ceilDiv(r.cols, down ? 4 : 4 * subs);
      return finish(r, profile, { subs, down, widest: 2, tilesH, tilesV });
    });
  });
  if (profile.waves === undefined || r.filters <= 4) return tiles;
  return [...tiles, finish(r, profile, { ...tiles[tiles.length - 1], widest: 1 })];
}

export function rowsTileName({ subs, down, widest }: RowsTile): string {
  return `direct rows ${down ? `${subs}x4` : `1x${4 * subs}`}${widest === 1 ? ", 4 filters" : ""}`;
}

function finish(r: RowsConv, profile: DeviceProfile, tile: Omit<RowsTile, "splits" | "cost">): RowsTile {
  const { width, offsets } = r.runs, { threads, conv: { storeNs } } = profile;
  const blocks = ceilDiv(r.filters, 4);
  const count = tile.tilesH * tile.tilesV * r.batch * r.groups * ceilDiv(blocks, tile.widest);
  const longest = Math.max(1, Math.floor(offsets.length * width / SHORTEST_SPLIT));
  const wanted = Math.min(longest, Math.ceil(threads / count));
  const splits = offsets.length === 0 ? 1 : ceilDiv(offsets.length, ceilDiv(offsets.length, wanted));
  const lines = tile.subs * (width > 5 ? 3 : width > 1 ? 2 : 1);
  const pairs = tile.widest === 2 ? Math.floor(blocks / 2) : 0, odd = blocks - 2 * pairs;
  const perRun = pairs * runCost(2, width, lines, tile.subs, profile) +
    odd * runCost(1, width, lines, tile.subs, profile);
  const perSplit = (pairs * 2 + odd) * tile.subs * 16 * storeNs * splits * (splits > 1 ? 2 : 1);
  const work = tile.tilesH * tile.tilesV * r.batch * r.groups * (offsets.length * perRun + perSplit);
  return { ...tile, splits, cost: work * Math.max(1, threads / (count * splits)) };
}

function runCost(fb: number, width: number, lines: number, subs: number, { conv }: DeviceProfile): number {
  const { loopNs, loadNs, load4Ns, fmaNs, spill } = conv;
  const run = loopNs + loadNs + (fb * width + lines) * load4Ns + fb * width * subs * 16 * fmaNs;
  return run * (fb * subs * 16 > spill.sums ? spill.factor : 1);
}

/**
 * With splits it writes that many partial results, `ySplit` elements apart, and leaves the epilogue to who adds them
 * up.
 */
export function rowsSteps(r: RowsConv, tile: RowsTile, names: GatherNames, epilogue: Epilogue, ySplit: number): Step[] {
  const packed4 = ceilDiv(r.filters, 4);
  const count = r.runs.offsets.length;
  const tiles = tile.tilesH * tile.tilesV * r.batch;
  const bias = epilogue.bias === "add" ? "bias" : names.x;
  const residual = epilogue.residual === "add" ? "residual" : names.x;
  return filterTiles(packed4, tile.widest).map(({ first, count: filterCount, blocks }) => {
    const grid = linearGrid(tiles * filterCount, GROUP);
    const uniforms = [
      ...[r.filters, packed4, count, ceilDiv(count, tile.splits), r.rows, r.cols, r.groups, grid[0] * GROUP],
      ...[...r.x, tile.down ? r.x[2] : 1],
      ...[...r.y, ySplit, tile.down ? 1 : 0, tile.down ? 0 : 4],
      ...[tile.tilesH, tile.tilesV, tiles, filterCount, first],
    ];
    const constants = { KW: r.runs.width, FB: blocks, SUBS: tile.subs, ...epilogueConstants(epilogue) };
    const plan: Plan = { program: rowsProgram(constants), uniforms, grid: [grid[0], grid[1], r.groups * tile.splits] };
    return { plan, bindings: [names.x, names.packed, names.taps, bias, residual, names.y] };
  });
}

/**
 * Cuts blocks of 4 filters into tiles of `widest` blocks, and the rest into narrower tiles with launches of their own,
 * so that odd widths cost little more than their multiply-adds.
 */
export function filterTiles(blocks: number, widest = 2): { first: number; count: number; blocks: number }[] {
  const tiles = [];
  for (let first = 0, width = widest; first < blocks; width /= 2) {
    const count = Math.floor((blocks - first) / width);
    if (count > 0) tiles.push({ first, count, blocks: width });
    first += count * width;
  }
  return tiles;
}

export function rowsProgram(constants: Record<string, number>): Program {
  return {
    name: "direct convolution by rows",
    source,
    constants,
    access: ["read", "read", "read", "read", "read", "read_write"],
  };
}
