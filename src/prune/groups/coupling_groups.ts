/** Which channels stand or fall together, and which can't go at all and why. */

import { firstChannel, type Layer } from "../rules/layer_view.ts";
import { activations } from "../rules/operands.ts";
import { forEachLink } from "./channels.ts";
import type { DependencyGraph } from "./dependency_graph.ts";
import { DisjointSets } from "./disjoint_sets.ts";

/**
 * Ties, the channels that grouped convolutions bind, and those of nodes that share parameters; a Gather's channels go with
 * those they copy. Nodes from which no channel can go alone tie none: what they read and make is blocked.
 */
export function couplingGroups(dependencies: DependencyGraph): DisjointSets {
  const { graph, channels, layers, whole } = dependencies;
  const groups = new DisjointSets(channels.total);
  for (const node of graph.nodes) {
    if (whole.has(node.name)) continue;
    forEachLink(dependencies, node, (made, read, kind) => kind !== "spread" && groups.join(made, read));
  }
  for (const layer of layers.values()) tieConvolutionGroups(dependencies, layer, groups);
  for (const [a, b] of dependencies.ties) groups.join(a, b);
  return groups;
}

/**
 * A convolution's groups stay of one size. Where they are many and thin (a depthwise one has a channel in each), each goes
 * whole, its input channels with its filters. Where they are few and wide, filter i of every group goes with filter i of the
 * others, and so do the input channels.
 */
function tieConvolutionGroups({ channels }: DependencyGraph, layer: Layer, groups: DisjointSets): void {
  const { group, perGroup, filters } = layer;
  const [x, y] = [channels.base(layer.x), channels.base(layer.y)];
  if (goesByGroups(layer)) {
    for (let f = 0; f < filters; f++) {
      const first = firstChannel(layer, f);
      for (let c = 0; c < perGroup; c++) groups.join(y + f, x + first + c);
    }
    return;
  }
  for (let f = 0; f < filters; f++) groups.join(y + f, y + f % (filters / group));
  for (let c = 0; c < layer.channels; c++) groups.join(x + c, x + c % perGroup);
}

export function goesByGroups({ group, perGroup }: Pick<Layer, "group" | "perGroup">): boolean {
  return group > 1 && group >= perGroup;
}

/** Coupling group -> why it must stay. */
export function blockedGroups(
  { graph, channels, whole, anchors }: DependencyGraph,
  groups: DisjointSets,
): Map<number, string> {
  const blocked = new Map<number, string>();
  const block = (value: string, why: string) => {
    for (let j = 0; j < channels.width(value); j++) {
      const group = groups.find(channels.base(value) + j);
      if (!blocked.has(group)) blocked.set(group, why);
    }
  };
  graph.outputs.forEach((name) => block(name, `it makes the output "${name}", whose width is given`));
  graph.inputs.forEach(({ name }) => block(name, `it is tied to the input "${name}", whose channels are given`));
  for (const node of graph.nodes) {
    const reason = whole.get(node.name);
    if (reason === undefined) continue;
    const layer = graph.nodes.find(({ name }) => name === anchors.get(node.name));
    const why = layer
      ? `it is read by ${layer.op} "${layer.name}", which mixes along another axis than that of its channels`
      : `it flows through ${node.op} "${node.name}", ${reason}`;
    [...activations(node, channels), node.outputs[0]].forEach((name) => block(name, why));
  }
  return blocked;
}
