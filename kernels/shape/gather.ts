import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { bothWidths, chooseWidth, type VectorPrograms, vectorPrograms } from "../vector.ts";
import source from "./gather.wgsl" with { type: "text" };
import gradSource from "./gather_grad.wgsl" with { type: "text" };

/** The channels of x [outer, from, inner] are gathered in y [outer, to, inner]. */
export interface GatherShape {
  readonly outer: number;
  readonly from: number;
  readonly to: number;
  readonly inner: number;
}

/** Computes y[n, j] = x[n, indices[j]]. The bindings are x, indices (u32) and y. */
export function planGather({ outer, from, to, inner }: GatherShape): Plan {
  return planMaps(gather, outer, to, from, inner);
}

/** Computes dx[n, c] = Σ over indices[j] = c of dy[n, j]. The bindings are dy, inverse u32 (see invert) and dx. */
export function planGatherGrad({ outer, from, to, inner }: GatherShape): Plan {
  return planMaps(grad, outer, from, to, inner);
}

/**
 * Says where each of 0 … channels−1 stands in `indices`: channels + 1 offsets into the list itself, then the places.
 */
export function invert(indices: readonly number[], channels: number): number[] {
  const places: number[][] = Array.from({ length: channels }, () => []);
  indices.forEach((c, j) => places[c].push(j));
  const offsets = [channels + 1];
  for (const list of places) offsets.push(offsets[offsets.length - 1] + list.length);
  return [...offsets, ...places.flat()];
}

export function variants(): Program[] {
  return [...bothWidths(gather), ...bothWidths(grad)];
}

const gather = vectorPrograms("gather", source, ["read", "read", "read_write"]);
const grad = vectorPrograms("gather gradient", gradSource, ["read", "read", "read_write"]);

function planMaps(programs: VectorPrograms, outer: number, made: number, read: number, inner: number): Plan {
  const { program, width } = chooseWidth(programs, inner);
  const count = outer * made * inner / width;
  const grid = linearGrid(count, 64);
  return { program, uniforms: [count, grid[0], made, read, inner / width], grid };
}
