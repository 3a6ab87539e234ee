/** Masks on the host: 0/1 for each element of the parameters that are masked, from the groups that stay. */

import { narrowNorms } from "../../graph/rewrite/narrow_norms.ts";
import { isStatistic } from "../../graph/roles.ts";
import type { HostTensor, Model, Params, Rewrite } from "../../graph/types.ts";
import { groupOfPlace } from "./elements.ts";
import type { Constraint, Member } from "./types.ts";

/**
 * 1 where an element stays and 0 where it goes, in tensors of the parameters' names and shapes, so that masks follow a
 * network through rewrites (`applyIndexMap`) and go to the device as they are. A parameter without an entry stays whole.
 */
export type Masks = Params;

/** A constraint and the groups it keeps. */
export interface Choice {
  readonly constraint: Constraint;
  readonly kept: readonly number[];
  /** Of kernels: the bits of the taps that stay in each. Default: all. */
  readonly taps?: Uint16Array;
}

/** Biases, γ and β go with their filters; where several constraints meet, an element must be kept by all. */
export function masksOf(choices: readonly Choice[], params: Params): Masks {
  const masks = new Map<string, HostTensor>();
  for (const { constraint, kept, taps } of choices) {
    const stays = new Uint8Array(constraint.groups);
    kept.forEach((group) => stays[group] = 1);
    for (const member of constraint.members) {
      let mask = masks.get(member.param);
      if (!mask) {
        const { shape, data } = params.get(member.param)!;
        masks.set(member.param, mask = { shape, data: new Float32Array(data.length).fill(1) });
      }
      maskMember(member, stays, mask.data);
      if (taps) maskTaps(taps, mask.data);
    }
  }
  return masks;
}

/** `forEachElement` as plain loops over what goes: a large layer has millions of elements. */
function maskMember(member: Member, stays: Uint8Array, mask: Float32Array): void {
  const { F, C, KK, gf, gc, gk, bf = 1, bc = 1, groups } = member.layout;
  const own = Array.from({ length: groups }, (_, i) => stays[groupOfPlace(member, i)]);
  // Outside of 0 … groups − 1 there is no group, and no entry in `stays`.
  for (let f = 0; f < F; f++) {
    const row = Math.floor(f / bf) * gf;
    if (gc === 0 && gk === 0) {
      if (own[row] === 0) mask.fill(0, f * C * KK, (f + 1) * C * KK);
      continue;
    }
    for (let c = 0; c < C; c++) {
      const element = (f * C + c) * KK;
      let group = row + Math.floor(c / bc) * gc;
      if (gk === 0) {
        if (own[group] === 0) mask.fill(0, element, element + KK);
        continue;
      }
      for (let k = 0; k < KK; k++, group += gk) if (own[group] === 0) mask[element + k] = 0;
    }
  }
}

function maskTaps(taps: Uint16Array, mask: Float32Array): void {
  const size = mask.length / taps.length;
  for (let e = 0; e < mask.length; e++) if (!(taps[Math.floor(e / size)] >> e % size & 1)) mask[e] = 0;
}

/** What is exactly 0 now stays 0: a mask of each parameter that has zeros. Running statistics have no mask. */
export function zeroMasks({ graph, params }: Model): Masks {
  const masks = new Map<string, HostTensor>();
  for (const [name, { shape, data }] of params) {
    if (!isStatistic(graph.params[name].role)) masks.set(name, { shape, data: data.map((v) => v === 0 ? 0 : 1) });
  }
  return partialMasks(masks);
}

/** Masks that still mask something. */
export function partialMasks(masks: Masks): Masks {
  return new Map([...masks].filter(([, { data }]) => data.some((bit) => bit === 0)));
}

/** What both leave. */
export function bothMasks(a: Masks, b: Masks): Masks {
  const result = new Map(a);
  for (const [name, { shape, data }] of b) {
    const other = a.get(name)?.data;
    result.set(name, { shape, data: other ? data.map((bit, i) => bit * other[i]) : data });
  }
  return partialMasks(result);
}

/** The model with every masked element 0; the others, and all shapes, are the same. */
export function maskModel({ graph, params }: Model, masks: Masks): Model {
  const result = new Map<string, HostTensor>(params);
  for (const [name, mask] of masks) {
    const { shape, data } = params.get(name)!;
    const masked = data.slice();
    for (let i = 0; i < masked.length; i++) if (mask.data[i] === 0) masked[i] = 0;
    result.set(name, { shape, data: masked });
  }
  return { graph, params: result };
}

/**
 * A network whose masked channels are gone from the norms of their streams as well. Constraints without norms change nothing.
 *
 * @param model masked by `masks`
 */
export function withStreamNorms(
  model: Model,
  masks: Masks,
  constraints: readonly Pick<Constraint, "norms">[],
): Rewrite {
  const nodes = new Map(model.graph.nodes.map((node) => [node.name, node]));
  const kept = constraints.flatMap(({ norms = [] }) => norms).flatMap((name) => {
    const mask = masks.get(nodes.get(name)!.inputs[1]);
    return mask ? [[name, [...mask.data.keys()].filter((j) => mask.data[j] !== 0)] as const] : [];
  });
  return narrowNorms(model, new Map(kept));
}
