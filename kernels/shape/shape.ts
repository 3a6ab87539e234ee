import type { Plan, Program } from "../../src/gpu/types.ts";
import { f32bits } from "../bits.ts";
import { linearGrid } from "../grid.ts";
import { itemPrograms, planItems } from "../items.ts";
import { bothWidths } from "../vector.ts";
import blockSource from "./block.wgsl" with { type: "text" };
import embedSource from "./embed.wgsl" with { type: "text" };
import sliceSource from "./slice.wgsl" with { type: "text" };

export type Three = readonly [number, number, number];
export type Four = readonly [number, number, number, number];

/** Says where a small tensor sits in a big one along axes 1, 2 and 3: its element k lies at first + k · step. */
export interface Placement {
  readonly small: Four;
  readonly big: Four;
  readonly first: Three;
  readonly steps: Three;
}

/** Copies the placed elements of big to small. The bindings are big and small. */
export function planSlice(placement: Placement): Plan {
  const blocks = blocksOf(placement);
  if (blocks) return planBlock(placement.small[0], blocks.small.stride, blocks.big, blocks.small);
  const { small, big, first, steps } = placement;
  return planElements(slice, small, [...big.slice(1), ...first, ...steps]);
}

/**
 * Adds small to big where it is placed; gives undefined where that isn't one block of each image. The bindings are
 * small and big.
 */
export function planAddSlice(placement: Placement): Plan | undefined {
  const blocks = blocksOf(placement);
  return blocks && planBlock(placement.small[0], blocks.small.stride, blocks.small, blocks.big, "add");
}

/** Sets big = small where it is placed, and `value` elsewhere. The bindings are small and big. */
export function planEmbed({ small, big, first, steps }: Placement, value = 0): Plan {
  return planElements(embed, big, [...small.slice(1), ...first, ...steps, f32bits(value)]);
}

/** `length` elements of each of `outer` images lie at `first` of every `stride`. */
export interface Block {
  readonly stride: number;
  readonly first: number;
}

/**
 * Copies blocks, or adds them; what lies between them in the destination stays. The bindings are source and
 * destination.
 */
export function planBlock(
  outer: number,
  length: number,
  from: Block,
  to: Block,
  write: "replace" | "add" = "replace",
): Plan {
  const words = [length, from.stride, from.first, to.stride, to.first];
  return planItems(block[write], outer * length, words, (width) => words.map((n) => n / width));
}

export function variants(): Program[] {
  return [slice, embed, ...bothWidths(block.replace), ...bothWidths(block.add)];
}

const slice: Program = { name: "slice", source: sliceSource, access: ["read", "read_write"] };
const embed: Program = { name: "embed", source: embedSource, access: ["read", "read_write"] };
const block = {
  replace: itemPrograms("copy block", blockSource, ["read", "read_write"], { ADD: 0 }),
  add: itemPrograms("add block", blockSource, ["read", "read_write"], { ADD: 1 }),
};

function blocksOf({ small, big, first, steps }: Placement): { readonly small: Block; readonly big: Block } | undefined {
  const inner = small[2] * small[3];
  if (steps[0] !== 1 || inner !== big[2] * big[3]) return undefined;
  return {
    small: { stride: small[1] * inner, first: 0 },
    big: { stride: big[1] * inner, first: first[0] * inner },
  };
}

function planElements(program: Program, [n, c, h, w]: Four, rest: readonly number[]): Plan {
  const count = n * c * h * w;
  const grid = linearGrid(count, 64);
  return { program, uniforms: [count, grid[0], c, h, w, ...rest], grid };
}
