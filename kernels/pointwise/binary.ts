import type { Plan, Program } from "../../src/gpu/types.ts";
import type { MiddleReduction } from "../reduce/middle.ts";
import type { Reduction } from "../reduce/sum.ts";
import { itemPrograms, planItems } from "../items.ts";
import { bothWidths, type VectorPrograms } from "../vector.ts";
import source from "./binary.wgsl" with { type: "text" };
import channelSource from "./binary_channel.wgsl" with { type: "text" };

/**
 * The order is the shaders' KIND. `subFrom` is b − a and `divInto` b / a; `prelu` is a where it is positive, else b ·
 * a, and `preluSlope` its derivative by a; `timesNegative` is a · min(b, 0).
 */
const KINDS = [
  "add",
  "mul",
  "sub",
  "subFrom",
  "div",
  "divInto",
  "prelu",
  "preluSlope",
  "timesNegative",
] as const;
export type BinaryKind = typeof KINDS[number];

/** Computes y = a op b of equal shapes. The bindings are a, b and y. */
export function planBinary(kind: BinaryKind, size: number): Plan {
  return planItems(same[kind], size, [size], () => [0, 0]);
}

/**
 * Computes y = a op b with b repeated along the axes of a that `over` sums: b [channels] over a [outer, channels,
 * inner], or b [outer, inner] over a [outer, middle, inner]. The bindings are a, b and y.
 */
export function planBinaryOver(kind: BinaryKind, over: Reduction | MiddleReduction): Plan {
  if ("middle" in over) {
    const { outer, middle, inner } = over;
    return planRepeated(repeated[kind], outer * middle * inner, inner, middle * inner);
  }
  const { outer, channels, inner } = over;
  const size = outer * channels * inner;
  if (inner === 1) return planRepeated(periodic[kind], size, channels, size);
  return planItems(channel[kind], size, [inner], (width) => [channels, inner / width]);
}

export function variants(): Program[] {
  return [same, periodic, repeated, channel].flatMap((family) => Object.values(family).flatMap(bothWidths));
}

const same = family("", source, { FORM: 0 });
const periodic = family(" row", source, { FORM: 1 });
const repeated = family(" middle", source, { FORM: 2 });
const channel = family(" channel", channelSource, {});

function family(form: string, text: string, constants: Record<string, number>): Record<BinaryKind, VectorPrograms> {
  const access = ["read", "read", "read_write"] as const;
  const made = KINDS.map((kind, KIND) => [kind, itemPrograms(kind + form, text, access, { KIND, ...constants })]);
  return Object.fromEntries(made) as Record<BinaryKind, VectorPrograms>;
}

function planRepeated(programs: VectorPrograms, size: number, inner: number, block: number): Plan {
  return planItems(programs, size, [inner], (width) => [inner / width, block / width]);
}
