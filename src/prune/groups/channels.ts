/**
 * Every channel of every value of a graph has a number, and every operator says how the channels it makes
 * hang on those it reads. Coupling, constants, liveness and compaction all walk the same links, so that offsets (Concat,
 * Slice, Pad, Flatten, Gather) and axes (Transpose, heads of attention) need no special care anywhere else.
 */

import { gatherAttrs, groupNormAttrs, padAttrs, reduceMeanAttrs, sliceAttrs } from "../../graph/attrs.ts";
import { isLayer, isOpaque } from "../../graph/roles.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import { channelAxes, elementsBefore, innerSize, reshapedAxis } from "./axes.ts";

export interface ChannelNumbers {
  /** Activations in order of execution. */
  readonly values: readonly string[];
  /** How many channels there are. */
  readonly total: number;
  /** The number of a value's channel 0; that of channel j is `base(value) + j`. */
  base(value: string): number;
  /** Channels of a value: the size of its channel axis. */
  width(value: string): number;
  /** The axis of its channels (axes.ts). */
  axis(value: string): number;
  has(value: string): boolean;
}

/** A graph with its channels numbered. */
export interface NumberedGraph {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly channels: ChannelNumbers;
  /** Names of the nodes of which all that they read and make must stay or go as a whole. */
  readonly whole: ReadonlySet<string>;
}

export function numberChannels(graph: Graph, shapes: ReadonlyMap<string, Shape>): NumberedGraph {
  const numbered = { graph, shapes, channels: numbersOf(graph, shapes) };
  const whole = graph.nodes.filter((node) => isWhole(numbered, node)).map(({ name }) => name);
  return { ...numbered, whole: new Set(whole) };
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

/** Where channel j of what a node makes finds its operand: an operand of one channel is spread over all. */
export function operandChannel(channels: ChannelNumbers, operand: string, j: number): number {
  return channels.base(operand) + (channels.width(operand) === 1 ? 0 : j);
}

/** The inputs of a node that aren't parameters. */
export function activations(node: Node, channels: { has(value: string): boolean }): string[] {
  return node.inputs.filter((name) => channels.has(name));
}

/** A product with a matrix of parameters over the channels of tokens: a layer like any other. */
export function isProjection(
  { graph, shapes, channels }: Omit<NumberedGraph, "whole">,
  { op, inputs: [x, matrix] }: Node,
): boolean {
  return op === "MatMul" && matrix in graph.params && channels.axis(x) === shapes.get(x)!.length - 1;
}

/** Every channel that it makes may depend on every one that it reads, or we can't say on which. */
function isWhole(numbered: Omit<NumberedGraph, "whole">, node: Node): boolean {
  const { shapes, channels } = numbered;
  const [y] = node.outputs;
  const read = activations(node, channels);
  const axis = channels.axis(y);
  switch (node.op) {
    case "MatMul":
      return !isProjection(numbered, node);
    case "Transpose":
      return false;
    case "Attention":
      // Heads go one by one, but no part of one.
      return read.some((x) => channels.axis(x) !== 1 || shapes.get(x)!.length !== 4);
    case "Flatten":
    case "Reshape":
      return reshapedAxis(shapes.get(read[0])!, channels.axis(read[0]), shapes.get(y)!) === undefined;
    case "BatchNormalization":
    case "GroupNormalization":
    case "BorderBias":
    case "MaxPool":
    case "AveragePool":
    case "GlobalAveragePool":
    case "Resize":
      return axis !== 1;
    case "ReduceMean":
      return reduceMeanAttrs(node, shapes.get(read[0])!.length).axes.includes(channels.axis(read[0]));
    default:
      if (isLayer(node)) return channels.axis(read[0]) !== 1;
      return isOpaque(node) || read.some((x) => channels.axis(x) !== axis);
  }
}

/**
 * "tie": both channels stay or both go. "read": the made channel needs the read one, but not the other way round. "spread":
 * the same of the only channel of a value, which all made ones need.
 * Layers mix channels: what they read depends on their weights (layers.ts), so they have no links.
 */
export type LinkKind = "tie" | "read" | "spread";
export type Link = (made: number, read: number, kind: LinkKind) => void;

/** Calls `link` for every pair (made, read) of a node that doesn't mix channels, by ascending made channel. */
export function forEachLink(numbered: NumberedGraph, node: Node, link: Link): void {
  const { graph, shapes, channels, whole } = numbered;
  const y = node.outputs[0];
  const x = node.inputs[0];
  const to = channels.base(y);
  const from = channels.base(x);
  const count = channels.width(y);
  const axis = channels.axis(y);
  if (whole.has(node.name)) return linkAll(node, channels, link);
  const straight = () => {
    for (let j = 0; j < count; j++) {
      for (const input of activations(node, channels)) {
        if (channels.width(input) === count) link(to + j, channels.base(input) + j, "tie");
        else link(to + j, channels.base(input), "spread");
      }
    }
  };
  switch (node.op) {
    case "Conv":
    case "Gemm":
    case "ColumnConv":
    case "MatMul":
      return;
    case "GroupNormalization": {
      // The statistics are a group's: it goes as a whole.
      const size = count / groupNormAttrs(node).groups;
      for (let j = 0; j < count; j++) {
        const first = from + j - j % size;
        for (let i = 0; i < size; i++) link(to + j, first + i, "tie");
      }
      return;
    }
    case "Concat": {
      if (axis !== 1) return straight();
      let offset = to;
      for (const input of node.inputs) {
        const width = graph.params[input]?.shape[axis] ?? channels.width(input);
        for (let j = 0; j < width; j++) if (channels.has(input)) link(offset + j, channels.base(input) + j, "tie");
        offset += width;
      }
      return;
    }
    case "Slice": {
      const { start, step } = sliceAttrs(node, shapes.get(x)!)[axis] ?? { start: 0, step: 1 };
      for (let j = 0; j < count; j++) link(to + j, from + start + step * j, "tie");
      return;
    }
    case "Pad": {
      const before = padAttrs(node, shapes.get(x)!.length).begins[axis];
      for (let j = 0; j < channels.width(x); j++) link(to + before + j, from + j, "tie");
      return;
    }
    case "Gather":
      if (axis !== 1) return straight();
      gatherAttrs(node).indices.forEach((i, j) => link(to + j, from + i, "read"));
      return;
    case "Flatten":
    case "Reshape":
      return linkReshape(numbered, node, (j, i) => link(to + j, from + i, "tie"));
    default:
      return straight();
  }
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
 * A reshape keeps the order of a sample's elements, so channels whose ranges of elements overlap belong together. Where the
 * made axis begins later than the read one (queries, keys and values at once), its channels come again and again.
 */
function linkReshape(
  { shapes, channels }: NumberedGraph,
  { inputs: [x], outputs: [y] }: Node,
  link: (made: number, read: number) => void,
): void {
  const read = innerSize(shapes.get(x)!, channels.axis(x));
  const made = innerSize(shapes.get(y)!, channels.axis(y));
  const count = channels.width(y);
  if (elementsBefore(shapes.get(x)!, channels.axis(x)) !== elementsBefore(shapes.get(y)!, channels.axis(y))) {
    for (let j = 0; j < count; j++) {
      for (let i = 0; i < channels.width(x); i++) if (Math.floor(i / made) % count === j) link(j, i);
    }
    return;
  }
  for (let j = 0; j < count; j++) {
    const last = Math.ceil(((j + 1) * made) / read);
    for (let i = Math.floor((j * made) / read); i < last; i++) link(j, i);
  }
}
