/** Plans lists of taps with x in uniform panels (listed_uniform.wgsl), for adapters on which storage is dear. */
import type { Program } from "../../src/gpu/types.ts";
import { padStep } from "../conv/pad.ts";
import { convOutput, type ConvShape } from "../conv/shape.ts";
import { ceilDiv, type Epilogue, type Launch, type Step } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import {
  type Chunk,
  chunkCount,
  type Cut,
  cutLists,
  FLOATS,
  type ListCost,
  type TapLists,
  tapRoom,
  type Views,
} from "./cut.ts";
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
import source from "./listed_uniform.wgsl" with { type: "text" };

const NAME = "uniform panels";
/** A dispatch binds so many panels of x, and as many of weights. */
const PANELS = 4;
/** A uniform panel holds so many columns of 64 rows. */
const COLUMNS = FLOATS / PANEL_ROWS;
/** A thread's tile has so many rows: 64 rows of a matrix fill the eight lanes of a group. */
const ROWS = { panels: 2, images: 4 } as const;
/** More of them take longer to record than the work is worth. */
const MOST_DISPATCHES = 1024;

/**
 * Computes y = act(x·wᵀ + …) with x packed into panels of 64 rows; there is no way where so few rows don't pay for
 * packing.
 */
export function uniformGemm(shape: LinearShape, lists: () => TapLists, cost: ListCost, tuning: Tuning): Candidate[] {
  const rowPanels = ceilDiv(shape.m, PANEL_ROWS), rows = rowPanels * PANEL_ROWS;
  const views = panelViews(shape), together = Math.floor(PANELS / views.shown);
  const dispatches = chunkCount(cost, views) * ceilDiv(rowPanels, together);
  if (shape.m < PANEL_ROWS / 2 || dispatches > MOST_DISPATCHES) return [];
  const { profile } = tuning, { x4Ns, packNs, dispatchNs, divergence } = profile.lists;
  const sums = sumsCost(cost, rows, ROWS.panels, ceilDiv(views.parts, views.shown), x4Ns.uniform.panels, profile);
  return [{
    name: NAME,
    cost: (rows * shape.k * packNs + sums + dispatches * dispatchNs) * divergence,
    build: () => gemmLaunch(shape, lists(), views),
  }];
}

/**
 * Computes y = conv(x, w) with x read where it is, as images in uniform panels; there is no way where a plane is larger
 * than a panel.
 */
export function uniformConv(
  shape: ConvShape,
  epilogue: Epilogue,
  lists: () => TapLists,
  cost: ListCost,
  tuning: Tuning,
): Candidate[] {
  const views = imageViews(shape, cost);
  if (!views || views.dispatches > MOST_DISPATCHES) return [];
  const [rows, cols] = convOutput(shape), tile = ROWS.images;
  const pixels = shape.batch * ceilDiv(rows, tile) * tile * ceilDiv(cols, 4) * 4;
  const { profile } = tuning, { x4Ns, dispatchNs, divergence } = profile.lists;
  const sums = sumsCost(cost, pixels, ROWS.images, ceilDiv(views.parts, views.shown), x4Ns.uniform.images, profile);
  return [{
    name: NAME,
    cost: (sums + views.dispatches * dispatchNs) * divergence,
    build: () => convLaunch(shape, epilogue, lists(), views),
  }];
}

function panelViews({ k }: LinearShape): Views {
  const parts = ceilDiv(k, COLUMNS);
  return { parts, shown: Math.min(parts, PANELS), panels: PANELS };
}

function gemmLaunch(shape: LinearShape, lists: TapLists, views: Views): Launch {
  const { m, n } = shape, { parts, shown } = views, rowPanels = ceilDiv(m, PANEL_ROWS);
  const cut = cutLists(lists, views, (column) => [Math.floor(column / COLUMNS), column % COLUMNS]);
  const pack = panelStep(shape, parts * COLUMNS);
  const together = Math.floor(PANELS / shown), perPanel = PANEL_ROWS / 4 / ROWS.panels;
  const constants = {
    ROWS: ROWS.panels,
    CONV: 0,
    EDGES: m % PANEL_ROWS || !isWhole(lists) ? 1 : 0,
    WIDE: n % 4 ? 0 : 1,
  } as const;
  const steps = [pack.step];
  for (let panel = 0; panel < rowPanels; panel += together) {
    const m0 = panel * PANEL_ROWS, tiles = Math.min(together, rowPanels - panel) * perPanel;
    for (const chunk of cut.chunks) {
      const starts = Array.from({ length: PANELS }, (_, w) => {
        const part = Math.min(chunk.from + w % shown, parts - 1);
        return (Math.min(panel + Math.floor(w / shown), rowPanels - 1) * parts + part) * FLOATS;
      });
      const uniforms = [
        ...[0, 0, 0, 0, tiles, perPanel, 1, shown, 1, n, m - m0, 4],
        ...[0, 0, 0, 0, 0, m0 * n, 0, 0],
      ];
      steps.push(step(lists, cut, chunk, constants, shape, "panels", starts, uniforms));
    }
  }
  return finished(lists, cut, steps, { panels: pack.bytes });
}

/** Says how images lie in uniform panels. */
interface ImageViews extends Views {
  /** A panel has so many images. */
  readonly images: number;
  /** A part has so many channels; with `whole` all panels start at channel 0. */
  readonly channels: number;
  readonly whole: boolean;
  readonly dispatches: number;
}

