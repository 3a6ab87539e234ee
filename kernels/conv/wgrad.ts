import type { Program } from "../../src/gpu/types.ts";
import { reduceStep } from "../gemm/plan.ts";
import { ceilDiv, type Launch, type Step } from "../launch.ts";
import { type Candidate, choose, type Tuning, UNTUNED } from "../tuning.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { linearGrid } from "../grid.ts";
import { convProfile } from "./gpu_costs.ts";
import { implicitWgradCandidates, implicitWgradVariants } from "./implicit_wgrad.ts";
import { convClass } from "./class.ts";
import { isOnePixel, planColumnsWgrad } from "./kept_columns.ts";
import { inputHalo, inputRuns, type RowsInput, tapOffsets, unrolled } from "./input.ts";
import { inFours } from "./pack.ts";
import { filledUp, type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { filterTiles } from "./direct_rows.ts";
import { positions, WIDEST } from "./tap_runs.ts";
import { FEW_FILTERS } from "./depthwise.ts";
import { convOutput, type ConvShape, convTaps } from "./shape.ts";
import wgrad from "./wgrad.wgsl" with { type: "text" };
import wgradReduce from "./wgrad_reduce.wgsl" with { type: "text" };
import wgradDepthwise from "./wgrad_depthwise.wgsl" with { type: "text" };
import wgradRows from "./wgrad_rows.wgsl" with { type: "text" };
import { downCandidates, downVariants } from "./wgrad_down.ts";
import { fitsUniformPanels, uniformCost, uniformVariants, uniformWgrad } from "./wgrad_uniform.ts";

const GROUP = 64;

/**
 * Computes dw (shape of w) from x and dy; the operands are "x", "dy" and "y" (= dw). The long sum over N·OH·OW is split
 * and added up.
 */
export function planConvWgrad(shape: ConvShape, tuning: Tuning = UNTUNED): Launch {
  return choose(convWgradClass(shape), convWgradCandidates(shape, tuning), tuning).build();
}

export function convWgradClass(shape: ConvShape): string {
  return convClass("wgrad", shape);
}

/** The tiles of wgrad_rows.wgsl are fours of filters × runs of taps. The small ones keep few sums in registers. */
const TILES = [[2, 4], [2, 2], [1, 4], [1, 1]] as const;

/**
 * Offers to go by taps always, by runs of them where columns aren't dilated (in tiles of several sizes, or with one
 * filter to a thread), and through uniform panels for 3×3 kernels on small maps.
 */
export function convWgradCandidates(shape: ConvShape, given: Tuning): Candidate[] {
  if (isOnePixel(shape)) return [{ name: "kept columns", cost: 0, build: () => planColumnsWgrad(shape, given) }];
  const s = unrolled(shape), tuning = { ...given, profile: convProfile(given.profile) }, { profile } = tuning;
  const lines = s.batch * convOutput(s)[0];
  return [
    ...threadCandidates(s, tuning).map((way) => ({ ...way, cost: way.cost * profile.conv.planesApart })),
    ...implicitWgradCandidates(s, profile).map((way) => ({ ...way, cost: way.cost / lines })),
  ];
}

/** These are the ways whose threads sum up by themselves. */
function threadCandidates(s: ConvShape, tuning: Tuning): Candidate[] {
  const { profile } = tuning;
  const input = inputRuns(s);
  const taps: Candidate = { name: "indirect", cost: tapsCost(s, profile), build: () => byTaps(s, tuning) };
  if (!input) return [taps];
  const filters = s.filters / s.groups;
  const ways: Candidate[] = [];
  if (filters <= FEW_FILTERS) {
    const cost = rowsCost(s, input, { unit: 1, blocks: 1, runs: RUNS }, profile);
    ways.push({
      name: "depthwise 1x4",
      cost,
      build: () => byRows(s, input, tuning, { unit: 1, blocks: 1, runs: RUNS }),
    });
  }
  for (const [blocks, runs] of TILES) {
    if (blocks > ceilDiv(filters, 4)) continue;
    const tile: RowsTile = { unit: 4, blocks, runs };
    const build = () => byRows(s, input, tuning, tile);
    ways.push({ name: `direct rows ${4 * blocks}x${runs}`, cost: rowsCost(s, input, tile, profile), build });
  }
  if (fitsUniformPanels(s)) {
    ways.push({
      name: "uniform panels 16x1",
      cost: uniformCost(s, profile),
      build: () => uniformWgrad(s, profile.threads),
    });
  }
  return [...ways, ...downCandidates(s, profile), taps];
}

/** A thread of a kernel by rows makes `blocks` of `unit` filters by `runs` of taps. */
interface RowsTile {
  readonly unit: 1 | 4;
  readonly blocks: 1 | 2;
  readonly runs: 1 | 2 | 4;
}

/** Gives the output rows per split, such that there are about `threads` threads where `tiles` make one split. */
function chunkOf(lines: number, tiles: number, threads: number): number {
  return ceilDiv(lines, Math.min(lines, ceilDiv(threads, tiles)));
}

/** The largest tile has so many runs. */
const RUNS = 4;

/** Estimates how long one output row of an image takes, in ns of a group of 8 lanes, to compare ways. */
function rowsCost(s: ConvShape, { runs }: RowsInput, tile: RowsTile, { conv }: DeviceProfile): number {
  const { loopNs, load4Ns, fmaNs } = conv;
  const [, cols] = convOutput(s);
  const lines = runs.width > 5 ? 3 : runs.width > 1 ? 2 : 1;
  const perFour = tilesOf(s, tile).reduce((sum, { count, blocks }) => {
    const filters = tile.unit * blocks;
    return sum +
      count * (loopNs + (filters + tile.runs * lines) * load4Ns + filters * tile.runs * runs.width * 4 * fmaNs);
  }, 0);
  return s.groups * ceilDiv(cols, 4) * ceilDiv(runs.offsets.length, tile.runs) * perFour;
}

function tilesOf(s: ConvShape, { unit, blocks }: RowsTile): ReturnType<typeof filterTiles> {
  return filterTiles(ceilDiv(s.filters / s.groups, unit), blocks);
}

function tapsCost(s: ConvShape, { conv: { loopNs, loadNs, fmaNs } }: DeviceProfile): number {
  const [, cols] = convOutput(s);
  const perPixel = loopNs + 16 * loadNs + 64 * fmaNs;
  return s.groups * cols * ceilDiv(convTaps(s), 8) * ceilDiv(s.filters / s.groups, 8) * perPixel;
}

function byRows(s: ConvShape, { halo, runs, x }: RowsInput, tuning: Tuning, tile: RowsTile): Launch {
  const { unit } = tile;
  const [rows, cols] = convOutput(s);
  const filters = s.filters / s.groups, packed = ceilDiv(filters, unit) * unit, weights = convTaps(s);
  const cols4 = ceilDiv(cols, 4), lines = s.batch * rows, count = runs.offsets.length;
  const bare = isBare(halo);
  const gradient: Halo = { ...plain(s.batch * s.filters, rows, cols), cols: cols4 * 4 };
  const bareGradient = isBare(gradient);
  const tiles = ceilDiv(count, tile.runs);
  const chunk = chunkOf(lines, tiles * s.groups * ceilDiv(filters, unit * tile.blocks), tuning.profile.threads);
  const splits = ceilDiv(lines, chunk);
  const taps = count * runs.width;
  const bindings = [bareGradient ? "dy" : "padded dy", bare ? "x" : "padded", "taps", "partial"];
  const steps: Step[] = [];
  if (!bare) steps.push(padStep(halo, "x", "padded"));
  if (!bareGradient) steps.push(padStep(gradient, "dy", "padded dy"));
  if (unit === 1) {
    const program = rowsProgram(wgradDepthwise, { KW: runs.width, RUNS: tile.runs });
    const uniforms = [s.filters, filters, count, tiles, lines, chunk, rows, cols4, ...x];
    steps.push({ plan: { program, uniforms, grid: [ceilDiv(tiles * s.filters, GROUP), 1, splits] }, bindings });
    steps.push(orderStep(s.filters, weights, splits, 1, taps, 1));
  } else {
    for (const { first, count: filterCount, blocks } of tilesOf(s, tile)) {
      const program = rowsProgram(wgradRows, { KW: runs.width, FB: blocks, RUNS: tile.runs });
      const uniforms = [
        ...[filters, packed / 4, count, s.groups, lines, chunk, rows, cols4],
        ...[...x, tiles, filterCount, first],
      ];
      steps.push({
        plan: { program, uniforms, grid: [ceilDiv(tiles * filterCount, GROUP), s.groups, splits] },
        bindings,
      });
    }
    steps.push(orderStep(s.filters, weights, splits, filters, taps, packed));
  }
  return {
    steps,
    scratch: {
      ...(bare ? {} : { padded: haloBytes(halo) }),
      ...(bareGradient ? {} : { "padded dy": haloBytes(gradient) }),
      partial: splits * s.groups * taps * packed * 4,
    },
    tables: { taps: inFours(runs.offsets, 0), places: positions(runs, weights) },
  };
}

/**
 * Adds up partial results [splits, groups, taps, packed] of `filters` per group and brings them in the weights' order.
 */
function orderStep(all: number, weights: number, splits: number, filters: number, taps: number, packed: number): Step {
  const size = all * weights;
  const grid = linearGrid(size, GROUP);
  const uniforms = [size, grid[0] * GROUP, splits, filters, weights, taps, packed, all / filters * taps * packed];
  return { plan: { program: REDUCE, uniforms, grid }, bindings: ["partial", "places", "y"] };
}

function byTaps(s: ConvShape, tuning: Tuning): Launch {
  const [rows, cols] = convOutput(s);
  const halo = filledUp(inputHalo(s));
  const bare = isBare(halo);
  const plane = halo.rows * halo.cols;
  const filters = s.filters / s.groups, taps = convTaps(s);
  const tiles = ceilDiv(taps, 8), filterTiles = ceilDiv(filters, 8);
  const lines = s.batch * rows;
  const chunk = chunkOf(lines, tiles * filterTiles * s.groups, tuning.profile.threads);
  const splits = ceilDiv(lines, chunk);
  const size = s.filters * taps;
  return {
    steps: [
      ...(bare ? [] : [padStep(halo, "x", "padded")]),
      {
        plan: {
          program: WGRAD,
          uniforms: [
            ...[filters, taps, lines, chunk, rows, cols, s.groups, tiles],
            ...[s.channels * plane, s.channels / s.groups * plane, s.stride[0] * halo.cols, s.stride[1]],
            filterTiles,
          ],
          grid: [ceilDiv(tiles * filterTiles, GROUP), s.groups, splits],
        },
        bindings: ["dy", bare ? "x" : "padded", "taps", splits > 1 ? "partial" : "y"],
      },
      ...(splits > 1 ? [reduceStep(size, splits, {}, 1, 1)] : []),
    ],
    scratch: {
      ...(bare ? {} : { padded: haloBytes(halo) }),
      ...(splits > 1 ? { partial: splits * size * 4 } : {}),
    },
    tables: { taps: inFours(tapOffsets(s, halo), 0) },
  };
}

function plain(planes: number, height: number, width: number): Halo {
  return { planes, height, width, rows: height, cols: width, top: 0, left: 0, phases: 1 };
}

function rowsProgram(source: string, constants: Record<string, number>): Program {
  return { name: "convolution wgrad by rows", source, constants, access: ["read", "read", "read", "read_write"] };
}

export function wgradVariants(): Program[] {
  const widths = Array.from({ length: WIDEST }, (_, i) => i + 1);
  return [
    ...widths.map((KW) => rowsProgram(wgradRows, { KW, FB: 1, RUNS })),
    rowsProgram(wgradRows, { KW: 1, FB: 2, RUNS }),
    ...[1, 2].map((few) => rowsProgram(wgradRows, { KW: 1, FB: 1, RUNS: few })),
    ...widths.map((KW) => rowsProgram(wgradDepthwise, { KW, RUNS })),
    ...[...uniformVariants(), ...downVariants(), ...implicitWgradVariants(), WGRAD, REDUCE],
  ];
}

const WGRAD: Program = { name: "convolution wgrad", source: wgrad, access: ["read", "read", "read", "read_write"] };
const REDUCE: Program = { name: "order weight gradients", source: wgradReduce, access: ["read", "read", "read_write"] };
