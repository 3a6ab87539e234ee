/**
 * Backward pass of unused-path removal (docs/pipeline.md): which channels the outputs of the graph depend on. A channel
 * is live if something live reads it with a non-zero weight; γ = 0 and a factor that is always 0 read nothing else.
 */

import type { Node } from "../../graph/types.ts";
import { tensor, type WeighedGraph } from "../groups/dependency_graph.ts";
import { activations, forEachLink, operandChannel } from "../groups/channels.ts";
import { type Constants, operandOf, type VisitOrder } from "./constant_propagation.ts";
import { firstChannel } from "../groups/layers.ts";

/** 0/1 per channel (channels.ts). The channels of the graph's outputs are always live. */
export function liveness(dependencies: WeighedGraph, known: Constants, { order }: VisitOrder = {}): Uint8Array {
  const { graph, channels } = dependencies;
  const live = new Uint8Array(channels.total);
  for (const name of graph.outputs) live.fill(1, channels.base(name), channels.base(name) + channels.width(name));
  const visits = (order ?? graph.nodes.map((_, i) => graph.nodes.length - 1 - i)).map((i) => graph.nodes[i]);
  const sweep = () => visits.map((node) => update(dependencies, node, known, live)).includes(true);
  while (sweep());
  return live;
}

function update(dependencies: WeighedGraph, node: Node, known: Constants, live: Uint8Array): boolean {
  let changed = false;
  const revive = (channel: number) => {
    if (live[channel]) return;
    live[channel] = 1;
    changed = true;
  };
  const { channels } = dependencies;
  if (dependencies.whole.has(node.name)) {
    const y = channels.base(node.outputs[0]);
    if (!live.subarray(y, y + channels.width(node.outputs[0])).includes(1)) return false;
    for (const name of [...activations(node, channels), node.outputs[0]]) {
      for (let j = 0; j < channels.width(name); j++) revive(channels.base(name) + j);
    }
    return changed;
  }
  const layer = dependencies.layers.get(node.name);
  if (!layer) {
    const needs = neededInputs(dependencies, node, known);
    forEachLink(dependencies, node, (made, read) => live[made] && needs(made, read) && revive(read));
    return changed;
  }
  const reads = dependencies.reads.get(node.name)!;
  const { filters, perGroup } = layer;
  for (let f = 0; f < filters; f++) {
    if (!live[channels.base(layer.y) + f]) continue;
    const first = channels.base(layer.x) + firstChannel(layer, f);
    for (let c = 0; c < perGroup; c++) if (reads[f * perGroup + c]) revive(first + c);
  }
  return changed;
}

/** Does a made channel really depend on a read one? */
function neededInputs(
  dependencies: WeighedGraph,
  node: Node,
  known: Constants,
): (made: number, read: number) => boolean {
  const { graph, model, channels } = dependencies;
  const y = channels.base(node.outputs[0]);
  switch (node.op) {
    case "BatchNormalization":
    case "GroupNormalization": {
      const gamma = tensor(model, node.inputs[1]).data;
      return (made) => gamma[made - y] !== 0;
    }
    case "Attention": {
      // Weights that sum to 1 leave a constant what it is, whatever they are.
      const v = channels.base(node.inputs[2]);
      return (made, read) => read === v + made - y || known.valueOf(v + made - y) === undefined;
    }
    case "Mul":
      return (made, read) => {
        const j = made - y;
        const factors = node.inputs.map((name) => {
          if (graph.params[name]) return { channel: -1, value: operandOf(dependencies, node, name, j) };
          const channel = operandChannel(channels, name, j);
          return { channel, value: known.valueOf(channel) };
        });
        const zero = factors.find(({ value }) => value === 0);
        return zero === undefined || zero.channel === read;
      };
    default:
      return () => true;
  }
}
