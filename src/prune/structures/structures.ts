/** Every kind of structure that can be pruned, and what is asked of all of them. */

import type { GroupLayout } from "../../../kernels/project/layout.ts";
import type { Layer } from "../rules/layer_view.ts";
import { block, blockPunched } from "./block.ts";
import { channel } from "./channel.ts";
import { column } from "./column.ts";
import { filter } from "./filter.ts";
import { kernel } from "./kernel.ts";
import { layer } from "./layer.ts";
import { nOfM } from "./n_m.ts";
import { pattern } from "./pattern.ts";
import type { Granularity, PlainGranularity, Rule, Span, Structure, StructureKind, StructureOf } from "./types.ts";
import { qk } from "./qk.ts";
import { v } from "./v.ts";
import { vector } from "./vector.ts";
import { weight } from "./weight.ts";

/** Coarse to fine: whole blocks and filters go first, what is left of the others is chosen among the filters that stay. */
const STRUCTURES: { readonly [G in Granularity]: StructureKind<StructureOf<G>> } = {
  layer,
  filter,
  qk,
  v,
  channel,
  column,
  block,
  "block-punched": blockPunched,
  kernel,
  pattern,
  vector,
  "n:m": nOfM,
  weight,
};

export { PATTERNS } from "./pattern.ts";

/** Coarse to fine. */
export const GRANULARITIES = Object.keys(STRUCTURES) as readonly Granularity[];

const PLAIN: Readonly<Record<PlainGranularity, true>> = {
  layer: true,
  filter: true,
  qk: true,
  v: true,
  channel: true,
  column: true,
  kernel: true,
  weight: true,
};

/** Those that need no further word: no size, no direction, no count. */
export const PLAIN_GRANULARITIES = Object.keys(PLAIN) as [PlainGranularity, ...PlainGranularity[]];

/** Whether what is left of these groups is still such groups when the tensor has become smaller. */
export function survivesCompaction(kind: Granularity): boolean {
  return !STRUCTURES[kind].counted;
}

/** Whether what goes stays in the tensor as zeros. */
export function leavesZeros(kind: Granularity): boolean {
  return !STRUCTURES[kind].shrinks;
}

/** Whose tensors a group of this kind has a part of. */
export function structureSpan(kind: Granularity): Span {
  return STRUCTURES[kind].spans;
}

/** What a group of this kind is, in one line. */
export function structureSummary(kind: Granularity): string {
  return STRUCTURES[kind].summary;
}

/** @returns what is wrong with a structure's own settings, such as the sides of a block; undefined where nothing is */
export function structureFault(structure: Structure): string | undefined {
  return kindOf(structure).fault?.(structure);
}

/** "filter", "block 4×4", "vector rows", "pattern of 8", "2:4". */
export function structureName(structure: Structure): string {
  return kindOf(structure).label(structure);
}

/** The groups of one layer's weight. */
export function structureLayout(structure: Structure, layer: Layer, shape: readonly number[]): GroupLayout {
  return kindOf(structure).layout(structure, layer, shape);
}

/** Why a layer can't be given a structure that its own weight alone decides; undefined if it can. */
export function structureRefusal(structure: Structure, layer: Layer, shape: readonly number[]): string | undefined {
  return kindOf(structure).refusal(structure, layer, shape);
}

export function structureRule(structure: Structure, shape: readonly number[]): Rule | undefined {
  return kindOf(structure).rule?.(structure, shape);
}

/** The entry of a structure, which takes structures of its own kind. */
function kindOf(structure: Structure): StructureKind<Structure> {
  return STRUCTURES[structure.granularity] as StructureKind<Structure>;
}
