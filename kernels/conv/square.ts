/**
 * 3×3 convolutions of stride 1 by squares of 4×4 pixels, weights in uniform windows (square.wgsl): forward, and, with the
 * kernel turned round, the data gradient. One dispatch for each 16 filters and each window of channels.
 */
import type { Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import { inFours } from "./pack.ts";
import { type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { FMA_NS, LOAD4_NS, STORE_NS, UNIFORM4_NS } from "./rows.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import source from "./square.wgsl" with { type: "text" };
import pack from "./square_pack.wgsl" with { type: "text" };

/** What a uniform binding holds, in fours of weights. */
const WINDOW = 4096;
const TAPS = 9;
const GROUP = 64;

/** A launch with the packing of the weights apart. */
export interface SquareLaunch extends Launch {
  readonly prepare: readonly Step[];
}

/** Whether `squareForward` and `squareDgrad` can do this shape. */
export function isSquare(s: ConvShape): boolean {
  const { kernel, stride, dilation, pads } = s;
  const plain = kernel.every((k) => k === 3) && [...stride, ...dilation].every((n) => n === 1);
  // Turning the kernel round asks for paddings of 0 … 2.
  return plain && s.taps === undefined && pads.every((p) => p <= 2) && convOutput(s).every((n) => n >= 1);
}

/** Operands "x", "w", "y" and, as the epilogue says, "bias", "residual". */
export function squareForward(s: ConvShape, epilogue: Epilogue): SquareLaunch {
  const [rows, cols] = convOutput(s);
  const perGroup = s.channels / s.groups;
  return squareLaunch(
    {
      ...{ batch: s.batch, groups: s.groups, channels: perGroup, filters: s.filters / s.groups, rows, cols },
      ...{ height: s.height, width: s.width, top: s.pads[0], left: s.pads[1] },
      order: Array.from({ length: perGroup * TAPS }, (_, k) => k),
      ...{ perFilter: perGroup * TAPS, perGroup: s.filters / s.groups * perGroup * TAPS },
    },
    epilogue,
    { x: "x", y: "y" },
  );
}

/** Operands "dy", "w", "dx": dx is a convolution of dy with each kernel turned round and filters as channels. */
export function squareDgrad(s: ConvShape): Launch {
  const [height, width] = convOutput(s);
  const filters = s.filters / s.groups, perGroup = s.channels / s.groups;
  const { prepare, ...launch } = squareLaunch(
    {
      ...{ batch: s.batch, groups: s.groups, channels: filters, filters: perGroup, rows: s.height, cols: s.width },
      ...{ height, width, top: 2 - s.pads[0], left: 2 - s.pads[1] },
      order: Array.from({ length: filters * TAPS }, (_, k) => {
        const f = Math.floor(k / TAPS), tap = k % TAPS;
        return f * perGroup * TAPS + TAPS - 1 - tap;
      }),
      ...{ perFilter: TAPS, perGroup: filters * perGroup * TAPS },
    },
    {},
    { x: "dy", y: "dx" },
  );
  return { ...launch, steps: [...prepare, ...launch.steps] };
}

/** Of all threads' instructions, in ns of one SIMD core of 8 lanes; loads and stores as software adapters have them. */
export function squareCost(s: ConvShape, threads: number, direction: "forward" | "dgrad"): number {
  const [rows, cols] = direction === "forward" ? convOutput(s) : [s.height, s.width];
  const [filters, channels] = direction === "forward" ? [s.filters, s.channels] : [s.channels, s.filters];
  const tiles = s.batch * ceilDiv(rows, 4) * ceilDiv(cols, 4);
  const perTile = filterBlocks(filters / s.groups).reduce((sum, { blocks }) => {
    return sum + channels / s.groups * (12 * LOAD4_NS + blocks * (9 * UNIFORM4_NS + 576 * FMA_NS)) +
      blocks * 64 * STORE_NS;
  }, 0);
  return s.groups * tiles * perTile * Math.max(1, threads / tiles);
}

/** Sizes per group. */
interface Square {
  readonly batch: number;
  readonly groups: number;
  readonly channels: number;
  readonly filters: number;
  readonly rows: number;
  readonly cols: number;
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
  /** Of each channel's taps in the weights of a filter. */
  readonly order: readonly number[];
  readonly perFilter: number;
  readonly perGroup: number;
}

/** Filters [first, first + 4·blocks) of a group and channels [c, c + channels), whose weights lie in one window. */
interface Part {
  readonly group: number;
  readonly first: number;
  readonly blocks: number;
  readonly c: number;
  readonly channels: number;
  /** Where the window starts in the packed weights. */
  readonly byteOffset: number;
}

function squareLaunch(s: Square, epilogue: Epilogue, names: { x: string; y: string }): SquareLaunch {
  const halo: Halo = {
    ...{ planes: s.batch * s.groups * s.channels, height: s.height, width: s.width, top: s.top, left: s.left },
    ...{ rows: s.rows + 2, cols: ceilDiv(s.cols + 2, 4) * 4, phases: 1 },
  };
  const bare = isBare(halo);
  const x = bare ? names.x : "padded";
  const { parts, bytes } = cut(s);
  return {
    prepare: parts.map((part) => packWindow(s, part)),
    steps: [
      ...(bare ? [] : [padStep(halo, names.x, x)]),
      ...parts.map((part) => squareStep(s, halo, part, epilogue, x, names.y)),
    ],
    // The last window reaches beyond its weights: a uniform array has one size.
    scratch: { packed: bytes + WINDOW * 16, ...(bare ? {} : { padded: haloBytes(halo) }) },
    tables: { order: inFours(s.order, 0) },
  };
}

function cut(s: Square): { parts: Part[]; bytes: number } {
  const parts: Part[] = [];
  let byteOffset = 0;
  for (let group = 0; group < s.groups; group++) {
    for (const { first, blocks } of filterBlocks(s.filters)) {
      const most = Math.floor(WINDOW / (TAPS * blocks));
      for (let c = 0; c < s.channels; c += most) {
        const channels = Math.min(most, s.channels - c);
        parts.push({ group, first, blocks, c, channels, byteOffset });
        byteOffset += ceilDiv(channels * TAPS * blocks * 16, 256) * 256;
      }
    }
  }
  return { parts, bytes: byteOffset };
}

/** Sixteen filters at a time, and what is left, rounded up to four. */
function filterBlocks(filters: number): { first: number; blocks: number }[] {
  const starts = Array.from({ length: ceilDiv(filters, 16) }, (_, i) => 16 * i);
  return starts.map((first) => ({ first, blocks: Math.min(4, ceilDiv(filters - first, 4)) }));
}

function packWindow(s: Square, { group, first, blocks, c, channels, byteOffset }: Part): Step {
  const taps = channels * TAPS;
  const start = group * s.perGroup + first * s.perFilter;
  const uniforms = [taps, blocks, s.filters - first, s.perFilter, start, c * TAPS, byteOffset / 4];
  const grid = linearGrid(taps * blocks * 4, GROUP);
  return { plan: { program: PACK, uniforms, grid }, bindings: ["w", "order", "packed"] };
}

function squareStep(s: Square, halo: Halo, part: Part, epilogue: Epilogue, x: string, y: string): Step {
  const { group, first, blocks, c, channels, byteOffset } = part;
  const whole = c + channels === s.channels ? epilogue : {};
  const row = halo.cols / 4, plane = halo.rows * row, pixels = s.rows * s.cols;
  const [tilesH, tilesV] = [ceilDiv(s.rows, 4), ceilDiv(s.cols, 4)];
  const tiles = s.batch * tilesH * tilesV;
  const grid = linearGrid(tiles, GROUP);
  const all = s.groups * s.filters, at = group * s.filters;
  const uniforms = [
    ...[channels, at + s.filters, at + first, s.rows, s.cols, (group * s.channels + c) * plane],
    ...[s.groups * s.channels * plane, plane, row, all * pixels, pixels, tilesH, tilesV, tiles, grid[0] * GROUP],
  ];
  const program = squareProgram(blocks, c > 0 ? 1 : 0, s.cols % 4 === 0 ? 1 : 0, whole);
  const bias = whole.bias === "add" ? "bias" : x, residual = whole.residual === "add" ? "residual" : x;
  return {
    plan: { program, uniforms, grid },
    bindings: [x, "packed", bias, residual, y],
    windows: { 1: { byteOffset, byteLength: WINDOW * 16 } },
  };
}

const PACK: Program = { name: "pack weights in windows", source: pack, access: ["read", "read", "read_write"] };

function squareProgram(FB: number, ADD: number, WIDE: number, epilogue: Epilogue): Program {
  return {
    name: "convolution by squares",
    source,
    constants: { FB, ADD, WIDE, ...epilogueConstants(epilogue) },
    access: ["read", "uniform", "read", "read", "read_write"],
  };
}

export function squareVariants(): Program[] {
  return [
    PACK,
    ...[1, 2, 3, 4].map((blocks) => squareProgram(blocks, 0, 1, {})),
    ...[0, 1].map((add) => squareProgram(1, add, 0, {})),
    ...EPILOGUES.slice(1).map((epilogue) => squareProgram(1, 0, 1, epilogue)),
  ];
}
