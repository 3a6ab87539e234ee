import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import { itemPrograms, planItems } from "../items.ts";
import { bothWidths, chooseWidth, vectorPrograms } from "../vector.ts";
import spreadSource from "./spread_middle.wgsl" with { type: "text" };
import sumSource from "./sum_middle.wgsl" with { type: "text" };

/** This is a tensor seen as [outer, middle, inner]; the sum runs over the middle. */
export interface MiddleReduction {
  readonly outer: number;
  readonly middle: number;
  readonly inner: number;
}

/** Computes out[o,i] = scale · Σ_m x[o,m,i]. The bindings are x and out. */
export function planSumMiddle({ outer, middle, inner }: MiddleReduction, scale = 1): Plan {
  const { program, width } = chooseWidth(sum, inner);
  const count = outer * inner / width;
  const grid = linearGrid(count, 64);
  return { program, uniforms: [count, grid[0], middle, inner / width, f32bits(scale)], grid };
}

/** Computes y[o,m,i] = scale · g[o,i]: the gradient of planSumMiddle. The bindings are g and y. */
export function planSpreadMiddle({ outer, middle, inner }: MiddleReduction, scale = 1): Plan {
  const block = middle * inner;
  return planItems(spread, outer * block, [inner], (width) => [block / width, inner / width, f32bits(scale)]);
}

export function variants(): Program[] {
  return [...bothWidths(sum), ...bothWidths(spread)];
}

const sum = vectorPrograms("sum middle", sumSource, ["read", "read_write"]);
const spread = itemPrograms("spread middle", spreadSource, ["read", "read_write"]);
