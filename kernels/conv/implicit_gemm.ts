/**
 * Plans convolutions and their data gradients as products of weights and of what the pixels see, by tiles in workgroup
 * memory (implicit_gemm.wgsl): made for GPUs. Nothing is padded or packed before, and where there are few tiles, the
 * slices of a workgroup share the sum, then several workgroups, whose parts another dispatch adds up.
 */
import type { Program } from "../../src/gpu/types.ts";
import { type Arithmetic, errorOf, featuresOf, halfProfile, nameIn } from "../arithmetic.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { reduceStep } from "../gemm/plan.ts";
import { withGelu } from "../activation.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import type { Candidate } from "../tuning.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import {
  foursOfTile,
  implicitSource,
  PART_TILES,
  tileConstants,
  tileVariants,
  type TileWay,
  tileWays,
  type TileWork,
  WAVE_TILES,
} from "./implicit_tiles.ts";
import source from "./implicit_gemm.wgsl" with { type: "text" };

const TILES = [...WAVE_TILES, ...PART_TILES];
/** A mask of pixels has a bit for so many taps. */
const MOST_BITS = 32;
/** A phase is the outputs that meet the same taps: a rectangle of `vertical` × `horizontal` ones. */
export interface TapPhase {
  readonly rows: number;
  readonly cols: number;
  readonly vertical: AxisTaps;
  readonly horizontal: AxisTaps;
  /** The first output of the phase lies here in an image's plane of y. */
  readonly start: number;
}

/** Tap i of an axis has the kernel's line k + i·kStep and reads x at + i·atStep lines behind an output's first. */
export interface AxisTaps {
  readonly count: number;
  readonly k: number;
  readonly kStep: number;
  readonly at: number;
  readonly atStep: number;
}

/** This is a product of weights [rows, depth × taps] and what pixels see. Strides count elements. */
export interface TapProduct {
  readonly rows: number;
  readonly depth: number;
  readonly images: number;
  readonly groups: number;
  readonly phases: readonly TapPhase[];
  /** The map that the pixels see has these channels in all, and this size. */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Neighbouring outputs read x so far apart. */
  readonly step: readonly [number, number];
  readonly kernelWidth: number;
  readonly weights: { readonly group: number; readonly row: number; readonly depth: number };
  /** The output has planes of this size, and a phase's neighbours lie so far apart in them. */
  readonly y: { readonly plane: number; readonly row: number; readonly col: number };
  readonly names: { readonly x: string; readonly y: string };
}

/** Kept columns have none. */
export function implicitCandidates(
  product: TapProduct,
  epilogue: Epilogue,
  profile: DeviceProfile,
  arithmetic: Arithmetic = "f32",
): Candidate<Launch & { readonly prepare: readonly Step[] }>[] {
  const { rows, images, groups, phases, y } = product;
  const work: TileWork = {
    rows,
    groups,
    parts: phases.map((phase) => ({
      fours: images * foursOf(phase),
      steps: (each: number) => stepsOf(product, phase, each),
    })),
    size: images * groups * rows * y.plane,
  };
  // Tiles of whole waves take eight of the summed index in a step, which fits sums in f16.
  const ways = arithmetic === "f16" ? tileWays(work, halfProfile(profile), WAVE_TILES) : tileWays(work, profile, TILES);
  return ways.map((way) => ({
    name: way.name,
    cost: way.cost,
    ...errorOf(arithmetic),
    build: () => implicitLaunch(product, way, epilogue, arithmetic),
  }));
}

export function forwardProduct(s: ConvShape): TapProduct {
  const [rows, cols] = convOutput(s), perGroup = s.channels / s.groups, filters = s.filters / s.groups;
  const [kh, kw] = s.kernel;
  return {
    rows: filters,
    depth: perGroup,
    images: s.batch,
    groups: s.groups,
    phases: [{
      rows,
      cols,
      vertical: { count: kh, k: 0, kStep: 1, at: -s.pads[0], atStep: s.dilation[0] },
      horizontal: { count: kw, k: 0, kStep: 1, at: -s.pads[1], atStep: s.dilation[1] },
      start: 0,
    }],
    channels: s.channels,
    height: s.height,
    width: s.width,
    step: s.stride,
    kernelWidth: kw,
    weights: { group: filters * perGroup * kh * kw, row: perGroup * kh * kw, depth: kh * kw },
    y: { plane: rows * cols, row: cols, col: 1 },
    names: { x: "x", y: "y" },
  };
}

