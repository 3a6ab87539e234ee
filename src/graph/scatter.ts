import { elements } from "../tensor/tensor.ts";
import { isStatistic } from "./roles.ts";
import type { HostTensor, IndexMap, IndexMapEntry, Model, Params } from "./types.ts";

/**
 * The opposite of a compaction: the small network's parameters put back where they came from in the dense network, zeros
 * elsewhere (running statistics keep the dense network's values there). It computes what the small one computes.
 * Undefined where the small network holds parameters that the dense one has no place for (border tables).
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
    if (!entry) return undefined;
    scatter(tensor, entry, params);
  }
  return { graph: dense.graph, params };
}

/** As `gatherTensor` reads: an entry shorter than the rank sees the trailing axes as one. */
function scatter(from: HostTensor, { source, keep }: IndexMapEntry, into: Params): void {
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
