/** These are lists of kernels with x in uniform panels (kernel_list_uniform.wgsl). */
import type { Program } from "../../src/gpu/types.ts";
import { inFours } from "../conv/pack.ts";
import { haloBytes, padStep } from "../conv/pad.ts";
import { convOutput } from "../conv/shape.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { FLOATS, PACK_WEIGHTS } from "./cut.ts";
import { linesSource, type Lists } from "./kernel_lines.ts";
import { linearGrid } from "../grid.ts";
import source from "./kernel_list_uniform.wgsl" with { type: "text" };

const GROUP = 8, PANELS = 4;
/** Panels start at multiples of 64 floats, up to 60 before their images. */
const ROOM = FLOATS - 60;
/** A list has so many words in the table of bounds. */
const BOUNDS = 6;
const MOST_DISPATCHES = 1024;
/** A thread's tile has so many rows, and so many fours of columns. */
const TILES = [[8, 2], [4, 2]] as const;

/** Says how images lie in uniform panels, as in listed_uniform.ts, but with all of a part's channels in one. */
interface Views {
  readonly images: number;
  readonly channels: number;
  readonly parts: number;
  readonly shown: number;
  /** A dispatch covers so many images. */
  readonly together: number;
}

/**
 * @param l all taps of every kernel, the kernels of a list by channel
 * @param expand where each number of the kernels' rows is among the packed values, plus one (0: nowhere); default: rows
 * lie in fours and in the lists' order, as the kernels read them
 */
export function uniformKernels(l: Lists, tuning: Tuning, expand?: () => readonly number[]): Candidate[] {
  const views = viewsOf(l), { shape: s, kh, kw } = l, [oh, ow] = convOutput(s);
  // On a GPU its workgroups of 8 threads would leave most lanes idle.
  if (!views || tuning.profile.waves) return [];
  const dispatches = ceilDiv(s.batch, views.together) * ceilDiv(views.parts, PANELS);
  if (dispatches > MOST_DISPATCHES) return [];
  const { loopNs, load4Ns, fmaNs, storeNs, uniformShare } = tuning.profile.conv;
  const { dispatchNs, divergence } = tuning.profile.lists;
  const entries = l.lists.reduce((sum, { kernels }) => sum + kernels.reduce((n, k) => n + k.length, 0), 0);
  return TILES.map(([rows, fours]) => {
    const tiles = ceilDiv(oh, rows) * ceilDiv(ow, 4 * fours) * s.batch;
    const loads = ((rows + kh - 1) * (fours + (kw > 1 ? 1 : 0)) * uniformShare + kh) * load4Ns;
    const perEntry = loopNs + loads + kh * kw * rows * fours * 4 * fmaNs;
    const sums = tiles * (entries * perEntry + l.lists.length * (PANELS * loopNs + rows * fours * storeNs));
    return {
      name: `uniform panels ${rows}x${4 * fours}`,
      cost: (sums + dispatches * dispatchNs) * divergence,
      build: () => build(l, views, rows, fours, expand?.()),
    };
  });
}

function viewsOf({ shape: s, input: { halo } }: Lists): Views | undefined {
  const plane = halo.rows * halo.cols, image = s.channels * plane;
  if (plane > ROOM) return undefined;
  const images = Math.max(1, Math.floor(ROOM / image));
  const fewest = ceilDiv(s.channels, Math.floor(ROOM / plane));
  const channels = ceilDiv(s.channels, fewest), parts = ceilDiv(s.channels, channels), shown = Math.min(parts, PANELS);
  return { images, channels, parts, shown, together: Math.floor(PANELS / shown) * images };
}

