/** What the passes over a model share: shapes, channel numbers, and the weights seen as who-reads-whom. */

import { UserError } from "../../errors.ts";
import { inferShapes } from "../../graph/infer.ts";
import { consumers } from "../../graph/names.ts";
import { isLayer } from "../../graph/roles.ts";
import type { Graph, HostTensor, Model } from "../../graph/types.ts";
import { type Channels, isProjection, numberChannels } from "./channels.ts";
import { type Linear, linearOf, readsOf } from "./layers.ts";

export interface Anatomy extends Channels {
  /** Layers that channels can go one by one from, by node name. */
  readonly linears: ReadonlyMap<string, Linear>;
}

export interface WeighedAnatomy extends Anatomy {
  readonly model: Model;
  /** By node name: 0/1 per (filter, local channel), see `readsOf`. */
  readonly reads: ReadonlyMap<string, Uint8Array>;
}

/** @throws UserError when two nodes share a parameter: their channels would have to go together */
export function anatomyOf(graph: Graph): Anatomy {
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
  const channels = numberChannels(graph, shapes);
  const layers = graph.nodes.filter((node) =>
    !channels.whole.has(node.name) && (isLayer(node) || isProjection(channels, node))
  );
  return { ...channels, linears: new Map(layers.map((node) => [node.name, linearOf(node, graph, shapes)])) };
}

export function weigh(model: Model): WeighedAnatomy {
  const anatomy = anatomyOf(model.graph);
  const reads = new Map<string, Uint8Array>();
  for (const [name, linear] of anatomy.linears) reads.set(name, readsOf(linear, tensor(model, linear.weight)));
  return { ...anatomy, model, reads };
}

export function tensor(model: Model, name: string): HostTensor {
  const found = model.params.get(name);
  if (!found) throw new UserError(`parameter "${name}" of graph "${model.graph.name}" has no values`);
  return found;
}
