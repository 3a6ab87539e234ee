/**
 * Sparse products whose inputs, weights and lists of taps are read through uniform windows (windows.wgsl). Formats say
 * which columns of the GEMM view each line of filters keeps; here these lists are cut to what the windows hold.
 */
import type { Program } from "../../src/gpu/types.ts";
import { inFours } from "../conv/pack.ts";
import { padStep } from "../conv/pad.ts";
import { convOutput, type ConvShape } from "../conv/shape.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import { type Candidate, type Tuning, UNTUNED } from "../tuning.ts";
import type { LinearShape } from "./format.ts";
import source from "./windows.wgsl" with { type: "text" };
import packSource from "./windows_pack.wgsl" with { type: "text" };
import rowsSource from "./windows_rows.wgsl" with { type: "text" };

/** Of the GEMM view, and where its first filter's weight is among the packed values. */
export interface Tap {
  readonly column: number;
  readonly source: number;
}

/** Filters first … first + 4·blocks, all of which keep the same taps. */
export interface TapLine {
  readonly first: number;
  readonly taps: readonly Tap[];
}

export interface TapLists {
  readonly filters: number;
  /** Fours of filters in a line. */
  readonly blocks: 1 | 2 | 4;
  /** Distance in the packed values of two filters of a four, and of two fours. */
  readonly perFilter: number;
  readonly perFour: number;
  readonly lines: readonly TapLine[];
}

/** Windows of a dispatch, floats in one, taps in one. */
const WINDOWS = 4, FLOATS = 16_384, TAPS = 1024;
/** Of a dispatch. */
const LINES = 32;
/** The shader's table: firsts and ends, then the lines' filters, then the taps of each window; in words. */
const FILTERS_AT = 4 * 33, TAPS_AT = 4 * 48, TABLE = TAPS_AT + WINDOWS * TAPS;
const GROUP = 8;
/** A matrix product's panels: rows, and columns in a window. */
const PANEL_ROWS = 64, PANEL_COLUMNS = FLOATS / PANEL_ROWS;
/** More of them take longer to record than the work is worth. */
const MOST_DISPATCHES = 1024;

/** y = act(x·wᵀ + …) with x packed into panels of 64 rows; none where so few rows don't pay for packing. */
export function windowsGemm(shape: LinearShape, lists: () => TapLists, cost: ListCost, tuning: Tuning): Candidate[] {
  const panels = ceilDiv(shape.m, PANEL_ROWS);
  if (shape.m < PANEL_ROWS / 2 || dispatches(cost, ceilDiv(shape.k, PANEL_COLUMNS)) * panels > MOST_DISPATCHES) {
    return [];
  }
  const packing = panels * PANEL_ROWS * shape.k * PACK_NS;
  const work = listCost(cost, panels * PANEL_ROWS / 8, ceilDiv(shape.k, PANEL_COLUMNS), PANEL_PATCH_NS);
  return [{
    name: "uniform windows",
    cost: (packing + work) * penalty(tuning),
    build: () => gemmLaunch(shape, lists()),
  }];
}

/** y = conv(x, w) with x read where it is, as images in windows; none where a plane is larger than a window. */
export function windowsConv(
  shape: ConvShape,
  epilogue: Epilogue,
  lists: () => TapLists,
  cost: ListCost,
  tuning: Tuning,
): Candidate[] {
  const views = imageViews(shape);
  if (!views || views.groups * dispatches(cost, views.windows) > MOST_DISPATCHES) return [];
  const [rows, cols] = convOutput(shape);
  const tiles = shape.batch * ceilDiv(rows, 2) * ceilDiv(cols, 4);
  return [{
    name: "uniform windows",
    cost: listCost(cost, tiles, views.windows, IMAGE_PATCH_NS) * penalty(tuning),
    build: () => convLaunch(shape, epilogue, lists(), views),
  }];
}

/** What decides the time: lines, fours of filters in each, and taps of all lines together. */
export interface ListCost {
  readonly lines: number;
  readonly blocks: 1 | 2 | 4;
  readonly taps: number;
}

