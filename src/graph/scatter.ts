import { elements } from "../tensor/tensor.ts";
import { isStatistic } from "./roles.ts";
import { isMerged } from "./indexmap.ts";
import type { HostTensor, IndexMap, KeptOrigin, Model, Params } from "./types.ts";

/**
 * The opposite of a compaction: the small network's parameters put back where they came from in the dense network, zeros
 * elsewhere (running statistics keep the dense network's values there). It computes what the small one computes, but for norms
 * of which channels went (`withNormsOf`).
 * Undefined where the small network holds parameters that the dense one has no place for (`whyWithoutPlace`).
 *
 * @param origin small parameter -> its place in `dense`
 */
export function scatterModel(small: Model, origin: IndexMap, dense: Model): Model | undefined {
  const params = new Map<string, HostTensor>();
  for (const [name, { shape, role }] of Object.entries(dense.graph.params)) {
    const data = isStatistic(role)
      ? dense.params.get(name)!.data.slice()
      : new Float32Array(dense.params.get(name)!.data.length);
    params.set(name, { shape, data });
  }
  for (const [name, tensor] of small.params) {
    const entry = origin.get(name);
    if (!entry || isMerged(entry)) return undefined;
    scatter(tensor, entry, params);
  }
  return { graph: dense.graph, params };
}

/**
 * A network in the dense one's shape: put back into it, or the network that it was masked as where only a compaction came
 * after that; else the reason why there is none.
 *
 * @param masked the last network of the dense shape; merging goes beyond what it can tell
 */
export function inDenseShape(small: Model, origin: IndexMap, dense: Model, masked?: Model): Model | string {
  const merged = [...origin.values()].some(isMerged);
  return scatterModel(small, origin, dense) ?? (merged ? undefined : masked) ?? whyWithoutPlace(small, origin)!;
}

/** Why a small network can't be put back into the dense one; undefined if it can. */
export function whyWithoutPlace(small: Pick<Model, "params">, origin: IndexMap): string | undefined {
  for (const name of small.params.keys()) {
    const entry = origin.get(name);
    if (!entry) return `"${name}" was made by pruning and has no place in the dense network`;
    if (isMerged(entry)) return `"${name}" was merged from ${listed(entry.sources)} (${entry.how})`;
  }
  return undefined;
}

/** Names as far as a sentence bears them. */
function listed(names: readonly string[]): string {
  return names.length <= 4 ? names.join(", ") : `${names.length} parameters`;
}

/** As `gatherTensor` reads: an entry shorter than the rank sees the trailing axes as one. */
function scatter(from: HostTensor, { source, keep }: KeptOrigin, into: Params): void {
  const to = into.get(source)!;
  const rank = keep.length;
  const extent = to.shape.map((d, axis) => axis === rank - 1 ? elements(to.shape.slice(axis)) : d).slice(0, rank);
  let at = 0;
  const put = (axis: number, offset: number): void => {
    if (axis === rank) {
      to.data[offset] = from.data[at++];
      return;
    }
    const kept = keep[axis];
    const count = kept?.length ?? extent[axis];
    for (let i = 0; i < count; i++) put(axis + 1, offset * extent[axis] + (kept ? kept[i] : i));
  };
  put(0, 0);
}
