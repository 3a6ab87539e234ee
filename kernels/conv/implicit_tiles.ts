/**
 * Plans products of implicit operands by tiles in workgroup memory (implicit_core.wgsl): which tiles fit, and how a sum is
 * shared out where there are few of them: among the slices of a workgroup, then among workgroups.
 */
import type { Arithmetic } from "../arithmetic.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { ceilDiv } from "../launch.ts";
import { dispatchCost, waitsOf } from "./gpu_costs.ts";
import core from "./implicit_core.wgsl" with { type: "text" };
import inF16 from "./implicit_f16.wgsl" with { type: "text" };
import inF32 from "./implicit_f32.wgsl" with { type: "text" };

/** A slice has ty × tx threads, of which each makes 4·mb × 4·nb outputs. */
export interface Tile {
  readonly ty: 2 | 4 | 8;
  readonly tx: 4 | 8 | 16;
  readonly mb: 1 | 2;
  readonly nb: 1 | 2 | 4;
  /** A slice takes so many of the summed index at a time. */
  readonly step: 4 | 8;
}

/** A slice of these is a wave of 64 threads. */
export const WAVE_TILES: readonly Tile[] = [
  { ty: 8, tx: 8, mb: 2, nb: 4, step: 8 },
  { ty: 8, tx: 8, mb: 2, nb: 2, step: 8 },
  { ty: 8, tx: 8, mb: 2, nb: 1, step: 8 },
  { ty: 4, tx: 16, mb: 2, nb: 2, step: 8 },
  { ty: 8, tx: 8, mb: 1, nb: 2, step: 8 },
  { ty: 8, tx: 8, mb: 1, nb: 1, step: 8 },
  { ty: 4, tx: 16, mb: 1, nb: 2, step: 8 },
  { ty: 4, tx: 16, mb: 1, nb: 1, step: 8 },
];

/**
 * A wave of these is two or four slices: a workgroup has more slices and smaller tiles, each of its threads as many
 * outputs or more. Threads that load more of a tile each have no registers for longer steps.
 */
export const PART_TILES: readonly Tile[] = [
  { ty: 8, tx: 4, mb: 2, nb: 4, step: 4 },
  { ty: 4, tx: 8, mb: 2, nb: 2, step: 4 },
  { ty: 4, tx: 8, mb: 1, nb: 1, step: 8 },
  { ty: 4, tx: 4, mb: 2, nb: 4, step: 4 },
  { ty: 4, tx: 4, mb: 2, nb: 2, step: 4 },
  { ty: 2, tx: 8, mb: 2, nb: 2, step: 4 },
  { ty: 4, tx: 4, mb: 1, nb: 1, step: 4 },
];

/** Says how many rows and columns of outputs a tile has, in fours. */
export function foursOfTile({ ty, tx, mb, nb }: Tile): [number, number] {
  return [ty * mb, tx * nb];
}

export function tileName(tile: Tile): string {
  const outputs = foursOfTile(tile).map((n) => 4 * n).join("x");
  return `implicit gemm ${outputs}${lanesOfTile(tile) < WAVE ? ` by ${4 * tile.mb}x${4 * tile.nb}` : ""}`;
}

/** Counts the threads of a slice. */
export function lanesOfTile({ ty, tx }: Tile): number {
  return ty * tx;
}

const WAVE = 64;
/** Every device has so much workgroup memory, in bytes, and so many threads in a workgroup. */
const MEMORY = 16_384, MOST_THREADS = 256;
/** Every device has so many workgroups in a dimension. */
const MAX_GROUPS = 65_535;
/** A slice, and a workgroup, that makes fewer steps than this of a sum spends more on adding up than it wins. */
const FEWEST_OF_SLICE = 2, FEWEST_OF_GROUP = 4;

/** Says how a sum is shared out: among slices of a workgroup, and among workgroups. */
export interface Sharing {
  readonly slices: number;
  readonly splits: number;
}

/** This is what a product asks of its tiles. */
export interface TileWork {
  /** A group has so many rows of outputs. */
  readonly rows: number;
  readonly groups: number;
  /** Parts of the columns have sums of their own length. */
  readonly parts: readonly TilePart[];
  /** There are so many outputs in all. */
  readonly size: number;
}

export interface TilePart {
  /** It has so many fours of columns. */
  readonly fours: number;
  /** Counts the steps of a sum of which all slices together take `each` at a time. */
  steps(each: number): number;
}

/** This is one way to do the work. */
export interface TileWay {
  readonly name: string;
  readonly tile: Tile;
  readonly sharing: Sharing;
  readonly cost: number;
}

/** There are none on devices that don't run tiles, and for groups of few rows, as in depthwise layers. */
export function tileWays(work: TileWork, profile: DeviceProfile, tiles: readonly Tile[]): TileWay[] {
  const { waves, conv: { spill } } = profile, { rows, groups } = work;
  if (waves === undefined || (rows < 4 && groups > 1) || layersOf(work) > MAX_GROUPS) return [];
  // Tiles of more than twice the rows that there are would be idle for the most part.
  const fits = (tile: Tile) => 16 * tile.mb * tile.nb <= spill.sums && 2 * foursOfTile(tile)[0] <= Math.max(8, rows);
  return tiles.filter(fits).map((tile) => {
    const shared = share(work, tile, waves), alone = { ...shared, splits: 1 };
    const costs = [shared, alone].map((sharing) => costOf(work, tile, sharing, profile));
    // Adding up the parts of a short sum takes longer than leaving some of the device idle.
    const sharing = costs[1] <= costs[0] ? alone : shared;
    return { name: tileName(tile), tile, sharing, cost: Math.min(...costs) };
  });
}

