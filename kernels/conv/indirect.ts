import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, type Step } from "../gemm/steps.ts";
import indirect from "./indirect.wgsl" with { type: "text" };
import pack from "./pack.wgsl" with { type: "text" };

/** One gathered GEMM, see indirect.wgsl. Strides in elements. */
export interface Gather {
  /** Per group. */
  readonly filters: number;
  readonly taps: number;
  readonly groups: number;
  readonly batch: number;
  readonly rows: number;
  readonly cols: number;
  /** image, group, row, column */
  readonly x: readonly [number, number, number, number];
  /** image, plane, row, column, start */
  readonly y: readonly [number, number, number, number, number];
}

const GROUP = 64;
const PIXELS = 8;
/** Below this many threads the taps are split: two cores of a CPU then have work, and a GPU some. */
const ENOUGH_THREADS = 512;
/** In fours of taps: a shorter split spends more on adding up than it wins. */
const SHORTEST_SPLIT = 16;

export function packedBytes(g: Gather): number {
  return g.groups * ceilDiv(g.taps, 4) * 16 * ceilDiv(g.filters, 4) * 4;
}

/** How many splits of the taps `gatherSteps` will make when it is allowed to. */
export function gatherSplits(g: Gather): number {
  const threads = ceilDiv(g.batch * g.rows * g.cols, PIXELS) * ceilDiv(g.filters, 8) * g.groups;
  const taps4 = ceilDiv(g.taps, 4);
  const wanted = Math.min(ceilDiv(ENOUGH_THREADS, threads), Math.max(1, Math.floor(taps4 / SHORTEST_SPLIT)));
  return taps4 === 0 ? 1 : ceilDiv(taps4, ceilDiv(taps4, wanted));
}

/** Packs weights: element (g,f,k) is w[g*group + f*filter + source[k]]. */
export function packStep(g: Gather, group: number, filter: number, from: string, source: string, to: string): Step {
  const size = packedBytes(g) / 4;
  const grid = linearGrid(size, GROUP);
  const rows = ceilDiv(g.taps, 4) * 4, packed = ceilDiv(g.filters, 4) * 4;
  return {
    plan: {
      program: { name: "pack convolution weights", source: pack, access: ["read", "read", "read_write"] },
      uniforms: [size, grid[0] * GROUP, g.taps, rows, g.filters, packed, group, filter],
      grid,
    },
    bindings: [from, source, to],
  };
}

export interface GatherNames {
  readonly x: string;
  readonly packed: string;
  readonly taps: string;
  readonly y: string;
}

/** `splits` > 1 writes that many partial results, `ySplit` elements apart, and leaves the epilogue to who adds them up. */
export function gatherSteps(g: Gather, names: GatherNames, epilogue: Epilogue, splits: number, ySplit: number): Step[] {
  const packed4 = ceilDiv(g.filters, 4), taps4 = ceilDiv(g.taps, 4);
  const pixels = g.batch * g.rows * g.cols;
  const tiles = ceilDiv(pixels, PIXELS);
  const bias = epilogue.bias === "add" ? "bias" : names.x;
  const residual = epilogue.residual === "add" ? "residual" : names.x;
  return filterTiles(packed4).map(({ first, count, blocks }) => {
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

/** Tiles of 8 filters, the odd block of 4 in a launch of its own: odd widths cost no more than their multiply-adds. */
function filterTiles(blocks: number): { first: number; count: number; blocks: number }[] {
  const pairs = Math.floor(blocks / 2);
  const tiles = [];
  if (pairs > 0) tiles.push({ first: 0, count: pairs, blocks: 2 });
  if (blocks % 2 === 1) tiles.push({ first: pairs * 2, count: 1, blocks: 1 });
  return tiles;
}

function gatherProgram(constants: Record<string, number>): Program {
  return {
    name: "indirect convolution",
    source: indirect,
    constants,
    access: ["read", "read", "read", "read", "read", "read_write"],
  };
}
