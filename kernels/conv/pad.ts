import type { Program } from "../../src/gpu/types.ts";
import { ceilDiv, type Step } from "../launch.ts";
import { linearGrid } from "../grid.ts";
import source from "./pad.wgsl" with { type: "text" };

/**
 * Describes planes of height × width that are zero-padded (or, where negative, cropped) from `top`, `left` on to rows ×
 * phases·cols, where column c·phases + f lies in plane f of `phases` at column c.
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

/** Gives the same halo with rows filled up to a multiple of 4, unless it is x as it stands. */
export function filledUp(h: Halo): Halo {
  return isBare(h) ? h : { ...h, cols: ceilDiv(h.cols, 4) * 4 };
}

/** Says whether padding would only copy. */
export function isBare(h: Halo): boolean {
  return h.phases === 1 && h.top === 0 && h.left === 0 && h.rows === h.height && h.cols === h.width;
}

export function haloBytes(h: Halo): number {
  return h.planes * h.phases * h.rows * h.cols * 4;
}

/**
 * A thread may make so many fours of a row, the longest first: on a CPU that pays, on a GPU neighbours should lie near.
 */
const RUNS = [5, 4, 3, 2, 1];
const GROUP = 64;

/** `cols` must be a multiple of 4. */
export function padStep(h: Halo, from: string, to: string): Step {
  const fours = h.cols / 4;
  const covered = (run: number) => ceilDiv(fours, run) * run;
  const run = RUNS.reduce((best, next) => covered(next) < covered(best) ? next : best);
  const runs = ceilDiv(fours, run), count = h.planes * h.phases * h.rows * runs;
  const grid = linearGrid(count, GROUP);
  const aligned = h.width % 4 === 0 && h.left % 4 === 0;
  const mode = h.phases > 2 ? 0 : h.phases === 2 ? 3 : aligned ? 2 : 1;
  const [top, left] = [h.top >>> 0, h.left >>> 0];
  const uniforms = [count, grid[0] * GROUP, h.height, h.width, h.rows, fours, runs, top, left, h.phases];
  return { plan: { program: padProgram(mode, run), uniforms, grid }, bindings: [from, to] };
}

function padProgram(mode: number, run: number): Program {
  return { name: "pad", source, constants: { MODE: mode, FOURS: run }, access: ["read", "read_write"] };
}

export function padVariants(): Program[] {
  return [...[0, 1, 2, 3].map((mode) => padProgram(mode, 3)), ...RUNS.map((run) => padProgram(1, run))];
}