function layersOf({ groups, parts }: TileWork): number {
  return groups * parts.length;
}

/** Counts the tiles of all parts. */
function tilesOf({ rows, groups, parts }: TileWork, tile: Tile): number {
  const [down, along] = foursOfTile(tile);
  return groups * ceilDiv(rows, 4 * down) * parts.reduce((sum, { fours }) => sum + ceilDiv(fours, along), 0);
}

/**
 * Shares the sum out among so many slices that together they waste least: threads that a device has and a launch hasn't,
 * and terms that a step has too many of. What is missing then, workgroups share.
 */
function share(work: TileWork, tile: Tile, waves: number): Sharing {
  const groups = tilesOf(work, tile), lanes = lanesOfTile(tile);
  const longest = (slices: number) => Math.max(...work.parts.map((part) => part.steps(tile.step * slices)));
  const wavesOf = (slices: number) => groups * slices * lanes / WAVE;
  const waste = (slices: number) => slices * longest(slices) * Math.max(1, waves / wavesOf(slices));
  // Half a wave takes as long as a whole one.
  const fewest = WAVE / lanes;
  let slices = fewest;
  for (let next = 2 * fewest; next <= MOST_THREADS / lanes; next += fewest) {
    const fits = bytesOf(tile, next) <= MEMORY && longest(next) >= FEWEST_OF_SLICE;
    if (fits && waste(next) < waste(slices)) slices = next;
  }
  const most = Math.min(Math.floor(MAX_GROUPS / layersOf(work)), Math.floor(longest(slices) / FEWEST_OF_GROUP));
  return { slices, splits: Math.max(1, Math.min(most, ceilDiv(waves, wavesOf(slices)))) };
}

export function bytesOf(tile: Tile, slices: number): number {
  const [down, along] = foursOfTile(tile);
  return tile.step * ((down + along) * slices + padOf(tile, slices)) * 16;
}

/** Lines are a four longer than they must be, by which neighbouring lines lie in other banks, unless that is too much. */
function padOf(tile: Tile, slices: number): 0 | 1 {
  const [down, along] = foursOfTile(tile);
  const full = tile.step * (down + along) * slices * 16 === MEMORY;
  return full && lanesOfTile(tile) < WAVE ? 0 : 1;
}

/** Estimates how long all threads' instructions take, in ns of one group of 8 lanes. */
function costOf(work: TileWork, tile: Tile, { slices, splits }: Sharing, profile: DeviceProfile): number {
  const { mb, nb } = tile, [down, along] = foursOfTile(tile), sums = 16 * mb * nb, lanes = lanesOfTile(tile);
  const { loopNs, load4Ns, loadNs, storeNs, fmaNs, workgroup4Ns } = profile.conv, each = tile.step;
  const { rows, groups, parts, size } = work;
  const loads = (down + along) * each / lanes * (load4Ns + workgroup4Ns);
  const step = loopNs + loads + each * ((mb + nb) * workgroup4Ns + sums * fmaNs);
  // Each slice writes its sums, and reads a share of all.
  const adding = slices > 1 ? slices * sums / 2 * workgroup4Ns : 0;
  const across = groups * ceilDiv(rows, 4 * down) * lanes;
  const all = parts.reduce((sum, { fours, steps }) => {
    const sliced = slices * steps(each * slices) * step;
    return sum + across * ceilDiv(fours, along) * (sliced + splits * (adding + sums * storeNs));
  }, 0);
  const threads = lanes * tilesOf(work, tile) * slices * splits, wanted = WAVE * profile.waves!;
  const time = waitsOf(threads, size, profile) * all * Math.max(1, wanted / threads);
  return splits === 1 ? time : time + size * (splits * loadNs + storeNs) + dispatchCost(1, profile);
}

const FRAGMENTS: Readonly<Record<Arithmetic, string>> = { f32: `${inF32}\n${core}`, f16: `${inF16}\n${core}` };
const sources = new Map<string, string>();

/** Puts the shared fragments before a shader's own loads and stores; the same text each time is the same program. */
export function implicitSource(own: string, arithmetic: Arithmetic = "f32"): string {
  const key = `${arithmetic} ${own}`;
  let text = sources.get(key);
  if (text === undefined) sources.set(key, text = `${FRAGMENTS[arithmetic]}\n${own}`);
  return text;
}

export function tileConstants(tile: Tile, { slices }: Sharing): Record<string, number> {
  const { ty, mb, nb, step } = tile;
  return {
    LANES: lanesOfTile(tile),
    TY: ty,
    MB: mb,
    NB: nb,
    BK: step,
    SLICES: slices,
    PAD: padOf(tile, slices),
  };
}

/** Lists tiles and slices for tests to compile, one after the other. */
export function tileVariants(tiles: readonly Tile[]): Record<string, number>[] {
  const smallest: Tile = { ty: 8, tx: 8, mb: 1, nb: 1, step: 8 };
  return [
    ...tiles.map((tile) => tileConstants(tile, { slices: WAVE / lanesOfTile(tile), splits: 1 })),
    ...[2, 3, 4].map((slices) => tileConstants(smallest, { slices, splits: 1 })),
  ];
}
