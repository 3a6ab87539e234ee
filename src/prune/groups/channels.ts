/**
 * Every channel of every value of a graph has a number, and every operator's rule says how the channels it makes
 * hang on those it reads. Coupling, constants, liveness and compaction all walk the same links, so that offsets (Concat,
 * Slice, Pad, Flatten, Gather) and axes (Transpose, heads of attention) need no special care anywhere else.
 *
 * Channels stand on axis 1 of an image, the last one of tokens [N,T,D], axis 1 of heads [N,H,T,D]: operators that move
 * axes move theirs along (channel_axes.ts).
 */

import { UserError } from "../../errors.ts";
import { isStatistic } from "../../graph/roles.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import { ELSEWHERE } from "../rules/linked.ts";
import { activations } from "../rules/operands.ts";
import { ruleOf, whyWhole } from "../rules/table.ts";
import type { ChannelNumbers, Link, NumberedGraph } from "../rules/types.ts";
import { placeChannels } from "./channel_axes.ts";

/** A numbered graph that knows from which nodes no channel can go alone. */
export interface LinkedGraph extends NumberedGraph {
  /** Name of a node of which all that it reads and makes must stay or go as a whole -> the reason, a clause "which …". */
  readonly whole: ReadonlyMap<string, string>;
  /** Nodes of this graph that aren't in the one that was given, by name -> the layers that they stand before. */
  readonly anchors: ReadonlyMap<string, string>;
}

/** @param shapes of the activations, as `inferShapes` gives them */
export function numberChannels(graph: Graph, shapes: ReadonlyMap<string, Shape>): LinkedGraph {
  const placed = placeChannels(graph, shapes);
  const { anchors } = placed;
  const numbered = { graph: placed.graph, shapes: placed.shapes, channels: numbersOf(placed.shapes, placed.axes) };
  const whole = new Map<string, string>();
  for (const node of placed.graph.nodes) {
    const why = anchors.has(node.name) ? ELSEWHERE : whyWhole(node, numbered);
    if (why !== undefined) whole.set(node.name, why);
  }
  return { ...numbered, whole, anchors };
}

/** Each is told from all others, and kept in several lists. */
const MOST_CHANNELS = 2 ** 25;

function numbersOf(shapes: ReadonlyMap<string, Shape>, axes: ReadonlyMap<string, number>): ChannelNumbers {
  const bases = new Map<string, number>();
  const widths = new Map<string, number>();
  let total = 0;
  for (const [value, shape] of shapes) {
    bases.set(value, total);
    widths.set(value, (shape[axes.get(value)!] ?? 1) as number);
    total += widths.get(value)!;
  }
  if (total > MOST_CHANNELS) {
    throw new UserError(`its values have ${total} channels in all, expected at most ${MOST_CHANNELS}`);
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

/**
 * Calls `link` for every pair (made, read) of a node, by ascending made channel. Layers have none: what they read depends on
 * their weights (rules/layer_view.ts).
 */
export function forEachLink(linked: LinkedGraph, node: Node, link: Link): void {
  const rule = ruleOf(node, linked.graph);
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
  const rule = ruleOf(node, linked.graph);
  if (linked.whole.has(node.name)) return null;
  return rule.kind === "layer" ? 0 : rule.parameterAxis(node, name, linked);
}

/** A node's parameters whose entries become 0 where channels go: neither running statistics nor divisors. */
export function zeroableParameters({ graph }: LinkedGraph, node: Node): string[] {
  const rule = ruleOf(node, graph);
  return node.inputs.filter((name) => {
    const role = graph.params[name]?.role;
    if (role === undefined || isStatistic(role)) return false;
    return !(rule.kind === "linked" && rule.staysNonzero?.(node, name));
  });
}
