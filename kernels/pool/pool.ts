import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import averageSource from "./average.wgsl" with { type: "text" };
import averageGradSource from "./average_grad.wgsl" with { type: "text" };
import maxSource from "./max.wgsl" with { type: "text" };
import max2Source from "./max2.wgsl" with { type: "text" };
import max2GradSource from "./max2_grad.wgsl" with { type: "text" };
import maxIndexSource from "./max_index.wgsl" with { type: "text" };
import maxGradSource from "./max_grad.wgsl" with { type: "text" };

/**
 * These are pooling windows over `maps` = N·C maps of height × width. `pads` are as in ONNX: top, left, bottom, right.
 */
export interface PoolShape {
  readonly maps: number;
  readonly height: number;
  readonly width: number;
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
}

export type AverageOver = "window" | "inside";

/** Gives the height and width of the output, as ONNX does with ceil_mode 0. */
export function pooledSize({ height, width, kernel, strides, pads }: Omit<PoolShape, "maps">): [number, number] {
  return [
    Math.floor((height + pads[0] + pads[2] - kernel[0]) / strides[0]) + 1,
    Math.floor((width + pads[1] + pads[3] - kernel[1]) / strides[1]) + 1,
  ];
}

/** The bindings are x and y. */
export function planMaxPool(shape: PoolShape): Plan {
  return isTwoByTwo(shape) ? planTwoByTwo(max2, shape) : planPooling(max, shape, "output");
}

/**
 * 2×2 windows go straight from (x, dy) to dx; others find the maxima first, with the bindings x and `indices` u32 of
 * scratch, and then bind scratch, dy and dx.
 */
export type MaxPoolGrad =
  | { readonly form: "direct"; readonly plan: Plan }
  | { readonly form: "indexed"; readonly find: Plan; readonly route: Plan; readonly indices: number };

export function planMaxPoolGrad(shape: PoolShape): MaxPoolGrad {
  if (isTwoByTwo(shape)) return { form: "direct", plan: planTwoByTwo(max2Grad, shape) };
  const { kernel, strides } = shape;
  const overlap = kernel.every((size, axis) => size <= 2 * strides[axis]) ? "two" : "any";
  const [oh, ow] = pooledSize(shape);
  return {
    form: "indexed",
    find: planPooling(maxIndex, shape, "output"),
    route: planPooling(maxGrad[overlap], shape, "input"),
    indices: shape.maps * oh * ow,
  };
}

/**
 * With `over` "window" it divides by the kernel's size (count_include_pad), with "inside" by the taps inside the map.
 * The bindings are x and y.
 */
export function planAveragePool(shape: PoolShape, over: AverageOver): Plan {
  return planPooling(average[over], shape, "output");
}

/** The bindings are dy and dx. */
export function planAveragePoolGrad(shape: PoolShape, over: AverageOver): Plan {
  return planPooling(averageGrad[over], shape, "input");
}

export function variants(): Program[] {
  return [
    max,
    max2,
    maxIndex,
    ...Object.values(maxGrad),
    max2Grad,
    ...Object.values(average),
    ...Object.values(averageGrad),
  ];
}

const THREADS = 64;

const max: Program = { name: "max pool", source: maxSource, access: ["read", "read_write"] };
const max2: Program = { name: "max pool 2x2", source: max2Source, access: ["read", "read_write"] };
const maxIndex: Program = { name: "max pool index", source: maxIndexSource, access: ["read", "read_write"] };
const maxGradAccess = ["read", "read", "read_write"] as const;
const maxGrad: Record<"any" | "two", Program> = {
  any: { name: "max pool gradient", source: maxGradSource, access: maxGradAccess, constants: { OVERLAP: 0 } },
  two: { name: "max pool gradient", source: maxGradSource, access: maxGradAccess, constants: { OVERLAP: 2 } },
};
const max2Grad: Program = {
  name: "max pool 2x2 gradient",
  source: max2GradSource,
  access: ["read", "read", "read_write"],
};
const average = perDivisor("average pool", averageSource);
const averageGrad = perDivisor("average pool gradient", averageGradSource);

function perDivisor(name: string, source: string): Record<AverageOver, Program> {
  const access = ["read", "read_write"] as const;
  return {
    window: { name, source, access, constants: { INCLUDE_PAD: 1 } },
    inside: { name, source, access, constants: { INCLUDE_PAD: 0 } },
  };
}

function isTwoByTwo({ height, width, kernel, strides, pads }: PoolShape): boolean {
  return [...kernel, ...strides].every((n) => n === 2) && pads.every((n) => n === 0) && height % 2 === 0 &&
    width % 4 === 0;
}

function planTwoByTwo(program: Program, { maps, height, width }: PoolShape): Plan {
  const count = maps * (height / 2) * (width / 4);
  const grid = linearGrid(count, THREADS);
  return { program, uniforms: [count, grid[0], width / 4], grid };
}

function planPooling(program: Program, shape: PoolShape, threadPer: "output" | "input"): Plan {
  const { maps, height, width, kernel, strides, pads } = shape;
  const [oh, ow] = pooledSize(shape);
  const count = maps * (threadPer === "output" ? oh * ow : height * width);
  const grid = linearGrid(count, THREADS);
  return {
    program,
    uniforms: [count, grid[0], height, width, oh, ow, ...kernel, ...strides, pads[0], pads[1]],
    grid,
  };
}
