import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { itemPrograms, planItems } from "../items.ts";
import { bothWidths } from "../vector.ts";
import source from "./mix.wgsl" with { type: "text" };

/** Computes y = (1 − factor)·a + factor·b over n elements. The bindings are a, b and y. */
export function planMix(n: number, factor: number): Plan {
  return planItems(mix, n, [n], () => [f32bits(factor), 0]);
}

export function variants(): Program[] {
  return bothWidths(mix);
}

const mix = itemPrograms("mix", source, ["read", "read", "read_write"]);
