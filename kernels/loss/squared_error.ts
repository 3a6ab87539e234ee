import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import source from "./squared_error.wgsl" with { type: "text" };

/** Computes out = (y − t)² over n elements. The bindings are y, t, any readable buffer, and out. */
export function planSquaredError(n: number): Plan {
  return plan(n, forward);
}

/** Computes dy = d · 2/n · (y − t). The bindings are y, t, d (the gradient of the mean) and dy. */
export function planSquaredErrorGrad(n: number): Plan {
  return plan(n, backward);
}

export function variants(): Program[] {
  return [forward, backward];
}

function plan(n: number, program: Program): Plan {
  const grid = linearGrid(n, 64);
  return { program, uniforms: [n, grid[0]], grid };
}

const access = ["read", "read", "read", "read_write"] as const;
const forward: Program = { name: "squared error", source, access, constants: { GRADIENT: 0 } };
const backward: Program = { name: "squared error gradient", source, access, constants: { GRADIENT: 1 } };
