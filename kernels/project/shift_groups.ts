import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import source from "./shift_groups.wgsl" with { type: "text" };

const GROUP = 64;
const REPLACE: Program = { name: "shift groups", source, constants: { ADD: 0 }, access: ["read", "read_write"] };
const ADD: Program = { name: "shift and add groups", source, constants: { ADD: 1 }, access: ["read", "read_write"] };

export interface Shift {
  /** The destination and the source have these lengths. */
  readonly to: number;
  readonly from: number;
  /** Destination element i takes source element i + shift. */
  readonly shift: number;
  /** Elements without a source take this. */
  readonly fallback: number;
  readonly write: "replace" | "add";
}

/** The bindings are the source and the destination. */
export function planShift({ to, from, shift, fallback, write }: Shift): Plan {
  const grid = linearGrid(to, GROUP);
  const uniforms = [to, grid[0] * GROUP, from, shift >>> 0, f32bits(fallback)];
  return { program: write === "add" ? ADD : REPLACE, uniforms, grid };
}

export function variants(): Program[] {
  return [REPLACE, ADD];
}
