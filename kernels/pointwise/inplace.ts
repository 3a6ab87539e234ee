import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import fillSource from "./fill.wgsl" with { type: "text" };
import source from "./inplace.wgsl" with { type: "text" };

const GROUP = 64;
const AXPBY: Program = { name: "axpby", source, access: ["read", "read_write"] };
const FILL: Program = { name: "fill", source: fillSource, access: ["read_write"] };

/** y ← alpha·x + beta·y over n elements; bindings [x, y]. */
export function planAxpby(n: number, alpha: number, beta: number): Plan {
  const grid = linearGrid(n, GROUP);
  return { program: AXPBY, uniforms: [n, grid[0] * GROUP, f32bits(alpha), f32bits(beta)], grid };
}

/** y ← value over n elements; bindings [y]. */
export function planFill(n: number, value: number): Plan {
  const grid = linearGrid(n, GROUP);
  return { program: FILL, uniforms: [n, grid[0] * GROUP, f32bits(value)], grid };
}

export function variants(): Program[] {
  return [AXPBY, FILL];
}
