import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { itemPrograms, planItems } from "../items.ts";
import { bothWidths } from "../vector.ts";
import castSource from "./cast.wgsl" with { type: "text" };
import fillSource from "./fill.wgsl" with { type: "text" };
import source from "./inplace.wgsl" with { type: "text" };

/** Sets y ← alpha·x + beta·y over n elements. The bindings are x and y, in different buffers. */
export function planAxpby(n: number, alpha: number, beta: number): Plan {
  return planItems(axpby, n, [n], () => [f32bits(alpha), f32bits(beta)]);
}

/** Sets y ← x over n elements, of which either may be of f16. The bindings are x and y, in different buffers. */
export function planCast(n: number): Plan {
  return planItems(cast, n, [n]);
}

/** Sets y ← value over n elements. The binding is y. */
export function planFill(n: number, value: number): Plan {
  return planItems(fill, n, [n], () => [f32bits(value)]);
}

export function variants(): Program[] {
  return [...bothWidths(axpby), ...bothWidths(cast), ...bothWidths(fill)];
}

const axpby = itemPrograms("axpby", source, ["read", "read_write"]);
const cast = itemPrograms("cast", castSource, ["read", "read_write"]);
const fill = itemPrograms("fill", fillSource, ["read_write"]);