/** Gives the way that takes the fewest dispatches. */
function imageViews(s: ConvShape, cost: ListCost): ImageViews | undefined {
  const plane = s.height * s.width, image = s.channels * plane;
  const perPart = Math.min(s.channels, Math.floor(tapRoom(cost.height) / (s.kernel[0] * s.kernel[1])));
  if (s.groups !== 1 || s.taps || perPart < 1 || !reachFits(s)) return undefined;
  // A panel starts at a multiple of 64 floats, up to 63 before its image.
  const room = image % 64 === 0 ? FLOATS : FLOATS - 63;
  const whole = image <= room;
  const most = whole ? perPart : Math.min(perPart, Math.floor((FLOATS - 63) / plane));
  if (most < 1) return undefined;
  const images = whole ? Math.floor(room / image) : 1;
  const fewest = ceilDiv(s.channels, most);
  // More parts than needed hold the weights of more lines.
  const ways = [fewest, 2, 3, 4].filter((parts) => parts === fewest || (parts > fewest && parts <= s.channels));
  return ways.map((wanted): ImageViews => {
    const channels = ceilDiv(s.channels, wanted), parts = ceilDiv(s.channels, channels);
    const views: Views = { parts, shown: Math.min(parts, PANELS), panels: PANELS };
    const dispatches = chunkCount(cost, views) * ceilDiv(s.batch, Math.floor(PANELS / views.shown) * images);
    return { ...views, images, channels, whole, dispatches };
  }).reduce((best, next) => next.dispatches < best.dispatches ? next : best);
}

function convLaunch(s: ConvShape, epilogue: Epilogue, lists: TapLists, views: ImageViews): Launch {
  const [rows, cols] = convOutput(s), { images, channels, whole, parts, shown } = views;
  const plane = s.height * s.width, image = s.channels * plane, size = s.batch * image, pixels = rows * cols;
  const cut = cutLists(lists, views, (column) => {
    const part = Math.floor(column / (s.kernel[0] * s.kernel[1]) / channels);
    return [part, tapCode(s, column, whole ? 0 : part * channels)];
  });
  // Buffers are multiples of 64 floats long; a shorter one can't be bound and is copied to one that is as long.
  const end = ceilDiv(size, 64) * 64, short = end < FLOATS;
  const copy = padStep(
    { planes: 1, height: 1, width: size, rows: 1, cols: ceilDiv(size, 4) * 4, top: 0, left: 0, phases: 1 },
    "x",
    "copy",
  );
  const steps = short ? [copy] : [];
  const tile = ROWS.images, tilesH = ceilDiv(rows, tile), tilesV = ceilDiv(cols, 4);
  const edges = rows % tile || cols % 4 || !isWhole(lists);
  const constants = { ROWS: ROWS.images, CONV: 1, EDGES: edges ? 1 : 0, WIDE: cols % 4 ? 0 : 1 } as const;
  const together = Math.floor(PANELS / shown) * images;
  for (let n = 0; n < s.batch; n += together) {
    const tiles = Math.min(together, s.batch - n) * tilesH * tilesV;
    for (const chunk of cut.chunks) {
      const wanted = Array.from({ length: PANELS }, (_, w) => {
        const first = Math.min(n + Math.floor(w / shown) * images, s.batch - 1);
        const part = Math.min(chunk.from + w % shown, parts - 1);
        return first * image + (whole ? 0 : part * channels * plane);
      });
      const starts = wanted.map((at) => Math.max(0, Math.min(at - at % 64, end - FLOATS)));
      const uniforms = [
        ...wanted.map((at, i) => at - starts[i]),
        ...[tiles, tilesH, tilesV, shown, images, s.filters, rows, cols],
        ...[s.height, s.width, ...s.stride, image, n * s.filters * pixels, s.filters * pixels, pixels],
      ];
      steps.push(step(lists, cut, chunk, constants, epilogue, short ? "copy" : "x", starts, uniforms));
    }
  }
  return finished(lists, cut, steps, short ? { copy: FLOATS * 4 } : {});
}

/** @param starts of the panels of `x`, in floats */
function step(
  { height }: TapLists,
  { tableBytes }: Cut,
  chunk: Chunk,
  constants: ShapeConstants,
  epilogue: Epilogue,
  x: string,
  starts: readonly number[],
  uniforms: readonly number[],
): Step {
  const finish = chunk.last ? epilogue : {};
  const bound = (byteOffset: number) => ({ byteOffset, byteLength: FLOATS * 4 });
  return {
    plan: {
      program: program(constantsOf(constants, height, chunk, finish)),
      uniforms,
      grid: [ceilDiv(uniforms[PANELS], GROUP), chunk.lines, 1],
    },
    bindings: [
      ...Array(PANELS).fill(x),
      ...Array(PANELS).fill("packed"),
      ...["table", finish.bias === "add" ? "bias" : x, finish.residual === "add" ? "residual" : x, "y"],
    ],
    windows: {
      ...[...starts.map((start) => bound(4 * start)), ...chunk.weights.map(bound)],
      [2 * PANELS]: { byteOffset: chunk.table, byteLength: tableBytes },
    },
  };
}

function program(constants: Record<string, number>): Program {
  const access = [...Array<"uniform">(2 * PANELS + 1).fill("uniform"), "read", "read", "read_write"] as const;
  return { name: "listed taps from uniform panels", source: listedSource(source), constants, access };
}

export function uniformVariants(): Program[] {
  return listedVariants(program, ROWS);
}
