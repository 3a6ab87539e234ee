/**
 * Plans a convolution as a product of its weights and its im2col matrix, both in blocks that are read through uniform
 * arrays. It does any kernel, stride and dilation, and kept columns too. It is made for many filters, which share the
 * cost of the matrix.
 */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import {
  type BindingWindow,
  ceilDiv,
  type Epilogue,
  epilogueConstants,
  EPILOGUES,
  type Launch,
  type Step,
} from "../launch.ts";
import { inputHalo, tapOffsets } from "./input.ts";
import { inFours } from "./pack.ts";
import { filledUp, haloBytes, isBare, padStep } from "./pad.ts";
import { convOutput, type ConvShape, convTaps } from "./shape.ts";
import { weightPanelStep } from "./direct4x4.ts";
import gather from "./im2col.wgsl" with { type: "text" };
import product from "./im2col_product.wgsl" with { type: "text" };

/** A block has so many filters or pixels, and so many taps: together they are what a uniform binding holds. */
const ROWS = 256, COLUMNS = 64;
const BLOCK_BYTES = 4 * ROWS * COLUMNS;
/** A dispatch binds so many blocks of one operand. */
const BOUND = 4;
/** A dispatch binds the offsets of so many taps. */
const OFFSETS = 4096;
const GROUP = 64;
const FEWEST_FILTERS = 16;
/** More would fill the queue with small work. */
const MOST_DISPATCHES = 512;
const MOST_BYTES = 2 ** 26;

/** The packing of the weights is apart from the rest of the launch. */
export interface Im2colLaunch extends Launch {
  readonly prepare: readonly Step[];
}

/** Says whether there are enough filters, and few enough blocks. */
export function fitsIm2col(s: ConvShape): boolean {
  const { pixels, taps, dispatches } = sizes(s);
  const bytes = ceilDiv(pixels, ROWS) * ceilDiv(taps, COLUMNS) * BLOCK_BYTES;
  return s.groups === 1 && s.filters >= FEWEST_FILTERS && dispatches <= MOST_DISPATCHES && bytes <= MOST_BYTES;
}

/** Estimates how long all threads' instructions take, in ns of one group of 8 lanes. */
export function im2colCost(s: ConvShape, { waves = 0, conv }: DeviceProfile): number {
  const { loopNs, loadNs, uniform4Ns, storeNs, fmaNs, dispatchNs, divergence } = conv;
  const { pixels, taps, dispatches } = sizes(s);
  const tiles = ceilDiv(s.filters, 8) * ceilDiv(pixels, 8);
  const turn = loopNs + 4 * uniform4Ns + 64 * fmaNs;
  const stores = tiles * 64 * storeNs * ceilDiv(taps, BOUND * COLUMNS);
  const gathering = pixels * taps * (loadNs + storeNs / 2);
  // A GPU has idle threads where there are few tiles.
  const idle = Math.max(1, 64 * waves / tiles);
  return divergence * ((tiles * taps * turn + stores) * idle + gathering + dispatches * dispatchNs);
}

/** The operands are "x", "w", "y" and, as the epilogue says, "bias" and "residual". */
export function im2colForward(s: ConvShape, epilogue: Epilogue): Im2colLaunch {
  const { pixels, taps } = sizes(s);
  const blocks = ceilDiv(taps, COLUMNS), halo = filledUp(inputHalo(s)), bare = isBare(halo);
  const prepare: Step[] = [], products: Step[] = [];
  for (let filter = 0; filter < s.filters; filter += ROWS) {
    for (let block = 0; block < blocks; block++) prepare.push(packBlock(s, filter, block));
    for (let pixel = 0; pixel < pixels; pixel += ROWS) {
      for (let first = 0; first < blocks; first += BOUND) products.push(productStep(s, filter, pixel, first, epilogue));
    }
  }
  const offsets = new Uint32Array(ceilDiv(taps, OFFSETS) * OFFSETS);
  offsets.set(tapOffsets(s, halo));
  return {
    prepare,
    steps: [
      ...(bare ? [] : [padStep(halo, "x", "padded")]),
      ...gatherSteps(s, bare ? "x" : "padded", [
        s.channels * halo.rows * halo.cols,
        s.stride[0] * halo.cols,
        s.stride[1],
      ]),
      ...products,
    ],
    scratch: {
      packed: ceilDiv(s.filters, ROWS) * blocks * BLOCK_BYTES,
      columns: ceilDiv(pixels, ROWS) * blocks * BLOCK_BYTES,
      ...(bare ? {} : { padded: haloBytes(halo) }),
    },
    tables: { taps: offsets, order: inFours(Array.from({ length: taps }, (_, k) => k), 0) },
  };
}

