import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import source from "./dropout.wgsl" with { type: "text" };
import philox from "./philox.wgsl" with { type: "text" };

/**
 * Computes y = x / (1 − rate) where uniform(step, i) ≥ rate, else 0; `key` is streamKey(seed, stream). The bindings are
 * x and y, for the gradient dy and dx.
 */
export function planDropout(size: number, rate: number, key: readonly [number, number], step: number): Plan {
  const grid = linearGrid(size, ELEMENTS_PER_GROUP);
  const threshold = Math.ceil(rate * 2 ** 24);
  return { program, uniforms: [size, grid[0], ...key, step, threshold, f32bits(1 / (1 - rate))], grid };
}

export function variants(): Program[] {
  return [program];
}

const ELEMENTS_PER_GROUP = 256;
const program: Program = { name: "dropout", source: `${philox}\n${source}`, access: ["read", "read_write"] };
