/** What the passes over a model share: shapes, channel numbers, and the weights seen as who-reads-whom. */

import { UserError } from "../../errors.ts";
import { inferShapes } from "../../graph/infer.ts";
import { consumers } from "../../graph/names.ts";
import { isLayer } from "../../graph/roles.ts";
import type { Graph, HostTensor, Model } from "../../graph/types.ts";
import { isProjection, numberChannels, type NumberedGraph } from "./channels.ts";
import { type Layer, layerOf, readsOf } from "./layers.ts";

export interface DependencyGraph extends NumberedGraph {
  /** Layers that channels can go one by one from, by node name. */
  readonly layers: ReadonlyMap<string, Layer>;
}

export interface WeighedGraph extends DependencyGraph {
  readonly model: Model;
  /** By node name: 0/1 per (filter, local channel), see `readsOf`. */
  readonly reads: ReadonlyMap<string, Uint8Array>;
}

/** @throws UserError when two nodes share a parameter: their channels would have to go together */
export function dependencyGraph(graph: Graph): DependencyGraph {
  const shapes = inferShapes(graph);
  const readers = consumers(graph);
  for (const name of Object.keys(graph.params)) {
    const nodes = readers.get(name) ?? [];
    if (nodes.length > 1) {
      throw new UserError(
        `parameter "${name}" is shared by "${nodes[0].name}" and "${
          nodes[1].name
        }": give each its own to prune the graph`,
      );
    }
  }
  const numbered = numberChannels(graph, shapes);
  const layers = graph.nodes.filter((node) =>
    !numbered.whole.has(node.name) && (isLayer(node) || isProjection(numbered, node))
  );
  return { ...numbered, layers: new Map(layers.map((node) => [node.name, layerOf(node, graph, shapes)])) };
}

export function weigh(model: Model): WeighedGraph {
  const dependencies = dependencyGraph(model.graph);
  const reads = new Map<string, Uint8Array>();
  for (const [name, layer] of dependencies.layers) reads.set(name, readsOf(layer, tensor(model, layer.weight)));
  return { ...dependencies, model, reads };
}

export function tensor(model: Model, name: string): HostTensor {
  const found = model.params.get(name);
  if (!found) throw new UserError(`parameter "${name}" of graph "${model.graph.name}" has no values`);
  return found;
}
