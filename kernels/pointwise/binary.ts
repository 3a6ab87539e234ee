import type { Plan, Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import { bothWidths, chooseWidth, vectorPrograms } from "../vector.ts";
import { ITEMS_PER_GROUP, planItems } from "./unary.ts";
import source from "./binary.wgsl" with { type: "text" };
import channelSource from "./binary_channel.wgsl" with { type: "text" };

export type BinaryKind = "add" | "mul";

/** y = a op b, same shapes. Bindings: a, b, y. */
export function planBinary(kind: BinaryKind, size: number): Plan {
  return planItems(same[kind], size, [0]);
}

/** y[n,c,i] = a[n,c,i] op b[c] for a [outer, channels, inner]. Bindings: a, b, y. */
export function planBinaryChannel(kind: BinaryKind, outer: number, channels: number, inner: number): Plan {
  const size = outer * channels * inner;
  if (inner === 1) {
    const { program, width } = chooseWidth(periodic[kind], channels);
    const grid = linearGrid(size / width, ITEMS_PER_GROUP);
    return { program, uniforms: [size / width, grid[0], channels / width], grid };
  }
  const { program, width } = chooseWidth(channel[kind], inner);
  const grid = linearGrid(size / width, ITEMS_PER_GROUP);
  return { program, uniforms: [size / width, grid[0], channels, inner / width], grid };
}

export function variants(): Program[] {
  return [same, periodic, channel].flatMap(({ add, mul }) => [...bothWidths(add), ...bothWidths(mul)]);
}

const ACCESS = ["read", "read", "read_write"] as const;
const same = {
  add: vectorPrograms("add", source, ACCESS, { KIND: 0, PERIODIC: 0 }),
  mul: vectorPrograms("mul", source, ACCESS, { KIND: 1, PERIODIC: 0 }),
};
const periodic = {
  add: vectorPrograms("add row", source, ACCESS, { KIND: 0, PERIODIC: 1 }),
  mul: vectorPrograms("mul row", source, ACCESS, { KIND: 1, PERIODIC: 1 }),
};
const channel = {
  add: vectorPrograms("add channel", channelSource, ACCESS, { KIND: 0 }),
  mul: vectorPrograms("mul channel", channelSource, ACCESS, { KIND: 1 }),
};
