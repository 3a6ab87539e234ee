import type { Program } from "../../src/gpu/types.ts";
import type { Step } from "../gemm/steps.ts";
import { linearGrid } from "../grid.ts";
import source from "./pad.wgsl" with { type: "text" };

const PAD: Program = { name: "pad", source, access: ["read", "read_write"] };

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

/** True when padding would only copy. */
export function isBare(h: Halo): boolean {
  return h.phases === 1 && h.top === 0 && h.left === 0 && h.rows === h.height && h.cols === h.width;
}

export function haloBytes(h: Halo): number {
  return h.planes * h.phases * h.rows * h.cols * 4;
}

export function padStep(h: Halo, from: string, to: string): Step {
  const size = haloBytes(h) / 4;
  const grid = linearGrid(size, 64);
  const uniforms = [size, grid[0] * 64, h.height, h.width, h.rows, h.cols, h.top >>> 0, h.left >>> 0, h.phases];
  return { plan: { program: PAD, uniforms, grid }, bindings: [from, to] };
}

export function padVariants(): Program[] {
  return [PAD];
}
