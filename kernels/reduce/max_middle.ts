import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { bothWidths, chooseWidth, type VectorPrograms, vectorPrograms } from "../vector.ts";
import gradSource from "./max_middle_grad.wgsl" with { type: "text" };
import source from "./max_middle.wgsl" with { type: "text" };
import type { MiddleReduction } from "./middle.ts";

/** Computes y[o,i] = max_m x[o,m,i]. The bindings are x and y. */
export function planMaxMiddle(over: MiddleReduction): Plan {
  return planColumns(maximum, over);
}

/** Computes dx of planMaxMiddle, which equal maxima share evenly. The bindings are x, y, dy and dx. */
export function planMaxMiddleGrad(over: MiddleReduction): Plan {
  return planColumns(gradient, over);
}

export function variants(): Program[] {
  return [...bothWidths(maximum), ...bothWidths(gradient)];
}

const maximum = vectorPrograms("max middle", source, ["read", "read_write"]);
const gradient = vectorPrograms("max middle gradient", gradSource, ["read", "read", "read", "read_write"]);

function planColumns(programs: VectorPrograms, { outer, middle, inner }: MiddleReduction): Plan {
  const { program, width } = chooseWidth(programs, inner);
  const count = outer * inner / width;
  const grid = linearGrid(count, 64);
  return { program, uniforms: [count, grid[0], middle, inner / width], grid };
}