/**
 * A number of channels that steps would fill badly is summed together with their taps, in the order in which the weights
 * lie.
 */
function isFlat({ depth, phases, weights }: TapProduct): boolean {
  const taps = tapsOf(phases[0]);
  return phases.length === 1 && weights.depth === taps && taps > 1 && ceilDiv(depth, 8) * 8 >= 1.2 * depth;
}

function tapsOf({ vertical, horizontal }: TapPhase): number {
  return vertical.count * horizontal.count;
}

/** Counts the steps of a phase's sum, of `each` channels of a tap or weights. */
function stepsOf(product: TapProduct, phase: TapPhase, each: number): number {
  const taps = tapsOf(phase);
  return isFlat(product) ? ceilDiv(product.depth * taps, each) : ceilDiv(product.depth, each) * taps;
}

function foursOf({ rows, cols }: TapPhase): number {
  return ceilDiv(rows * cols, 4);
}

function implicitLaunch(
  product: TapProduct,
  { tile, sharing }: TileWay,
  epilogue: Epilogue,
  arithmetic: Arithmetic,
): Launch & { readonly prepare: readonly Step[] } {
  const { rows, depth, images, groups, phases, height, width, step, weights, channels, names } = product;
  const { slices, splits } = sharing, each = tile.step * slices;
  const plane = height * width, image = groups * rows * product.y.plane, size = images * image;
  const split = splits > 1, whole = split ? {} : epilogue;
  const [down, along] = foursOfTile(tile);
  const tilesA = ceilDiv(rows, 4 * down);
  const tilesB = Math.max(...phases.map((phase) => ceilDiv(images * foursOf(phase), along)));
  const grid = linearGrid(tilesA * tilesB, 1);
  const plain = phases.length === 1 && product.y.col === 1;
  const constants = {
    ...tileConstants(tile, sharing),
    FLAT: isFlat(product) ? 1 : 0,
    LINEAR: linear(product),
    BORDER: border(product),
    TAIL: isFlat(product) || depth % each !== 0 ? 1 : 0,
    PLAIN: plain ? 1 : 0,
    WIDE: plain && product.y.plane % 4 === 0 ? 1 : 0,
    ALONG_K: weights.depth <= weights.row ? 1 : 0,
  };
  const uniforms = [
    ...[rows, depth, images, groups, phases.length, splits, tilesA, grid[0]],
    ...[height, width, channels * plane, channels / groups * plane, plane, ...step],
    ...[weights.group, weights.row, weights.depth],
    ...[image, rows * product.y.plane, product.y.plane, product.y.row, product.y.col, size],
  ];
  const bias = whole.bias === "add" ? "bias" : names.x, residual = whole.residual === "add" ? "residual" : names.x;
  return {
    prepare: [],
    steps: [
      {
        plan: {
          program: implicitProgram(constants, whole, arithmetic),
          uniforms,
          grid: [grid[0], grid[1], groups * phases.length * splits],
        },
        bindings: [names.x, names.x, "w", "phases", bias, residual, split ? "partial" : names.y],
      },
      ...(split ? [renamed(reduceStep(size, splits, epilogue, product.y.plane, groups * rows), names.y)] : []),
    ],
    scratch: split ? { partial: 4 * splits * size } : {},
    tables: { phases: Uint32Array.from(phases.flatMap((phase) => phaseWords(product, phase, each))) },
    ...errorOf(arithmetic),
  };
}