/** Per thread, in ns of a SIMD core of 8 lanes shared by them, on a software adapter. */
const TURN_NS = 4, PANEL_PATCH_NS = 4, IMAGE_PATCH_NS = 14, BLOCK_NS = 4, STORE_NS = 6, PACK_NS = 12;

function listCost({ lines, blocks, taps }: ListCost, tiles: number, windows: number, patch: number): number {
  const passes = ceilDiv(windows, WINDOWS);
  return tiles * (taps * (TURN_NS + patch + blocks * BLOCK_NS) + lines * blocks * 32 * STORE_NS * (2 * passes - 1));
}

function dispatches({ lines, taps }: ListCost, windows: number): number {
  const passes = ceilDiv(windows, WINDOWS);
  return Math.max(passes * ceilDiv(lines, LINES), ceilDiv(taps, TAPS * Math.min(windows, WINDOWS)));
}

/** GPUs broadcast from uniform arrays only what all lanes read alike. */
function penalty({ threads }: Tuning): number {
  return threads > UNTUNED.threads ? 16 : 1;
}

function gemmLaunch(shape: LinearShape, lists: TapLists): Launch {
  const { m, n, k } = shape;
  const windows = ceilDiv(k, PANEL_COLUMNS), width = windows * PANEL_COLUMNS;
  const cut = cutLists(lists, windows, (column) => [Math.floor(column / PANEL_COLUMNS), column % PANEL_COLUMNS]);
  const size = ceilDiv(m, PANEL_ROWS) * PANEL_ROWS * width;
  const grid = linearGrid(size, 64);
  const pack: Step = {
    plan: { program: ROWS, uniforms: [size, grid[0] * 64, m, k, width], grid },
    bindings: ["x", "panels"],
  };
  const steps = [pack];
  const whole = m % 8 === 0 && isWhole(lists);
  for (let m0 = 0; m0 < m; m0 += PANEL_ROWS) {
    const tiles = ceilDiv(Math.min(PANEL_ROWS, m - m0), 8);
    for (const chunk of cut.chunks) {
      const starts = chunk.windows.map((w) => (m0 * width + w * FLOATS) * 4);
      const uniforms = [
        ...[0, 0, 0, 0, tiles, tiles, 1, n, m - m0, 4],
        ...[0, 0, 0, 0, 0, m0 * n, 0, 1, 4 * n, n],
      ];
      steps.push(step(lists, chunk, { CONV: 0, EDGES: whole ? 0 : 1 }, shape, "panels", starts, uniforms));
    }
  }
  return finished(lists, cut, steps, { panels: size * 4 });
}

/** How images lie in windows. */
interface ImageViews {
  /** Images of a dispatch. */
  readonly images: number;
  /** Channels of a window; `whole`: all windows start at channel 0. */
  readonly channels: number;
  readonly whole: boolean;
  readonly windows: number;
  readonly groups: number;
}

function imageViews(s: ConvShape): ImageViews | undefined {
  const plane = s.height * s.width, image = s.channels * plane;
  const reach = [s.dilation[0] * s.kernel[0], s.dilation[1] * s.kernel[1], ...s.pads];
  const perWindow = Math.min(s.channels, Math.floor(TAPS / (s.kernel[0] * s.kernel[1])));
  if (s.groups !== 1 || s.taps || perWindow < 1 || reach.some((n) => Math.abs(n) > 127)) return undefined;
  // A window starts at a multiple of 64 floats, up to 63 before its image.
  const room = image % 64 === 0 ? FLOATS : FLOATS - 63;
  const whole = image <= room;
  const images = whole ? Math.min(s.batch, Math.floor(room / image)) : 1;
  const most = whole ? perWindow : Math.min(perWindow, Math.floor((FLOATS - 63) / plane));
  if (most < 1) return undefined;
  // Several windows, even of the same images, hold the weights of more lines.
  const windows = Math.max(ceilDiv(s.channels, most), Math.min(WINDOWS, s.channels));
  return { images, channels: ceilDiv(s.channels, windows), whole, windows, groups: ceilDiv(s.batch, images) };
}