function sizes(s: ConvShape): { pixels: number; taps: number; dispatches: number } {
  const [rows, cols] = convOutput(s);
  const pixels = s.batch * rows * cols, taps = convTaps(s);
  const products = ceilDiv(s.filters, ROWS) * ceilDiv(pixels, ROWS) * ceilDiv(taps, COLUMNS * BOUND);
  return { pixels, taps, dispatches: products + ceilDiv(taps, OFFSETS) };
}

/** Packs the weights of 256 filters and 64 taps. */
function packBlock(s: ConvShape, filter: number, block: number): Step {
  const taps = convTaps(s), firstTap = block * COLUMNS;
  return weightPanelStep({
    taps: Math.min(COLUMNS, taps - firstTap),
    blocks: ROWS / 4,
    filters: s.filters - filter,
    perFilter: taps,
    start: filter * taps,
    firstTap,
    byteOffset: (filter / ROWS * ceilDiv(taps, COLUMNS) + block) * BLOCK_BYTES,
  });
}

/** Makes the im2col matrix. The strides of x are those of an image, a row and a column. */
function gatherSteps(s: ConvShape, x: string, strides: readonly [number, number, number]): Step[] {
  const { pixels, taps } = sizes(s), [rows, cols] = convOutput(s);
  return Array.from({ length: ceilDiv(taps, OFFSETS) }, (_, i): Step => {
    const first = i * OFFSETS;
    const grid = [ceilDiv(pixels, 4 * GROUP), ceilDiv(Math.min(OFFSETS, taps - first), COLUMNS), 1] as const;
    const uniforms = [pixels, rows * cols, cols, ...strides, first, taps, ceilDiv(taps, COLUMNS)];
    return {
      plan: { program: GATHER, uniforms, grid },
      bindings: [x, "taps", "columns"],
      windows: { 1: { byteOffset: first * 4, byteLength: OFFSETS * 4 } },
    };
  });
}

/** Adds four blocks of taps, from block `first` on, to 256 filters × 256 pixels. */
function productStep(s: ConvShape, filter: number, pixel: number, first: number, epilogue: Epilogue): Step {
  const { pixels, taps } = sizes(s), [rows, cols] = convOutput(s), blocks = ceilDiv(taps, COLUMNS);
  const filters = Math.min(s.filters, filter + ROWS), end = Math.min(pixels, pixel + ROWS);
  const k = Math.min(taps - first * COLUMNS, BOUND * COLUMNS);
  const tilesF = ceilDiv(filters - filter, 8), tilesQ = ceilDiv(end - pixel, 8);
  const whole = first + BOUND >= blocks ? epilogue : {};
  const windows: Record<number, BindingWindow> = {};
  for (let i = 0; i < BOUND; i++) {
    const block = Math.min(first + i, blocks - 1);
    windows[i] = { byteOffset: (filter / ROWS * blocks + block) * BLOCK_BYTES, byteLength: BLOCK_BYTES };
    windows[BOUND + i] = { byteOffset: (pixel / ROWS * blocks + block) * BLOCK_BYTES, byteLength: BLOCK_BYTES };
  }
  return {
    plan: {
      program: productProgram({ ADD: first > 0 ? 1 : 0, ...epilogueConstants(whole) }),
      uniforms: [filter, pixel, filters, end, k, rows * cols, s.filters * rows * cols, tilesF, tilesQ],
      grid: [ceilDiv(tilesF * tilesQ, GROUP), 1, 1],
    },
    bindings: [
      ...Array(BOUND).fill("packed"),
      ...Array(BOUND).fill("columns"),
      whole.bias === "add" ? "bias" : "packed",
      whole.residual === "add" ? "residual" : "packed",
      "y",
    ],
    windows,
  };
}

const GATHER: Program = { name: "im2col", source: gather, access: ["read", "uniform", "read_write"] };

function productProgram(constants: Record<string, number>): Program {
  const access = [...Array<"uniform">(2 * BOUND).fill("uniform"), "read", "read", "read_write"] as const;
  return { name: "convolution by im2col", source: product, constants, access };
}

export function im2colVariants(): Program[] {
  const plain = epilogueConstants({});
  return [
    GATHER,
    ...[0, 1].map((ADD) => productProgram({ ADD, ...plain })),
    ...EPILOGUES.slice(1).map((epilogue) => productProgram({ ADD: 0, ...epilogueConstants(epilogue) })),
  ];
}
