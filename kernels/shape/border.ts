import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import source from "./border.wgsl" with { type: "text" };
import gradSource from "./border_grad.wgsl" with { type: "text" };

export interface BorderShape {
  readonly images: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** The table of each channel has so many rows and columns. */
  readonly table: readonly [number, number];
}

/** Computes y = x + table[f, rows[i], cols[j]]. The bindings are x, table, places (u32: rows, then columns) and y. */
export function planBorder({ images, channels, height, width, table }: BorderShape): Plan {
  const count = images * channels * height * width;
  const grid = linearGrid(count, 64);
  return { program: border, uniforms: [count, grid[0], channels, height, width, ...table], grid };
}

/** The bindings are dy summed over the images [channels, height, width], places and dtable. */
export function planBorderGrad({ channels, height, width, table }: BorderShape): Plan {
  const count = channels * table[0] * table[1];
  const grid = linearGrid(count, 64);
  return { program: grad, uniforms: [count, grid[0], height, width, ...table], grid };
}

export function variants(): Program[] {
  return [border, grad];
}

const border: Program = { name: "border bias", source, access: ["read", "read", "read", "read_write"] };
const grad: Program = { name: "border bias gradient", source: gradSource, access: ["read", "read", "read_write"] };
