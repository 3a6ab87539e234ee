/** Index maps: which entries of which source a rewritten parameter consists of, and how other tensors follow it. */

import { elements } from "../tensor/tensor.ts";
import type { Graph, HostTensor, IndexMap, KeptOrigin, MergedOrigin, Origin, Params } from "./types.ts";

type Keep = KeptOrigin["keep"];

/** Every parameter comes whole from itself. */
export function identityMap(graph: Graph): IndexMap {
  return new Map(
    Object.entries(graph.params).map(([name, { shape }]) => [name, { source: name, keep: shape.map(() => null) }]),
  );
}

/** The entries whose numbers lie in one source, and which of its numbers they are. */
export function keptOrigins(map: IndexMap): [name: string, origin: KeptOrigin][] {
  return Array.from(map).flatMap(([name, origin]) => isMerged(origin) ? [] : [[name, origin]]);
}

export function isMerged(origin: Origin): origin is MergedOrigin {
  return "sources" in origin;
}

/**
 * `first` then `second` as one map. What `first` made has no origin before it, so what `second` takes from it has none. What
 * one of them merged stays merged, from whatever its sources came from.
 *
 * @param params the parameters that `first` started from: their shapes say what trailing axes seen as one mean
 */
export function compose(first: IndexMap, second: IndexMap, params: Graph["params"]): IndexMap {
  const composed = new Map<string, Origin>();
  for (const [name, origin] of second) {
    const found = isMerged(origin) ? mergedBefore(first, origin) : keptBefore(first, origin, params);
    if (found) composed.set(name, found);
  }
  return composed;
}

function keptBefore(first: IndexMap, entry: KeptOrigin, params: Graph["params"]): Origin | undefined {
  const origin = first.get(entry.source);
  if (!origin || isMerged(origin)) return origin;
  const keep = mergeAxes(origin.keep, params[origin.source].shape, entry.keep.length);
  return { source: origin.source, keep: entry.keep.map((wanted, axis) => select(keep[axis], wanted)) };
}

function mergedBefore(first: IndexMap, { sources, how }: MergedOrigin): Origin | undefined {
  const before = sources.flatMap((source) => {
    const origin = first.get(source);
    if (!origin) return [];
    return isMerged(origin) ? origin.sources : [origin.source];
  });
  return before.length === 0 ? undefined : { sources: [...new Set(before)], how };
}

/**
 * The kept entries of a tensor. `keep` may be shorter than the tensor's rank: its last entry then stands for all the
 * trailing axes in one, so two entries see a convolution's [F,C,KH,KW] as the GEMM matrix [F, C·KH·KW].
 */
export function gatherTensor(tensor: HostTensor, keep: Keep): HostTensor {
  const full = mergedShape(tensor.shape, keep.length);
  const shape = keep.map((indices, axis) => indices?.length ?? full[axis]);
  const data = new Float32Array(elements(shape));
  let at = 0;
  const copy = (axis: number, offset: number) => {
    if (axis === full.length) {
      data[at++] = tensor.data[offset];
      return;
    }
    const indices = keep[axis];
    for (let i = 0; i < shape[axis]; i++) copy(axis + 1, offset * full[axis] + (indices ? indices[i] : i));
  };
  copy(0, 0);
  return { shape, data };
}

/** Tensors that followed a rewrite, and those that couldn't. */
export interface Followed {
  readonly tensors: Map<string, HostTensor>;
  /** Merged parameters of which a source had a tensor: it ends there, for no number of it belongs to the merged one. */
  readonly ended: readonly { readonly name: string; readonly origin: MergedOrigin }[];
}

/**
 * Carries tensors that lie beside the parameters (momentum, masks, Z, U) along a rewrite: named and shaped like the
 * sources, they come out named and shaped like the new parameters. Sources that aren't there are left out.
 */
export function applyIndexMap(map: IndexMap, tensors: Params): Followed {
  const moved = new Map<string, HostTensor>();
  for (const [name, { source, keep }] of keptOrigins(map)) {
    const tensor = tensors.get(source);
    if (tensor) moved.set(name, gatherTensor(tensor, keep));
  }
  const ended = Array.from(map).flatMap(([name, origin]) =>
    isMerged(origin) && origin.sources.some((source) => tensors.has(source)) ? [{ name, origin }] : []
  );
  return { tensors: moved, ended };
}

function select(kept: readonly number[] | null, wanted: readonly number[] | null): readonly number[] | null {
  if (kept === null) return wanted;
  return wanted === null ? kept : wanted.map((i) => kept[i]);
}

/** The same selection seen with fewer axes: the trailing ones become one, in row-major order. */
function mergeAxes(keep: Keep, shape: readonly number[], rank: number): Keep {
  if (rank >= keep.length) return keep;
  const tail = keep.slice(rank - 1);
  const head = keep.slice(0, rank - 1);
  if (tail.every((indices) => indices === null)) return [...head, null];
  const full = mergedShape(shape, keep.length);
  let flat = [0];
  tail.forEach((indices, i) => {
    const size = full[rank - 1 + i];
    const along = indices ?? Array.from({ length: size }, (_, j) => j);
    flat = flat.flatMap((base) => along.map((j) => base * size + j));
  });
  return [...head, flat];
}

function mergedShape(shape: readonly number[], rank: number): number[] {
  if (rank >= shape.length) return [...shape];
  return [...shape.slice(0, rank - 1), elements(shape.slice(rank - 1))];
}