function convLaunch(s: ConvShape, epilogue: Epilogue, lists: TapLists, views: ImageViews): Launch {
  const [rows, cols] = convOutput(s), [kh, kw] = s.kernel;
  const plane = s.height * s.width, image = s.channels * plane, size = s.batch * image, pixels = rows * cols;
  const cut = cutLists(lists, views.windows, (column) => {
    const c = Math.floor(column / (kh * kw)), window = Math.floor(c / views.channels);
    const row = Math.floor(column / kw) % kh * s.dilation[0] - s.pads[0], col = column % kw * s.dilation[1] - s.pads[1];
    const from = views.whole ? 0 : window * views.channels;
    return [window, ((c - from) * plane | (256 + row) << 14 | (256 + col) << 23) >>> 0];
  });
  // Buffers are multiples of 64 floats long; a shorter one can't be bound and is copied to one that is as long.
  const end = ceilDiv(size, 64) * 64, short = end < FLOATS;
  const copy = padStep(
    { planes: 1, height: 1, width: size, rows: 1, cols: ceilDiv(size, 4) * 4, top: 0, left: 0, phases: 1 },
    "x",
    "copy",
  );
  const steps = short ? [copy] : [];
  const tilesH = ceilDiv(rows, 2), tilesV = ceilDiv(cols, 4);
  const constants = { CONV: 1, EDGES: rows % 2 === 0 && cols % 4 === 0 && isWhole(lists) ? 0 : 1 };
  for (let n = 0; n < s.batch; n += views.images) {
    const images = Math.min(views.images, s.batch - n);
    for (const chunk of cut.chunks) {
      const wanted = chunk.windows.map((w) => n * image + (views.whole ? 0 : w * views.channels * plane));
      const starts = wanted.map((at) => Math.max(0, Math.min(at - at % 64, end - FLOATS)));
      const uniforms = [
        ...wanted.map((at, i) => at - starts[i]),
        ...[images * tilesH * tilesV, tilesH, tilesV, s.filters, rows, cols, s.height, s.width, ...s.stride],
        ...[image, n * s.filters * pixels, s.filters * pixels, pixels, cols, 1],
      ];
      const bytes = starts.map((at) => 4 * at);
      steps.push(step(lists, chunk, constants, epilogue, short ? "copy" : "x", bytes, uniforms));
    }
  }
  return finished(lists, cut, steps, short ? { copy: FLOATS * 4 } : {});
}

/** Lines of one dispatch. */
interface Chunk {
  readonly lines: number;
  /** Which parts of the input its windows show; beyond the last one, that one. */
  readonly windows: readonly number[];
  /** Where each window's weights start. */
  readonly weights: readonly number[];
  readonly table: number;
  readonly add: boolean;
  readonly last: boolean;
}

interface Cut {
  readonly chunks: readonly Chunk[];
  /** Tables of all chunks, and for each slot of packed weights its source and how many filters it has. */
  readonly table: Uint32Array<ArrayBuffer>;
  readonly sources: readonly number[];
}

/** @param place window of a column, and what the shader's table says of it */
function cutLists(lists: TapLists, windows: number, place: (column: number) => readonly [number, number]): Cut {
  const chunks: Chunk[] = [], tables: Uint32Array[] = [], sources: number[] = [];
  const align = 16 / lists.blocks;
  for (let from = 0; from < windows; from += WINDOWS) {
    let open: { first: number; parts: Listed[][] }[] = [], counts = Array<number>(WINDOWS).fill(0);
    const close = () => {
      const table = new Uint32Array(TABLE), weights: number[] = [];
      for (let w = 0; w < WINDOWS; w++) {
        weights.push(sources.length / 2 * lists.blocks * 16);
        let at = 0;
        open.forEach(({ first, parts }, l) => {
          table[4 * l + w] = at;
          table[FILTERS_AT + l] = first;
          for (const { code, source } of parts[w]) {
            table[TAPS_AT + w * TAPS + at++] = code;
            sources.push(source, Math.min(4 * lists.blocks, lists.filters - first));
          }
        });
        table[4 * open.length + w] = at;
        while (sources.length / 2 % align !== 0) sources.push(0, 0);
      }
      const shown = Array.from({ length: WINDOWS }, (_, w) => Math.min(from + w, windows - 1));
      const last = from + WINDOWS >= windows;
      chunks.push({
        lines: open.length,
        windows: shown,
        weights,
        table: tables.length * TABLE * 4,
        add: from > 0,
        last,
      });
      tables.push(table);
      open = [];
      counts = counts.map(() => 0);
    };
    for (const { first, taps } of lists.lines) {
      const parts = counts.map((): Listed[] => []);
      for (const { column, source } of taps) {
        const [window, code] = place(column);
        parts[window - from]?.push({ code, source });
      }
      if (open.length === LINES || counts.some((n, w) => n + parts[w].length > TAPS)) close();
      open.push({ first, parts });
      parts.forEach((part, w) => counts[w] += part.length);
    }
    close();
  }
  const table = new Uint32Array(tables.length * TABLE);
  tables.forEach((t, i) => table.set(t, i * TABLE));
  return { chunks, table, sources };
}

