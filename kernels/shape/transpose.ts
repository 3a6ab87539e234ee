import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import source from "./transpose.wgsl" with { type: "text" };

export const MAX_AXES = 5;

/** Axis i of y is axis perm[i] of x [shape], at most `MAX_AXES`. Bindings: x, y. */
export function planTranspose(shape: readonly number[], perm: readonly number[]): Plan {
  if (shape.length > MAX_AXES) {
    throw new RangeError(`[${shape}] has ${shape.length} axes, at most ${MAX_AXES} are supported`);
  }
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const ones = Array<number>(MAX_AXES - shape.length).fill(1);
  const sizes = [...ones, ...perm.map((axis) => shape[axis])];
  const count = sizes.reduce((a, b) => a * b, 1);
  const grid = linearGrid(count, 64);
  const uniforms = [count, grid[0], ...sizes.slice(1), ...ones.map(() => 0), ...perm.map((axis) => strides[axis])];
  return { program, uniforms, grid };
}

export function variants(): Program[] {
  return [program];
}

const program: Program = { name: "transpose", source, access: ["read", "read_write"] };
