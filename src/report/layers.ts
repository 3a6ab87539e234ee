import { graphCost } from "../graph/cost.ts";
import { isMerged, keptOrigins } from "../graph/indexmap.ts";
import { filterCount, layersOf } from "../graph/roles.ts";
import type { Graph, IndexMap } from "../graph/types.ts";
import type { Layer } from "./detail.ts";

/** Name of each layer of the dense network that is still there -> its name in the small one. */
export function layerSuccessors(dense: Graph, small: Graph, origin: IndexMap): Map<string, string> {
  const successor = new Map(keptOrigins(origin).map(([name, { source }]) => [source, name]));
  return new Map(
    layersOf(dense).flatMap(({ name, inputs: [, weight] }) => {
      const now = successor.get(weight);
      const layer = small.nodes.find(({ inputs }) => now !== undefined && inputs[1] === now);
      return layer ? [[name, layer.name] as const] : [];
    }),
  );
}

/** Widths and costs of each layer, before and after; a layer that is gone has width 0, a merged one says so. */
export function layerChanges(dense: Graph, small: Graph, origin: IndexMap): Layer[] {
  const [before, after] = [graphCost(dense), graphCost(small)];
  const successors = layerSuccessors(dense, small, origin);
  const merged = new Map(
    Array.from(origin.values()).filter(isMerged).flatMap(({ sources, how }) =>
      sources.map((source) => [source, how] as const)
    ),
  );
  return layersOf(dense).map((node) => {
    const weight = node.inputs[1];
    const layer = small.nodes.find(({ name }) => name === successors.get(node.name));
    const cost = { dense: before.nodes.get(node.name)!, small: layer && after.nodes.get(layer.name) };
    return {
      name: node.name,
      before: filterCount(dense, node),
      after: layer ? filterCount(small, layer) : 0,
      params: { before: cost.dense.params, after: cost.small?.params ?? 0 },
      macs: { before: cost.dense.macs, after: cost.small?.macs ?? 0 },
      ...layer === undefined && merged.has(weight) && { merged: merged.get(weight) },
    };
  });
}
