/** What the passes over a model share: shapes, channel numbers, and the weights seen as who-reads-whom. */

import { UserError } from "../../errors.ts";
import { inferShapes } from "../../graph/infer.ts";
import { consumers } from "../../graph/names.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { type Layer, readsOf } from "../rules/layer_view.ts";
import { tensor } from "../rules/operands.ts";
import { RULES } from "../rules/table.ts";
import { type LinkedGraph, numberChannels } from "./channels.ts";

export interface DependencyGraph extends LinkedGraph {
  /** Layers from which channels can go one by one, by node name. */
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
    if (nodes.length < 2) continue;
    const [first, second] = nodes.map(({ op, name }) => `${op} "${name}"`);
    throw new UserError(
      `parameter "${name}" [${graph.params[name].shape}] is shared by ${first} and ${second}; pruning cuts the ` +
        `parameters of each node for itself, so each needs one of its own: copy it under a second name, or prune ` +
        `the network before its parameters are shared`,
    );
  }
  const numbered = numberChannels(graph, shapes);
  const layers = new Map<string, Layer>();
  for (const node of graph.nodes) {
    const rule = RULES[node.op];
    if (rule.kind !== "layer" || numbered.whole.has(node.name)) continue;
    layers.set(node.name, rule.layer(node, graph, shapes));
  }
  return { ...numbered, layers };
}

export function weigh(model: Model): WeighedGraph {
  const dependencies = dependencyGraph(model.graph);
  const reads = new Map<string, Uint8Array>();
  for (const [name, layer] of dependencies.layers) reads.set(name, readsOf(layer, tensor(model, layer.weight)));
  return { ...dependencies, model, reads };
}