/** Says whether four pixels lie one after another in x (1), and start at a multiple of four (2). */
function linear({ step, phases, height, width }: TapProduct): number {
  if (step.some((n) => n !== 1) || phases.some(({ cols }) => cols !== width)) return 0;
  // One tap that isn't shifted leaves a pixel where it is.
  const still = ({ count, at }: AxisTaps) => count <= 1 && at === 0;
  const aligned = phases.every(({ vertical, horizontal }) => still(vertical) && still(horizontal));
  return aligned && height * width % 4 === 0 ? 2 : 1;
}

/** Says how pixels are tested for lying beyond the map: not at all, by their rows and columns, or by bits for the taps. */
function border(product: TapProduct): number {
  const { phases, step, height, width } = product;
  const inside = (outputs: number, { count, at, atStep }: AxisTaps, stride: number, size: number) =>
    count === 0 ||
    (Math.min(at, at + (count - 1) * atStep) >= 0 &&
      Math.max(at, at + (count - 1) * atStep) + (outputs - 1) * stride < size);
  const all = phases.every(({ rows, cols, vertical, horizontal }) =>
    inside(rows, vertical, step[0], height) && inside(cols, horizontal, step[1], width)
  );
  if (all) return 0;
  return isFlat(product) || phases.some((phase) => tapsOf(phase) > MOST_BITS) ? 1 : 2;
}

/** Gives a phase as implicit_gemm.wgsl reads it. */
function phaseWords(product: TapProduct, phase: TapPhase, each: number): number[] {
  const { rows, cols, vertical: v, horizontal: h, start } = phase, { kernelWidth } = product;
  const taps = Math.max(1, tapsOf(phase)), along = Math.max(1, h.count);
  return [
    ...[rows, cols, foursOf(phase), v.count, h.count],
    ...[v.k * kernelWidth + h.k, v.kStep * kernelWidth, h.kStep],
    ...[v.at, v.atStep, h.at, h.atStep, start],
    ...[Math.floor(each / taps), Math.floor(each % taps / along), each % along],
  ].map((word) => word >>> 0);
}

/** The sum of the parts is called "y" in other plans. */
function renamed(step: Step, y: string): Step {
  return { ...step, bindings: step.bindings.map((name) => name === "y" ? y : name) };
}

function implicitProgram(constants: Record<string, number>, epilogue: Epilogue, arithmetic: Arithmetic): Program {
  return {
    name: nameIn(arithmetic, "implicit gemm convolution"),
    source: withGelu(implicitSource(source, arithmetic), epilogue),
    constants: { ...constants, ...epilogueConstants(epilogue) },
    ...featuresOf(arithmetic),
    access: ["read", "read", "read", "read", "read", "read", "read_write"],
  };
}

export function implicitVariants(): Program[] {
  const [tile] = tileVariants(WAVE_TILES).filter(({ MB, NB }) => MB * NB === 1);
  const plain = { FLAT: 0, LINEAR: 0, BORDER: 0, TAIL: 0, PLAIN: 1, WIDE: 0, ALONG_K: 1 };
  const others: Record<string, number>[] = [
    ...tileVariants(TILES),
    ...[{ FLAT: 1, BORDER: 1, TAIL: 1 }, { LINEAR: 1, BORDER: 2, WIDE: 1 }, { LINEAR: 2 }, { PLAIN: 0, ALONG_K: 0 }],
  ];
  const inHalves = [...tileVariants(WAVE_TILES).filter(({ MB, NB }) => MB * NB <= 4), ...others.slice(-4)];
  const epilogues: readonly Epilogue[] = [...EPILOGUES.slice(1), { activation: "gelu" }, { activation: "geluTanh" }];
  const of = (change: Record<string, number>, epilogue: Epilogue, arithmetic: Arithmetic) =>
    implicitProgram({ ...tile, ...plain, ...change }, epilogue, arithmetic);
  return [
    ...others.map((change) => of(change, {}, "f32")),
    ...inHalves.map((change) => of(change, {}, "f16")),
    ...epilogues.flatMap((epilogue) => (["f32", "f16"] as const).map((arithmetic) => of({}, epilogue, arithmetic))),
  ];
}
