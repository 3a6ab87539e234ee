/**
 * What may be pruned: a constraint says that at most `keep` of `groups` disjoint groups of numbers stay non-zero
 * (docs/pipeline.md). A group may span several tensors: a filter is its weights, its bias and its BN γ and β, and
 * coupled filters of a residual stream go together.
 */

import {
  blockLayout,
  checkLayout,
  type GroupLayout,
  groupLayout,
  punchedLayout,
  vectorLayout,
} from "../../../kernels/project/layout.ts";
import { UserError } from "../../errors.ts";
import type { Params } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { bestPatterns } from "./patterns.ts";
import type { Row } from "../groups/rows.ts";

/** The kinds of groups that need no further word. */
export type PlainGranularity = "filter" | "channel" | "column" | "kernel" | "weight";

/**
 * What a group is, for a weight [F, C, KH, KW] with the GEMM view [F, C·KH·KW]:
 *
 * - filter, channel, column, kernel, weight: a row; an input channel; a column; one (f, c); one number
 * - block: a tile of block[0] rows × block[1] columns of the GEMM view
 * - block-punched: one tap of all the kernels of block[0] filters × block[1] channels
 * - vector: a row or a column of a kernel
 * - pattern: a 3×3 kernel, of which 4 taps stay, the best of `library` sets; whole kernels may go beside (connectivity)
 * - n:m: of each m weights that follow one another in a row of the GEMM view, n stay
 *
 * Blocks and runs at the end of an axis are smaller where they don't divide it.
 */
export type Structure =
  | { readonly granularity: PlainGranularity }
  | { readonly granularity: "block" | "block-punched"; readonly block: readonly [number, number] }
  | { readonly granularity: "vector"; readonly direction: "row" | "column" }
  | { readonly granularity: "pattern"; readonly library: number }
  | { readonly granularity: "n:m"; readonly n: number; readonly m: number };

export type Granularity = Structure["granularity"];

/** How the groups that stay are chosen, where it isn't the `keep` of the largest energy. */
export type Rule =
  /** Of each run of m groups in a row of `length`, the n largest. */
  | { readonly kind: "runs"; readonly n: number; readonly m: number; readonly length: number }
  /** The `keep` largest by what their best pattern retains. Patterns are bits of taps, none before they are settled. */
  | { readonly kind: "pattern"; readonly library: number; readonly patterns: readonly number[] };

/** Coarse to fine: whole filters go first, what is left of the others is chosen among the filters that stay. */
export const GRANULARITIES: readonly Granularity[] = [
  ...["filter", "channel", "column", "block", "block-punched", "kernel", "pattern", "vector", "n:m", "weight"] as const,
];

/** Those whose groups are counted off from the tensor's first row and column: a smaller tensor has others. */
const COUNTED: readonly Granularity[] = ["block", "block-punched", "n:m"];
/** Those that take whole rows, channels or columns away; the others leave zeros in place. */
const SHRINKING: readonly Granularity[] = ["filter", "channel", "column"];

export function survivesCompaction(kind: Granularity): boolean {
  return !COUNTED.includes(kind);
}

export function leavesZeros(kind: Granularity): boolean {
  return !SHRINKING.includes(kind);
}

export interface Member {
  readonly param: string;
  /** "weight": its energy ranks the groups. "vector": a bias, γ, β or border table that only goes with them. */
  readonly role: "weight" | "vector";
  /** The tensor as [F, C, KK]. */
  readonly layout: GroupLayout;
  /**
   * Element (f, c, k) is in group offset + ⌊f/bf⌋·gf + ⌊c/bc⌋·gc + k·gk of the constraint; in none where that isn't in
   * 0 … groups − 1 (a BN over a concatenation serves several constraints).
   */
  readonly offset: number;
}

export interface Constraint {
  /** "conv1:filter" */
  readonly name: string;
  readonly kind: Granularity;
  readonly members: readonly Member[];
  /** Of filters: weights that read their channels. What reads a pruned filter does nothing any more. */
  readonly readers: readonly Member[];
  readonly groups: number;
  /** Groups that stay. */
  readonly keep: number;
  readonly minKeep: number;
  readonly rule?: Rule;
}

