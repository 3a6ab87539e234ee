import type { Program } from "../../src/gpu/types.ts";
import { ceilDiv, type Step } from "../launch.ts";
import { linearGrid } from "../grid.ts";
import source from "./pad.wgsl" with { type: "text" };

/**
 * Planes of height × width, zero-padded (or, where negative, cropped) from `top`, `left` on to rows × phases·cols, column
 * c·phases + f lying in plane f of `phases` at column c.
 */
export interface Halo {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly rows: number;
  readonly cols: number;
  readonly top: number;
  readonly left: number;
  readonly phases: number;
}

/** The same with rows filled up to a multiple of 4, unless it is x as it stands. */
export function filledUp(h: Halo): Halo {
  return isBare(h) ? h : { ...h, cols: ceilDiv(h.cols, 4) * 4 };
}

/** True when padding would only copy. */
export function isBare(h: Halo): boolean {
  return h.phases === 1 && h.top === 0 && h.left === 0 && h.rows === h.height && h.cols === h.width;
}

export function haloBytes(h: Halo): number {
  return h.planes * h.phases * h.rows * h.cols * 4;
}

/** `cols` must be a multiple of 4. */
export function padStep(h: Halo, from: string, to: string): Step {
  const size = haloBytes(h) / 16;
  const grid = linearGrid(size, 64);
  const aligned = h.phases === 1 && h.width % 4 === 0 && h.left % 4 === 0;
  const [top, left] = [h.top >>> 0, h.left >>> 0];
  const uniforms = [size, grid[0] * 64, h.height, h.width, h.rows, h.cols / 4, top, left, h.phases];
  return { plan: { program: padProgram(aligned), uniforms, grid }, bindings: [from, to] };
}

function padProgram(aligned: boolean): Program {
  return { name: "pad", source, constants: { ALIGNED: aligned ? 1 : 0 }, access: ["read", "read_write"] };
}

export function padVariants(): Program[] {
  return [padProgram(false), padProgram(true)];
}