function build(l: Lists, views: Views, rows: number, fours: number, expand?: readonly number[]): Launch {
  const { shape: s, input: { halo }, lists, epilogue } = l, [oh, ow] = convOutput(s);
  const { images, channels, parts, shown, together } = views;
  const plane = halo.rows * halo.cols, image = s.channels * plane, size = s.batch * image;
  const end = Math.max(FLOATS, ceilDiv(size, 64) * 64);
  const tilesH = ceilDiv(oh, rows), tilesV = ceilDiv(ow, 4 * fours);
  const { kernels, bounds } = tablesOf(l, channels * plane / 4, parts);
  const weights = expand ? "expanded" : "values";
  const steps: Step[] = [padStep(halo, "x", "padded")];
  for (let n = 0; n < s.batch; n += together) {
    for (let from = 0; from < parts; from += PANELS) {
      const wanted = Array.from({ length: PANELS }, (_, w) => {
        const first = Math.min(n + Math.floor(w / shown) * images, s.batch - 1);
        return first * image + Math.min(from + w % shown, parts - 1) * channels * plane;
      });
      const starts = wanted.map((at) => Math.min(at - at % 64, end - FLOATS));
      const finish = from + PANELS >= parts ? epilogue : {};
      const constants = { KH: l.kh, KW: l.kw, ROWS: rows, FOURS: fours, WIDE: ow % 4 ? 0 : 1, ADD: from > 0 ? 1 : 0 };
      steps.push({
        plan: {
          program: program({ ...constants, ...epilogueConstants(finish) }),
          uniforms: [
            ...wanted.map((at, w) => (at - starts[w]) / 4),
            ...[Math.min(together, s.batch - n) * tilesH * tilesV, tilesH, tilesV, shown],
            ...[images, n, s.filters, oh, ow, image / 4, s.stride[0] * halo.cols / 4],
            from / PANELS * lists.length * BOUNDS,
          ],
          grid: [ceilDiv(Math.min(together, s.batch - n) * tilesH * tilesV, GROUP), lists.length, 1],
        },
        bindings: [
          ...Array(PANELS).fill("padded"),
          ...[weights, "kernels", "bounds", finish.bias === "add" ? "bias" : weights],
          ...[finish.residual === "add" ? "residual" : weights, "y"],
        ],
        windows: { ...starts.map((start) => ({ byteOffset: 4 * start, byteLength: 4 * FLOATS })) },
      });
    }
  }
  const launch = { steps, scratch: { padded: Math.max(haloBytes(halo), 4 * end) }, tables: { kernels, bounds } };
  return expand ? withExpanded(launch, expand) : launch;
}

/**
 * Gives the kernels counted from their part's first channel on, and where each list has those of each part, pass by
 * pass.
 */
function tablesOf({ lists }: Lists, perPart: number, parts: number) {
  const offsets = lists.map(({ kernels }) => kernels.flat()), bounds: number[] = [];
  for (let from = 0; from < parts; from += PANELS) {
    let start = 0;
    offsets.forEach((list, i) => {
      for (let part = from; part <= from + PANELS; part++) {
        const before = list.findIndex((offset) => offset >= part * perPart);
        bounds.push(start + (before < 0 ? list.length : before));
      }
      bounds.push(lists[i].filter);
      start += list.length;
    });
  }
  const kernels = inFours(offsets.flat().map((offset) => offset % perPart), 0);
  return { kernels, bounds: inFours(bounds, 0) };
}

/** Puts the packed values where the kernels read them, which inference does once. */
function withExpanded(launch: Launch, expand: readonly number[]): Launch {
  const size = Math.max(4, expand.length), grid = linearGrid(size, 64);
  const places = inFours(expand.flatMap((source) => source > 0 ? [source - 1, 1] : [0, 0]), 0);
  const plan = { program: PACK_WEIGHTS, uniforms: [expand.length, grid[0] * 64, 1, 0, 0], grid };
  return {
    ...launch,
    prepare: [{ plan, bindings: ["values", "places", "expanded"] }],
    scratch: { ...launch.scratch, expanded: 4 * size },
    tables: { ...launch.tables, places },
  };
}

function program(constants: Record<string, number>): Program {
  const access = [
    ...Array<"uniform">(PANELS).fill("uniform"),
    ...Array<"read">(5).fill("read"),
    "read_write",
  ] as const;
  return { name: "sparse convolution by kernels from uniform panels", source: linesSource(source), constants, access };
}

/** Heights, widths, tiles and epilogues are varied one at a time. */
export function uniformKernelVariants(): Program[] {
  const plain = { ROWS: 4, FOURS: 2, WIDE: 0, ADD: 0, ...epilogueConstants({}) };
  return [
    ...[[1, 2], [2, 2], [3, 3], [3, 4]].map(([KH, KW]) => program({ KH, KW, ...plain })),
    program({ KH: 3, KW: 3, ...plain, ROWS: 8, WIDE: 1 }),
    program({ KH: 1, KW: 1, ...plain, ADD: 1 }),
    ...EPILOGUES.slice(1).map((e: Epilogue) => program({ KH: 1, KW: 1, ...plain, ...epilogueConstants(e) })),
  ];
}
