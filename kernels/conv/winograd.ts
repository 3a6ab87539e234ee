/**
 * Plans 3×3 convolutions of stride 1 and their data gradients by Winograd's minimal algorithms (Lavin and Gray 2016), which
 * multiply transformed squares of pixels by transformed kernels: F(2×2,3×3) takes 16 multiply-adds of each channel for 4
 * outputs in place of 36, F(4×4,3×3) 36 for 16 in place of 144. Sums of pixels are rounded before they are multiplied, so
 * that outputs are further from the exact ones than those of a plain sum.
 */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { linearGrid } from "../grid.ts";
import type { Launch, Step } from "../launch.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import filtersSource from "./winograd_filters.wgsl" with { type: "text" };

/** A side of the squares of outputs that are made at a time. */
export type Square = 2 | 4;

/**
 * Says how far outputs of so many channels may be from the exact ones, over the largest: twice what was found for 64 to
 * 1024 channels of normal noise, which grows with the root of their number. Plain sums stay within 1e-6.
 */
export function winogradError({ depth }: WinogradWork, side: Square): number {
  return { 2: 1e-7, 4: 1.5e-6 }[side] * Math.sqrt(depth);
}

/** Fewer channels or filters than this don't pay for the transforms. */
const FEWEST = 64;

/** Maps are made of maps by 3×3 kernels: a convolution, or its data gradient with kernels turned round. */
export interface WinogradWork {
  /** So many maps are made of so many in each image. */
  readonly rows: number;
  readonly depth: number;
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly outputs: readonly [height: number, width: number];
  /** The first output's kernel begins here in a map of x. */
  readonly from: readonly [vertical: number, horizontal: number];
  readonly weights: { readonly row: number; readonly depth: number; readonly turned: 0 | 1 };
  readonly names: { readonly x: string; readonly y: string };
}

/** Its `prepare` transforms the filters. */
export interface WinogradLaunch extends Launch {
  readonly prepare: readonly Step[];
}

/** True for shapes and devices on which these ways are candidates. */
export function fitsWinograd(s: ConvShape, { waves }: DeviceProfile): boolean {
  const plain = s.groups === 1 && !s.taps && s.kernel.every((k) => k === 3) && s.stride.every((step) => step === 1) &&
    s.dilation.every((step) => step === 1);
  return waves !== undefined && plain && Math.min(s.channels, s.filters) >= FEWEST;
}

export function winogradForward(s: ConvShape): WinogradWork {
  return {
    rows: s.filters,
    depth: s.channels,
    images: s.batch,
    height: s.height,
    width: s.width,
    outputs: convOutput(s),
    from: [-s.pads[0], -s.pads[1]],
    weights: { row: 9 * s.channels, depth: 9, turned: 0 },
    names: { x: "x", y: "y" },
  };
}

/** Every input of the convolution meets the outputs whose kernels reach it. */
export function winogradGradient(s: ConvShape): WinogradWork {
  const [height, width] = convOutput(s);
  return {
    rows: s.channels,
    depth: s.filters,
    images: s.batch,
    height,
    width,
    outputs: [s.height, s.width],
    from: [s.pads[0] - 2, s.pads[1] - 2],
    weights: { row: 9, depth: 9 * s.channels, turned: 1 },
    names: { x: "dy", y: "dx" },
  };
}

/** Counts the squares of an image, down and along. */
export function squaresOf({ outputs: [height, width] }: WinogradWork, side: Square): [number, number] {
  return [Math.ceil(height / side), Math.ceil(width / side)];
}

/** Where place i of filter f of channel c lies: f/block·blocks + f%block + c·depth + i·place, for filters and channels in all. */
export interface FiltersLayout {
  readonly rowsInAll: number;
  readonly depthInAll: number;
  readonly block: number;
  readonly apart: { readonly block: number; readonly depth: number; readonly place: number };
}

/** Transforms the weights "w" into "filters". */
export function filtersStep({ rows, depth, weights }: WinogradWork, side: Square, layout: FiltersLayout): Step {
  const { rowsInAll, depthInAll, block, apart } = layout, threads = rowsInAll * depthInAll;
  const grid = linearGrid(threads, 64);
  const uniforms = [
    ...[rows, depth, rowsInAll, threads, grid[0] * 64, weights.row, weights.depth],
    ...[block, apart.block, apart.depth, apart.place],
  ];
  return { plan: { program: filtersProgram(side, weights.turned), uniforms, grid }, bindings: ["w", "filters"] };
}

function filtersProgram(side: Square, turned: 0 | 1): Program {
  return {
    name: "winograd filters",
    source: filtersSource,
    constants: { SIZE: side, TURNED: turned },
    access: ["read", "read_write"],
  };
}

export function filtersVariants(): Program[] {
  return [filtersProgram(2, 0), filtersProgram(4, 1)];
}
