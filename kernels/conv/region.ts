import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import source from "./region.wgsl" with { type: "text" };
import dwSource from "./region_dw.wgsl" with { type: "text" };
import dxSource from "./region_dx.wgsl" with { type: "text" };

/** The convolution has a weight, and a bias, for each region of its output. */
export interface RegionShape {
  readonly conv: ConvShape;
  /**
   * There are so many regions along rows and along columns; a pixel's region is row region · columns' regions + column
   * region.
   */
  readonly regions: readonly [number, number];
}

/**
 * Writes `pixels` pixels of y, and leaves the others. The bindings are x, weight, bias, (place, region) of each pixel
 * as u32, and y.
 */
export function planRegionBorder(shape: RegionShape, pixels: number): Plan {
  const { batch, filters } = shape.conv;
  return planned(border, shape, batch * filters * pixels, pixels);
}

/** The bindings are dy, weight, row regions and column regions (u32) and dx. */
export function planRegionDx(shape: RegionShape): Plan {
  const { batch, channels, height, width } = shape.conv;
  return planned(dx, shape, batch * channels * height * width, shape.regions[1]);
}

/** The bindings are x, dy, row regions and column regions (u32) and dweight. */
export function planRegionDw(shape: RegionShape): Plan {
  const { filters, channels, groups, kernel } = shape.conv;
  return planned(dw.weight, shape, regionCount(shape) * filters * (channels / groups) * kernel[0] * kernel[1]);
}

/** The bindings are those of planRegionDw, but the last one is dbias. */
export function planRegionDbias(shape: RegionShape): Plan {
  return planned(dw.bias, shape, regionCount(shape) * shape.conv.filters);
}

export function variants(): Program[] {
  return [border, dx, dw.weight, dw.bias];
}

function regionCount({ regions }: RegionShape): number {
  return regions[0] * regions[1];
}

function planned(program: Program, { conv, regions }: RegionShape, count: number, third = regions[1]): Plan {
  const { channels, height, width, filters, groups, kernel, stride, dilation, pads } = conv;
  const grid = linearGrid(count, 64);
  const sizes = [channels, height, width, filters, groups, ...convOutput(conv), ...kernel, ...stride, ...dilation];
  return { program, uniforms: [count, grid[0], third, ...sizes, pads[0], pads[1], conv.batch], grid };
}

const border: Program = {
  name: "convolution by region",
  source,
  access: ["read", "read", "read", "read", "read_write"],
};
const dx: Program = {
  name: "convolution by region, gradient of x",
  source: dxSource,
  access: ["read", "read", "read", "read_write"],
};
const dwProgram: Program = {
  name: "convolution by region, gradient of its weights",
  source: dwSource,
  access: ["read", "read", "read", "read_write"],
};
const dw = {
  weight: { ...dwProgram, constants: { BIAS: 0 } },
  bias: { ...dwProgram, constants: { BIAS: 1 } },
};
