/** What the passes over a model share: shapes, channel numbers, and the weights seen as who-reads-whom. */

import { inferShapes } from "../../graph/infer.ts";
import type { Graph, Model, Node } from "../../graph/types.ts";
import { type Layer, readsOf } from "../rules/layer_view.ts";
import { tensor } from "../rules/operands.ts";
import { ruleOf } from "../rules/table.ts";
import { type LinkedGraph, numberChannels } from "./channels.ts";
import { sharedParameters, type Sharing } from "./shared_parameters.ts";

export interface DependencyGraph extends LinkedGraph, Sharing {
  /** Layers from which channels can go one by one, by node name. */
  readonly layers: ReadonlyMap<string, Layer>;
}

export interface WeighedGraph extends DependencyGraph {
  readonly model: Model;
  /** By node name: 0/1 per (filter, local channel), see `readsOf`. */
  readonly reads: ReadonlyMap<string, Uint8Array>;
}

export function dependencyGraph(graph: Graph): DependencyGraph {
  const linked = numberChannels(graph, inferShapes(graph));
  const layerOf = (node: Node): Layer | undefined => {
    const rule = ruleOf(node, linked.graph);
    return rule.kind === "layer" && !linked.whole.has(node.name)
      ? rule.layer(node, linked.graph, linked.shapes)
      : undefined;
  };
  const { whole, ...sharing } = sharedParameters(linked, layerOf);
  const layers = new Map<string, Layer>();
  for (const node of linked.graph.nodes) {
    const layer = whole.has(node.name) ? undefined : layerOf(node);
    if (layer) layers.set(node.name, layer);
  }
  return { ...linked, ...sharing, whole, layers };
}

export function weigh(model: Model): WeighedGraph {
  const dependencies = dependencyGraph(model.graph);
  const reads = new Map<string, Uint8Array>();
  for (const [name, layer] of dependencies.layers) reads.set(name, readsOf(layer, tensor(model, layer.weight)));
  return { ...dependencies, model, reads };
}