interface Listed {
  readonly code: number;
  readonly source: number;
}

function step(
  { blocks }: TapLists,
  chunk: Chunk,
  constants: Readonly<Record<"CONV" | "EDGES", number>>,
  epilogue: Epilogue,
  x: string,
  starts: readonly number[],
  uniforms: readonly number[],
): Step {
  const whole = chunk.last ? epilogue : {};
  const windows: Record<number, { byteOffset: number; byteLength: number }> = {};
  for (let w = 0; w < WINDOWS; w++) {
    windows[w] = { byteOffset: starts[w], byteLength: FLOATS * 4 };
    windows[WINDOWS + w] = { byteOffset: chunk.weights[w], byteLength: FLOATS * 4 };
  }
  windows[2 * WINDOWS] = { byteOffset: chunk.table, byteLength: TABLE * 4 };
  const tiles = uniforms[4];
  return {
    plan: {
      program: program({ FB: blocks, ...constants, ADD: chunk.add ? 1 : 0, ...epilogueConstants(whole) }),
      uniforms,
      grid: [ceilDiv(tiles, GROUP), chunk.lines, 1],
    },
    bindings: [
      ...Array(WINDOWS).fill(x),
      ...Array(WINDOWS).fill("packed"),
      "table",
      whole.bias === "add" ? "bias" : x,
      whole.residual === "add" ? "residual" : x,
      "y",
    ],
    windows,
  };
}

/** All lines have as many filters. */
function isWhole({ filters, blocks }: TapLists): boolean {
  return filters % (4 * blocks) === 0;
}

/** With the packing of the weights, which inference does once. */
function finished(lists: TapLists, cut: Cut, steps: readonly Step[], scratch: Record<string, number>): Launch {
  const filters = 4 * lists.blocks, size = cut.sources.length / 2 * filters;
  const grid = linearGrid(size, 64);
  const uniforms = [size, grid[0] * 64, filters, lists.perFilter, lists.perFour];
  return {
    prepare: [{ plan: { program: PACK, uniforms, grid }, bindings: ["values", "sources", "packed"] }],
    steps,
    // The last window reaches beyond its weights: a uniform array has one size.
    scratch: { ...scratch, packed: size * 4 + FLOATS * 4 },
    tables: { table: cut.table, sources: inFours(cut.sources, 0) },
  };
}

const PACK: Program = {
  name: "pack listed weights",
  source: packSource,
  access: ["read", "read", "read_write"],
};
const ROWS: Program = { name: "rows in panels", source: rowsSource, access: ["read", "read_write"] };

function program(constants: Record<string, number>): Program {
  const access = [...Array<"uniform">(2 * WINDOWS + 1).fill("uniform"), "read", "read", "read_write"] as const;
  return { name: "listed taps in windows", source, constants, access };
}

/** Every constant with each of its values, the others at their smallest. */
export function windowsVariants(): Program[] {
  const plain = epilogueConstants({});
  return [
    PACK,
    ROWS,
    ...[1, 2, 4].map((FB) => program({ FB, CONV: 0, ADD: 0, EDGES: 0, ...plain })),
    program({ FB: 4, CONV: 1, ADD: 0, EDGES: 0, ...plain }),
    program({ FB: 1, CONV: 1, ADD: 1, EDGES: 1, ...plain }),
    ...EPILOGUES.slice(1).map((e) => program({ FB: 1, CONV: 0, ADD: 0, EDGES: 1, ...epilogueConstants(e) })),
  ];
}
