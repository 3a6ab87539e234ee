import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import gradSource from "./resize_grad.wgsl" with { type: "text" };
import source from "./resize.wgsl" with { type: "text" };

/** These are maps of height × width, each pixel of which becomes a block of `scales` [rows, columns]. */
export interface ResizeShape {
  readonly maps: number;
  readonly height: number;
  readonly width: number;
  readonly scales: readonly [number, number];
}

/** Computes y[m,i,j] = x[m,⌊i/fh⌋,⌊j/fw⌋]. The bindings are x and y. */
export function planResize({ maps, height, width, scales: [fh, fw] }: ResizeShape): Plan {
  return planPixels(resize, maps * height * fh * width * fw, [height, width, fh, fw]);
}

/** Sums dy over the block of each pixel into dx[m,r,c]. The bindings are dy and dx. */
export function planResizeGrad({ maps, height, width, scales }: ResizeShape): Plan {
  return planPixels(gradient, maps * height * width, [height, width, ...scales]);
}

export function variants(): Program[] {
  return [resize, gradient];
}

const resize: Program = { name: "resize", source, access: ["read", "read_write"] };
const gradient: Program = { name: "resize gradient", source: gradSource, access: ["read", "read_write"] };

function planPixels(program: Program, count: number, rest: readonly number[]): Plan {
  const grid = linearGrid(count, 64);
  return { program, uniforms: [count, grid[0], ...rest], grid };
}
