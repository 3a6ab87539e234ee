import type { Program } from "../../src/gpu/types.ts";
import { ceilDiv, type Step } from "../launch.ts";
import { linearGrid } from "../grid.ts";
import pack from "./pack.wgsl" with { type: "text" };

function packProgram(UNIT: number): Program {
  return {
    name: "pack convolution weights",
    source: pack,
    constants: { UNIT },
    access: ["read", "read", "read_write"],
  };
}

/** Marks a tap without a weight in an order table. */
export const NO_WEIGHT = 0xffffffff;

/** Weights are packed as [groups, taps, filters rounded up to a multiple of `unit`]; the sizes are those of a group. */
export interface Packing {
  readonly groups: number;
  readonly filters: number;
  readonly taps: number;
  readonly unit: 1 | 4;
  /** So far apart lie two groups, and two filters of a group, in the weight tensor. */
  readonly perGroup: number;
  readonly perFilter: number;
}

export function packedBytes(p: Packing): number {
  return p.groups * p.taps * packedFilters(p) * 4;
}

/** Element (g,k,f) is w[g·perGroup + f·perFilter + order[k]]; the bindings are weights, order table and packed. */
export function packStep(p: Packing, from: string, order: string, to: string): Step {
  const packed = packedFilters(p) / p.unit, size = p.groups * p.taps * packed;
  const grid = linearGrid(size, 64);
  const uniforms = [size, grid[0] * 64, p.taps, p.filters, packed, p.perGroup, p.perFilter];
  return { plan: { program: packProgram(p.unit), uniforms, grid }, bindings: [from, order, to] };
}

function packedFilters(p: Packing): number {
  return ceilDiv(p.filters, p.unit) * p.unit;
}

/** Fills a table up to a multiple of four. */
export function inFours(values: readonly number[], filler: number): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(Math.max(4, ceilDiv(values.length, 4) * 4)).fill(filler);
  table.set(values);
  return table;
}

export function packVariants(): Program[] {
  return [packProgram(4), packProgram(1)];
}
