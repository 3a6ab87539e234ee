/**
 * Backward pass of unused-path removal (docs/pipeline.md): which channels the outputs of the graph depend on. A channel
 * is live if something live reads it with a non-zero weight; γ = 0 and a factor that is always 0 read nothing else.
 */

import type { Node } from "../../graph/types.ts";
import { forEachLink } from "../groups/channels.ts";
import type { WeighedGraph } from "../groups/dependency_graph.ts";
import { firstChannel, type Layer } from "../rules/layer_view.ts";
import { activations } from "../rules/operands.ts";
import { ruleOf } from "../rules/table.ts";
import type { Constants } from "../rules/types.ts";
import type { VisitOrder } from "./constant_propagation.ts";

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

/** Marks what a node's live channels depend on; true if something was new. */
function update(dependencies: WeighedGraph, node: Node, known: Constants, live: Uint8Array): boolean {
  let changed = false;
  const revive = (channel: number) => {
    if (live[channel]) return;
    live[channel] = 1;
    changed = true;
  };
  const layer = dependencies.layers.get(node.name);
  const rule = ruleOf(node, dependencies.graph);
  if (dependencies.whole.has(node.name)) reviveWhole(dependencies, node, live, revive);
  else if (layer) reviveRead(dependencies, layer, live, revive);
  else if (rule.kind === "linked") {
    const needs = rule.needs(node, dependencies, known);
    forEachLink(dependencies, node, (made, read) => live[made] && needs(made, read) && revive(read));
  }
  return changed;
}

/** A whole node that makes something live needs all that it reads, and makes all of it. */
function reviveWhole(
  { channels }: WeighedGraph,
  node: Node,
  live: Uint8Array,
  revive: (channel: number) => void,
): void {
  const y = channels.base(node.outputs[0]);
  if (!live.subarray(y, y + channels.width(node.outputs[0])).includes(1)) return;
  for (const name of [...activations(node, channels), node.outputs[0]]) {
    for (let j = 0; j < channels.width(name); j++) revive(channels.base(name) + j);
  }
}

/** A live filter needs the channels that it reads with a weight that isn't 0. */
function reviveRead(
  { channels, reads }: WeighedGraph,
  layer: Layer,
  live: Uint8Array,
  revive: (channel: number) => void,
): void {
  const read = reads.get(layer.node.name)!;
  const { filters, perGroup } = layer;
  for (let f = 0; f < filters; f++) {
    if (!live[channels.base(layer.y) + f]) continue;
    const first = channels.base(layer.x) + firstChannel(layer, f);
    for (let c = 0; c < perGroup; c++) if (read[f * perGroup + c]) revive(first + c);
  }
}
