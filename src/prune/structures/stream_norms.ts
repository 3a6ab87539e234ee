/**
 * Streams with layer norms, whose channels may go only where the norms take mean and variance over those that stay (`stream: true`):
 * the network computes something else then, and what is proved is that the compact one computes what the one with the new
 * norms does.
 */

import { consumers } from "../../graph/names.ts";
import { inferShapes } from "../../graph/infer.ts";
import { isRowNorm } from "../../graph/roles.ts";
import type { Graph, Node, ParamSpec } from "../../graph/types.ts";
import { numberChannels } from "../groups/channels.ts";

/**
 * The network as coupling sees it where norms give way: each layer norm over channels is a scale and a shift of single channels, so
 * that channel j of all that a stream passes is one group. It says what goes together, never what a network computes.
 */
export function withoutRowStatistics(graph: Graph): Graph {
  const params: Record<string, ParamSpec> = { ...graph.params };
  const norms = yieldingNorms(graph);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const rank = norms.get(node.name);
    if (rank === undefined) return [node];
    const [x, gamma, beta] = node.inputs;
    for (const name of [gamma, beta]) {
      if (name) {
        params[name] = { ...graph.params[name], shape: [...Array(rank - 1).fill(1), graph.params[name].shape[0]] };
      }
    }
    const [y] = node.outputs;
    const scaled = beta ? `${y}.scaled` : y;
    const scale: Node = { ...node, op: "Mul", inputs: [x, gamma], outputs: [scaled], attrs: {} };
    if (!beta) return [scale];
    return [scale, { ...node, name: `${node.name}.shift`, op: "Add", inputs: [scaled, beta], attrs: {} }];
  });
  return { ...graph, nodes, params };
}

/** Layer norms over the axis of the channels, by name, with the rank of what they read; none that shares γ or β with other ranks. */
export function yieldingNorms(graph: Graph): ReadonlyMap<string, number> {
  const { channels, shapes } = numberChannels(graph, inferShapes(graph));
  const rankOf = ({ inputs: [x] }: Node) => shapes.get(x)!.length;
  const yields = (node: Node) => isRowNorm(node) && channels.axis(node.inputs[0]) === rankOf(node) - 1;
  const readers = consumers(graph);
  return new Map(
    graph.nodes.filter((node) =>
      yields(node) &&
      node.inputs.slice(1).every((name) =>
        readers.get(name)!.every((other) => yields(other) && rankOf(other) === rankOf(node))
      )
    ).map((node) => [node.name, rankOf(node)]),
  );
}
