import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { itemPrograms, planItems } from "../items.ts";
import { bothWidths } from "../vector.ts";
import type { Reduction } from "./sum.ts";
import source from "./spread.wgsl" with { type: "text" };

/** Computes y[n,c,i] = scale · g[c]: the gradient of planSum. The bindings are g and y. */
export function planSpread({ outer, channels, inner }: Reduction, scale = 1): Plan {
  const size = outer * channels * inner;
  return planItems(programs, size, [inner], (width) => [channels, inner / width, f32bits(scale)]);
}

export function variants(): Program[] {
  return bothWidths(programs);
}

const programs = itemPrograms("spread", source, ["read", "read_write"]);
