import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import { bothWidths, chooseWidth, vectorPrograms } from "../vector.ts";
import type { Reduction } from "./sum.ts";
import source from "./spread.wgsl" with { type: "text" };

/** Computes y[n,c,i] = scale · g[c]: the gradient of planSum. The bindings are g and y. */
export function planSpread({ outer, channels, inner }: Reduction, scale = 1): Plan {
  const { program, width } = chooseWidth(programs, inner);
  const count = outer * channels * inner / width;
  const grid = linearGrid(count, 256);
  return { program, uniforms: [count, grid[0], channels, inner / width, f32bits(scale)], grid };
}

export function variants(): Program[] {
  return bothWidths(programs);
}

const programs = vectorPrograms("spread", source, ["read", "read_write"]);
