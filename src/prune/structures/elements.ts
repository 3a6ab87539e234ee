/** Which elements of which tensors a group consists of. */

import { checkLayout, type GroupLayout } from "../../../kernels/project/layout.ts";
import type { Params } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import type { Placement } from "../groups/rows.ts";
import type { Grouping, Member } from "./types.ts";

/** A tensor of this shape whose entries along an axis belong to groups as a placement says (rows.ts). */
export function memberOf(
  { param, axis, at }: { readonly param: string; readonly axis: number; readonly at: Placement },
  shape: readonly number[],
  role: Member["role"],
): Member {
  const inner = elements(shape.slice(axis + 1));
  const { offset, repeat, period } = "map" in at ? { offset: 0, repeat: 1, period: shape[axis] } : at;
  const outer = elements(shape.slice(0, axis + 1)) / period;
  const groups = period / repeat;
  const layout: GroupLayout = outer === 1
    ? { F: period, C: inner, KK: 1, gf: 1, gc: 0, gk: 0, bf: repeat, groups }
    : { F: outer, C: period, KK: inner, gf: 0, gc: 1, gk: 0, bc: repeat, groups };
  return { param, role, layout: checkLayout(layout), places: "map" in at ? { map: at.map } : { offset } };
}

/** The constraint's group that is number `own` in the layout of a member; outside of its groups where it is none of them. */
export function groupOfPlace({ places }: Pick<Member, "places">, own: number): number {
  return "map" in places ? places.map[own] : places.offset + own;
}

/** Whether a member numbers its groups exactly as its constraint, of so many groups, does. */
export function isAligned({ layout, places }: Pick<Member, "layout" | "places">, groups: number): boolean {
  return "offset" in places && places.offset === 0 && layout.groups === groups;
}

/** Calls `visit(group, element)` for each element of a member that is in one of the `groups`. */
export function forEachElement(
  member: Member,
  groups: number,
  visit: (group: number, element: number) => void,
): void {
  const { F, C, KK, gf, gc, gk, bf = 1, bc = 1 } = member.layout;
  let element = 0;
  for (let f = 0; f < F; f++) {
    for (let c = 0; c < C; c++) {
      for (let k = 0; k < KK; k++, element++) {
        const group = groupOfPlace(member, Math.floor(f / bf) * gf + Math.floor(c / bc) * gc + k * gk);
        if (group >= 0 && group < groups) visit(group, element);
      }
    }
  }
}

/**
 * Σ of `of(w)` per group over the weights of all members, float64, length `groups`. Biases, γ and β don't count. Under a
 * pattern only its taps do.
 */
export function sumOfWeights(
  { members, groups, pattern }: Grouping,
  params: Params,
  of: (w: number, element: number, param: string) => number,
): Float64Array {
  const sums = new Float64Array(groups);
  for (const member of members) {
    if (member.role !== "weight") continue;
    const { data } = params.get(member.param)!;
    const { KK } = member.layout;
    forEachElement(member, groups, (group, element) => {
      if (!pattern || pattern.taps >> element % KK & 1) sums[group] += of(data[element], element, member.param);
    });
  }
  return sums;
}

/** Numbers that aren't 0, per group: of its weights alone, or of biases, γ and β as well. */
export function nonzeroPerGroup(
  { members, groups }: Grouping,
  params: Params,
  roles: readonly Member["role"][],
): Uint32Array {
  const counts = new Uint32Array(groups);
  for (const member of members) {
    if (!roles.includes(member.role)) continue;
    const { data } = params.get(member.param)!;
    forEachElement(member, groups, (group, element) => {
      if (data[element] !== 0) counts[group]++;
    });
  }
  return counts;
}

/** How many groups aren't empty: a group is empty where all its weights are 0. */
export function filledGroups(grouping: Grouping, params: Params): number {
  return nonzeroPerGroup(grouping, params, ["weight"]).filter((count) => count > 0).length;
}