/** The groups of one weight. */
export function structureLayout(structure: Structure, shape: readonly number[]): GroupLayout {
  switch (structure.granularity) {
    case "block":
      return blockLayout(shape, structure.block);
    case "block-punched":
      return punchedLayout(shape, structure.block);
    case "vector":
      return vectorLayout(shape, structure.direction);
    case "pattern":
      return groupLayout("kernel", shape);
    case "weight":
    case "n:m":
      return groupLayout("element", shape);
    default:
      return groupLayout(structure.granularity, shape);
  }
}

/** A tensor of this shape whose entries along an axis belong to groups as a row says (rows.ts). */
export function memberOf(
  { param, axis, offset, repeat, period }: Row & { readonly param: string; readonly axis: number },
  shape: readonly number[],
  role: Member["role"],
): Member {
  const inner = elements(shape.slice(axis + 1));
  const outer = elements(shape.slice(0, axis + 1)) / period;
  const groups = period / repeat;
  const layout: GroupLayout = outer === 1
    ? { F: period, C: inner, KK: 1, gf: 1, gc: 0, gk: 0, bf: repeat, groups }
    : { F: outer, C: period, KK: inner, gf: 0, gc: 1, gk: 0, bc: repeat, groups };
  return { param, role, layout: checkLayout(layout), offset };
}

/** k = max(minKeep, round(fraction · groups)), never more than there are. */
export function keptCount(groups: number, fraction: number, minKeep: number): number {
  return Math.min(groups, Math.max(minKeep, Math.round(fraction * groups)));
}

/** @throws UserError unless 0 < fraction ≤ 1 */
export function checkFraction(fraction: number, where: string): void {
  if (!(fraction > 0 && fraction <= 1)) {
    throw new UserError(`${where}: keep is ${fraction}, expected a fraction above 0 and at most 1`);
  }
}

/** Calls `visit(group, element)` for each element of a member that is in a group of the constraint. */
export function forEachElement(
  { layout, offset }: Member,
  groups: number,
  visit: (group: number, element: number) => void,
): void {
  const { F, C, KK, gf, gc, gk, bf = 1, bc = 1 } = layout;
  let element = 0;
  for (let f = 0; f < F; f++) {
    for (let c = 0; c < C; c++) {
      for (let k = 0; k < KK; k++, element++) {
        const group = offset + Math.floor(f / bf) * gf + Math.floor(c / bc) * gc + k * gk;
        if (group >= 0 && group < groups) visit(group, element);
      }
    }
  }
}

/**
 * Σ w² per group over the weights of all members, float64, length `groups` (docs/pipeline.md); of a kernel that takes a
 * pattern, what its best one retains.
 */
export function groupEnergies({ members, groups, rule }: Constraint, params: Params): Float64Array {
  if (rule?.kind === "pattern" && rule.patterns.length > 0) {
    return bestPatterns(params.get(members[0].param)!.data, rule.patterns).energies;
  }
  const energies = new Float64Array(groups);
  for (const member of members) {
    if (member.role !== "weight") continue;
    const { data } = params.get(member.param)!;
    forEachElement(member, groups, (group, element) => energies[group] += data[element] ** 2);
  }
  return energies;
}

/** The k groups of the highest score, ties to the lower index; ascending. */
export function topGroups(scores: ArrayLike<number>, k: number): number[] {
  const order = Array.from({ length: scores.length }, (_, g) => g);
  order.sort((a, b) => scores[b] - scores[a] || a - b);
  return order.slice(0, k).sort((a, b) => a - b);
}

/** The groups that a constraint keeps by these scores, ascending. */
export function keptGroups({ rule, keep }: Constraint, scores: ArrayLike<number>): number[] {
  if (rule?.kind !== "runs") return topGroups(scores, keep);
  const { n, m, length } = rule;
  const kept: number[] = [];
  for (let row = 0; row < scores.length; row += length) {
    for (let first = row; first < row + length; first += m) {
      const run = Array.from({ length: Math.min(m, row + length - first) }, (_, i) => scores[first + i]);
      for (const i of topGroups(run, n)) kept.push(first + i);
    }
  }
  return kept;
}

/** "filter", "block 4×4", "vector rows", "pattern of 8", "2:4". */
export function structureName(structure: Structure): string {
  switch (structure.granularity) {
    case "block":
    case "block-punched":
      return `${structure.granularity} ${structure.block.join("×")}`;
    case "vector":
      return `vector ${structure.direction}s`;
    case "pattern":
      return `pattern of ${structure.library}`;
    case "n:m":
      return `${structure.n}:${structure.m}`;
    default:
      return structure.granularity;
  }
}
