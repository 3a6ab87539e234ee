/**
 * Plans lists of taps with x in storage (listed_storage.wgsl), with one loop and as few dispatches as the weights take.
 */
import type { Program } from "../../src/gpu/types.ts";
import { convOutput, type ConvShape } from "../conv/shape.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { ceilDiv, type Epilogue, type Launch, type Step } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { type Chunk, chunkCount, type Cut, cutLists, FLOATS, type ListCost, type TapLists, tapRoom } from "./cut.ts";
import type { LinearShape } from "./format.ts";
import {
  constantsOf,
  finished,
  GROUP,
  isWhole,
  listedSource,
  listedVariants,
  PANEL_ROWS,
  panelStep,
  reachFits,
  type ShapeConstants,
  sumsCost,
  tapCode,
} from "./listed.ts";
import source from "./listed_storage.wgsl" with { type: "text" };

const NAME = "storage";
/** A thread's tile has so many rows: reading images takes much code, of which an instruction cache holds two rows. */
const ROWS = { panels: 4, images: 2 } as const;

/**
 * Computes y = act(x·wᵀ + …) with x packed into panels of 64 rows; there is no way where so few rows don't pay for
 * packing.
 */
export function storageGemm(shape: LinearShape, lists: () => TapLists, cost: ListCost, tuning: Tuning): Candidate[] {
  if (shape.m < PANEL_ROWS / 2) return [];
  const rows = ceilDiv(shape.m, PANEL_ROWS) * PANEL_ROWS, { packNs } = tuning.profile.lists;
  return [{
    name: NAME,
    cost: rows * shape.k * packNs + timeOf(cost, rows, "panels", shape.k, tuning.profile),
    build: () => gemmLaunch(shape, lists()),
  }];
}

/** Computes y = conv(x, w) with x read where it is. */
export function storageConv(
  shape: ConvShape,
  epilogue: Epilogue,
  lists: () => TapLists,
  cost: ListCost,
  tuning: Tuning,
): Candidate[] {
  if (shape.groups !== 1 || shape.taps || shape.channels > 16_384 || !reachFits(shape)) return [];
  const [rows, cols] = convOutput(shape), tile = ROWS.images;
  const pixels = shape.batch * ceilDiv(rows, tile) * tile * ceilDiv(cols, 4) * 4;
  const columns = shape.channels * shape.kernel[0] * shape.kernel[1];
  return [{
    name: NAME,
    cost: timeOf(cost, pixels, "images", columns, tuning.profile),
    build: () => convLaunch(shape, epilogue, lists()),
  }];
}

function timeOf(
  cost: ListCost,
  pixels: number,
  form: "panels" | "images",
  columns: number,
  profile: DeviceProfile,
): number {
  const views = partsOf(columns, cost.height), { x4Ns, dispatchNs, divergence } = profile.lists;
  const sums = sumsCost(cost, pixels, ROWS[form], views.parts, x4Ns.storage[form], profile);
  return (sums + chunkCount(cost, views) * dispatchNs) * divergence;
}

/** A line's taps in a part fit a uniform panel. */
function partsOf(columns: number, height: TapLists["height"]) {
  const parts = ceilDiv(columns, tapRoom(height));
  return { parts, shown: 1, panels: 1, columns: ceilDiv(columns, parts) } as const;
}

function gemmLaunch(shape: LinearShape, lists: TapLists): Launch {
  const { m, n, k } = shape, views = partsOf(k, lists.height), panels = ceilDiv(m, PANEL_ROWS);
  const cut = cutLists(lists, views, (column) => [Math.floor(column / views.columns), column]);
  const width = ceilDiv(k, 4) * 4, pack = panelStep(shape, width);
  const perPanel = PANEL_ROWS / 4 / ROWS.panels;
  const constants = {
    ROWS: ROWS.panels,
    CONV: 0,
    EDGES: m % PANEL_ROWS || !isWhole(lists) ? 1 : 0,
    WIDE: n % 4 ? 0 : 1,
  } as const;
  const uniforms = [panels * perPanel, perPanel, 1, n, m, 4, 0, 0, 0, 0, width * PANEL_ROWS / 4, 0, 0, 0];
  const steps = cut.chunks.map((chunk) => step(lists, cut, chunk, constants, shape, "panels", uniforms));
  return finished(lists, cut, [pack.step, ...steps], { panels: pack.bytes });
}

function convLaunch(s: ConvShape, epilogue: Epilogue, lists: TapLists): Launch {
  const [rows, cols] = convOutput(s), views = partsOf(s.channels * s.kernel[0] * s.kernel[1], lists.height);
  const cut = cutLists(lists, views, (column) => [Math.floor(column / views.columns), tapCode(s, column, 0)]);
  const tile = ROWS.images, tilesH = ceilDiv(rows, tile), tilesV = ceilDiv(cols, 4), pixels = rows * cols;
  const edges = rows % tile || cols % 4 || !isWhole(lists);
  const constants = { ROWS: ROWS.images, CONV: 1, EDGES: edges ? 1 : 0, WIDE: cols % 4 ? 0 : 1 } as const;
  const uniforms = [
    ...[s.batch * tilesH * tilesV, tilesH, tilesV, s.filters, rows, cols, s.height, s.width, ...s.stride],
    ...[s.channels * s.height * s.width, 0, s.filters * pixels, pixels],
  ];
  return finished(
    lists,
    cut,
    cut.chunks.map((chunk) => step(lists, cut, chunk, constants, epilogue, "x", uniforms)),
    {},
  );
}

function step(
  { height }: TapLists,
  { tableBytes }: Cut,
  chunk: Chunk,
  constants: ShapeConstants,
  epilogue: Epilogue,
  x: string,
  uniforms: readonly number[],
): Step {
  const finish = chunk.last ? epilogue : {};
  return {
    plan: {
      program: program(constantsOf(constants, height, chunk, finish)),
      uniforms,
      grid: [ceilDiv(uniforms[0], GROUP), chunk.lines, 1],
    },
    bindings: [
      ...["packed", "table", x, finish.bias === "add" ? "bias" : x, finish.residual === "add" ? "residual" : x, "y"],
    ],
    windows: {
      0: { byteOffset: chunk.weights[0], byteLength: FLOATS * 4 },
      1: { byteOffset: chunk.table, byteLength: tableBytes },
    },
  };
}

function program(constants: Record<string, number>): Program {
  const access = ["uniform", "uniform", "read", "read", "read", "read_write"] as const;
  return { name: "listed taps from storage", source: listedSource(source), constants, access };
}

export function storageVariants(): Program[] {
  return listedVariants(program, ROWS);
}
