import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import correctSource from "./count_correct.wgsl" with { type: "text" };
import maxSource from "./max_rows.wgsl" with { type: "text" };

/**
 * Finds the largest value of each row of x [rows, length] and where it first stands. The bindings are x, values f32 and
 * indices u32.
 */
export function planMaxRows(rows: number, length: number): Plan {
  const grid = linearGrid(rows, 64);
  return { program: maxRows, uniforms: [rows, length, grid[0]], grid };
}

/**
 * Adds to counter[slot] the number of rows whose argmax is their label. The bindings are logits, labels u32 and counter
 * u32.
 */
export function planCountCorrect(rows: number, classes: number, slot: number): Plan {
  return { program: countCorrect, uniforms: [rows, classes, slot], grid: [1, 1, 1] };
}

export function variants(): Program[] {
  return [maxRows, countCorrect];
}

const maxRows: Program = { name: "max rows", source: maxSource, access: ["read", "read_write", "read_write"] };
const countCorrect: Program = {
  name: "count correct",
  source: correctSource,
  access: ["read", "read", "read_write"],
};
