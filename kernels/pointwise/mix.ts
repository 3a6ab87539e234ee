import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { bothWidths, vectorPrograms } from "../vector.ts";
import { planItems } from "./unary.ts";
import source from "./mix.wgsl" with { type: "text" };

/** Computes y = (1 − factor)·a + factor·b over n elements. The bindings are a, b and y. */
export function planMix(n: number, factor: number): Plan {
  return planItems(mix, n, [f32bits(factor), 0]);
}

export function variants(): Program[] {
  return bothWidths(mix);
}

const mix = vectorPrograms("mix", source, ["read", "read", "read_write"]);
