/**
 * Does in one pass what follows a layer and its kernels don't do: a map of biases, an activation, an affine per
 * channel.
 */
import type { Plan, Program } from "../../src/gpu/types.ts";
import { itemPrograms, planItems } from "../items.ts";
import type { Reduction } from "../reduce/sum.ts";
import { bothWidths } from "../vector.ts";
import activated from "./activated.wgsl" with { type: "text" };
import channelSource from "./channel_affine.wgsl" with { type: "text" };
import gelu from "./gelu.wgsl" with { type: "text" };
import rowSource from "./row_affine.wgsl" with { type: "text" };

/** The order is the shaders' ACTIVATION. */
const ACTIVATIONS = ["none", "relu", "relu6", "gelu", "geluTanh"] as const;
export type AffineActivation = typeof ACTIVATIONS[number];

/**
 * Says what is done to x [outer, channels, inner]: + map, then the activation, then a factor and a shift per channel.
 */
export interface ChannelAffine {
  /** "add" has a bias for each number of a sample, [channels, inner]. */
  readonly map: "none" | "add";
  readonly activation: AffineActivation;
  readonly affine: "none" | "apply";
}

/**
 * Computes y = f(x + map) · scale + shift. The bindings are x, map, affine (`packAffine`) and y; an unused one takes
 * any buffer that is read.
 */
export function planChannelAffine(over: Reduction, { map, activation, affine }: ChannelAffine): Plan {
  const { outer, channels, inner } = over;
  const size = outer * channels * inner;
  const ACTIVATION = ACTIVATIONS.indexOf(activation);
  if (rowsOfChannels(over) && map === "none" && affine === "apply") {
    return planItems(rows(ACTIVATION), size, [channels], (width) => [channels / width]);
  }
  const programs = maps({ MAP: map === "add" ? 1 : 0, ACTIVATION, AFFINE: affine === "apply" ? 1 : 0 });
  return planItems(programs, size, [inner], (width) => [channels, inner / width]);
}

/** Packs scales and shifts as the shader for these sizes reads them, rounded once. */
export function packAffine(
  over: Reduction,
  { map }: Pick<ChannelAffine, "map">,
  { scale, shift }: { readonly scale: Float64Array; readonly shift: Float64Array },
): Float32Array<ArrayBuffer> {
  if (rowsOfChannels(over) && map === "none") return new Float32Array([...scale, ...shift]);
  return new Float32Array(Array.from(scale, (s, c) => [s, shift[c]]).flat());
}

/** Says whether neighbouring numbers are neighbouring channels. */
function rowsOfChannels({ inner }: Reduction): boolean {
  return inner === 1;
}

const ACCESS = ["read", "read", "read", "read_write"] as const;

function maps(constants: { MAP: number; ACTIVATION: number; AFFINE: number }) {
  return itemPrograms("channel affine", `${gelu}\n${activated}\n${channelSource}`, ACCESS, constants);
}

function rows(ACTIVATION: number) {
  return itemPrograms("row affine", `${gelu}\n${activated}\n${rowSource}`, ACCESS, { ACTIVATION });
}

export function variants(): Program[] {
  const all = ACTIVATIONS.map((_, i) => i);
  return [
    ...all.map((ACTIVATION) => maps({ MAP: 1, ACTIVATION, AFFINE: 1 })),
    maps({ MAP: 0, ACTIVATION: 0, AFFINE: 1 }),
    maps({ MAP: 1, ACTIVATION: 0, AFFINE: 0 }),
    ...all.map(rows),
  ].flatMap(bothWidths);
}
