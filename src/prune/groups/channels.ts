/**
 * Every channel of every value of a graph has a number, and every operator's rule says how the channels it makes
 * hang on those it reads. Coupling, constants, liveness and compaction all walk the same links, so that offsets (Concat,
 * Slice, Pad, Flatten, Gather) and axes (Transpose, heads of attention) need no special care anywhere else.
 *
 * Channels stand on axis 1 of an image, the last one of tokens [N,T,D], axis 1 of heads [N,H,T,D]: operators that move
 * axes move theirs along.
 */

import { isStatistic } from "../../graph/roles.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import { activations } from "../rules/operands.ts";
import { RULES, whyWhole } from "../rules/table.ts";
import type { ChannelNumbers, Link, NumberedGraph } from "../rules/types.ts";

/** A numbered graph that knows from which nodes no channel can go alone. */
export interface LinkedGraph extends NumberedGraph {
  /** Name of a node of which all that it reads and makes must stay or go as a whole -> the reason, a clause "which …". */
  readonly whole: ReadonlyMap<string, string>;
}

export function numberChannels(graph: Graph, shapes: ReadonlyMap<string, Shape>): LinkedGraph {
  const numbered = { graph, shapes, channels: numbersOf(graph, shapes) };
  const whole = new Map<string, string>();
  for (const node of graph.nodes) {
    const why = whyWhole(node, numbered);
    if (why !== undefined) whole.set(node.name, why);
  }
  return { ...numbered, whole };
}

function numbersOf(graph: Graph, shapes: ReadonlyMap<string, Shape>): ChannelNumbers {
  const axes = channelAxes(graph, shapes);
  const bases = new Map<string, number>();
  const widths = new Map<string, number>();
  let total = 0;
  for (const [value, shape] of shapes) {
    bases.set(value, total);
    widths.set(value, (shape[axes.get(value)!] ?? 1) as number);
    total += widths.get(value)!;
  }
  return {
    values: [...shapes.keys()],
    total,
    base: (value) => bases.get(value)!,
    width: (value) => widths.get(value)!,
    axis: (value) => axes.get(value)!,
    has: (value) => bases.has(value),
  };
}

/** Value -> the axis of its channels. */
function channelAxes(graph: Graph, shapes: ReadonlyMap<string, Shape>): Map<string, number> {
  const axes = new Map<string, number>(graph.inputs.map(({ name }) => [name, 1]));
  for (const node of graph.nodes) axes.set(node.outputs[0], RULES[node.op].axis(node, { shapes, axes }));
  return axes;
}

/**
 * Calls `link` for every pair (made, read) of a node, by ascending made channel. Layers have none: what they read depends on
 * their weights (rules/layer_view.ts).
 */
export function forEachLink(linked: LinkedGraph, node: Node, link: Link): void {
  const rule = RULES[node.op];
  if (linked.whole.has(node.name)) linkAll(node, linked.channels, link);
  else if (rule.kind === "linked") rule.links(node, linked, link);
}

/** What a whole node reads and makes stays or goes as a whole; few links that connect all say so too. */
function linkAll(node: Node, channels: ChannelNumbers, link: Link): void {
  const [y] = node.outputs;
  const read = activations(node, channels);
  for (let j = 0; j < channels.width(y); j++) link(channels.base(y) + j, channels.base(read[0]), "tie");
  for (const x of read) {
    for (let j = 0; j < channels.width(x); j++) link(channels.base(y), channels.base(x) + j, "tie");
  }
}

/**
 * The axis of a parameter along which the channels of what its node makes stand; null where it is the same for all of them,
 * or the node is whole. Weights of layers have two such axes (rules/layer_view.ts); this is the one of their biases.
 */
export function parameterAxis(linked: LinkedGraph, node: Node, name: string): number | null {
  const rule = RULES[node.op];
  if (linked.whole.has(node.name) || rule.kind === "whole") return null;
  return rule.kind === "layer" ? 0 : rule.parameterAxis(node, name, linked);
}

/** A node's parameters whose entries become 0 where channels go: neither running statistics nor divisors. */
export function zeroableParameters({ graph }: LinkedGraph, node: Node): string[] {
  const rule = RULES[node.op];
  return node.inputs.filter((name) => {
    const role = graph.params[name]?.role;
    if (role === undefined || isStatistic(role)) return false;
    return !(rule.kind === "linked" && rule.staysNonzero?.(node, name));
  });
}
