/** Masks as host data: 0/1 per element of each constrained parameter, from the groups that stay. */

import { isStatistic } from "../../graph/roles.ts";
import type { HostTensor, Model, Params } from "../../graph/types.ts";
import type { Constraint, Member } from "./structures.ts";

/** 1 where an element stays; parameters that no constraint touches have no entry. */
export type Masks = ReadonlyMap<string, Uint8Array>;

/** A constraint and the groups it keeps. */
export interface Choice {
  readonly constraint: Constraint;
  readonly kept: readonly number[];
  /** Of kernels: the bits of the taps that stay in each. Default: all. */
  readonly taps?: Uint16Array;
}

/** Biases, γ and β go with their filters; where several constraints meet, an element must be kept by all. */
export function masksOf(choices: readonly Choice[], params: Params): Masks {
  const masks = new Map<string, Uint8Array>();
  for (const { constraint, kept, taps } of choices) {
    const stays = new Uint8Array(constraint.groups);
    kept.forEach((group) => stays[group] = 1);
    for (const member of constraint.members) {
      let mask = masks.get(member.param);
      if (!mask) masks.set(member.param, mask = new Uint8Array(params.get(member.param)!.data.length).fill(1));
      maskMember(member, stays, mask);
      if (taps) maskTaps(taps, mask);
    }
  }
  return masks;
}

/** `forEachElement` as plain loops over what goes: a large layer has millions of elements. */
function maskMember({ layout, offset }: Member, stays: Uint8Array, mask: Uint8Array): void {
  const { F, C, KK, gf, gc, gk, bf = 1, bc = 1 } = layout;
  // Outside of 0 … groups − 1 there is no group, and no entry in `stays`.
  for (let f = 0; f < F; f++) {
    const row = offset + Math.floor(f / bf) * gf;
    if (gc === 0 && gk === 0) {
      if (stays[row] === 0) mask.fill(0, f * C * KK, (f + 1) * C * KK);
      continue;
    }
    for (let c = 0; c < C; c++) {
      const element = (f * C + c) * KK;
      let group = row + Math.floor(c / bc) * gc;
      if (gk === 0) {
        if (stays[group] === 0) mask.fill(0, element, element + KK);
        continue;
      }
      for (let k = 0; k < KK; k++, group += gk) if (stays[group] === 0) mask[element + k] = 0;
    }
  }
}

function maskTaps(taps: Uint16Array, mask: Uint8Array): void {
  const size = mask.length / taps.length;
  for (let e = 0; e < mask.length; e++) if (!(taps[Math.floor(e / size)] >> e % size & 1)) mask[e] = 0;
}

/** 0 where a parameter is 0 now: what a progressive step must leave alone. Running statistics have no mask. */
export function zeroMasks({ graph, params }: Model): Masks {
  const masks = new Map<string, Uint8Array>();
  for (const [name, { data }] of params) {
    if (!isStatistic(graph.params[name].role)) masks.set(name, Uint8Array.from(data, (v) => v === 0 ? 0 : 1));
  }
  return masks;
}

/** The model with every masked element 0; the others, and all shapes, are the same. */
export function maskModel(model: Model, masks: Masks): Model {
  const params = new Map<string, HostTensor>(model.params);
  for (const [name, mask] of masks) {
    const { shape, data } = params.get(name)!;
    const masked = data.slice();
    for (let i = 0; i < mask.length; i++) if (!mask[i]) masked[i] = 0;
    params.set(name, { shape, data: masked });
  }
  return { graph: model.graph, params };
}
