/**
 * What may be pruned: a constraint says that at most `keep` of `groups` disjoint groups of numbers stay non-zero
 * (docs/pipeline.md). A group may span several tensors: a filter is its weights, its bias and its BN γ and β, and
 * coupled filters of a residual stream go together.
 */

import { type GroupLayout, groupLayout } from "../../kernels/project/layout.ts";
import { UserError } from "../errors.ts";
import type { Params } from "../graph/types.ts";

export type Granularity = "filter" | "channel" | "column" | "weight";

export interface Member {
  readonly param: string;
  /** "weight": its energy ranks the groups. "vector": a bias, γ, β or border table that only goes with them. */
  readonly role: "weight" | "vector";
  /** The tensor as [F, C, KK]. */
  readonly layout: GroupLayout;
  /**
   * Element (f, c, k) is in group offset + f·gf + c·gc + k·gk of the constraint; in none where that isn't in
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
}

/** Groups of a weight [F,C,KH,KW], a matrix [F,C] or, for kind "filter", of a vector [F] or a table [F,RH,RW]. */
export function memberOf(
  kind: Granularity,
  param: string,
  shape: readonly number[],
  role: Member["role"],
  offset = 0,
): Member {
  const view = shape.length === 3 ? [shape[0], 1, shape[1], shape[2]] : shape;
  return { param, role, layout: groupLayout(kind === "weight" ? "element" : kind, view), offset };
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
  const { F, C, KK, gf, gc, gk } = layout;
  let element = 0;
  for (let f = 0; f < F; f++) {
    for (let c = 0; c < C; c++) {
      for (let k = 0; k < KK; k++, element++) {
        const group = offset + f * gf + c * gc + k * gk;
        if (group >= 0 && group < groups) visit(group, element);
      }
    }
  }
}

/** Σ w² per group over the weights of all members, float64, length `groups` (docs/pipeline.md). */
export function groupEnergies({ members, groups }: Constraint, params: Params): Float64Array {
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
