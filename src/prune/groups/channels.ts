/**
 * Channels as atoms: every (value, channel) of a graph has a number, and every operator says how the channels it makes
 * hang on those it reads. Coupling, constants, liveness and compaction all walk the same links, so that offsets (Concat,
 * Slice, Pad, Flatten, Gather) and axes (Transpose, heads of attention) need no special care anywhere else.
 */

import { gatherAttrs, groupNormAttrs, padAttrs, reduceMeanAttrs, sliceAttrs } from "../../graph/attrs.ts";
import { isLayer, isOpaque } from "../../graph/roles.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import { channelAxes, elementsBefore, innerSize, reshapedAxis } from "./axes.ts";

export interface Atoms {
  /** Activations in order of execution. */
  readonly values: readonly string[];
  /** How many atoms there are. */
  readonly total: number;
  /** The atom of a value's channel 0; channel j is `base(value) + j`. */
  base(value: string): number;
  /** Channels of a value: the size of its channel axis. */
  width(value: string): number;
  /** The axis of its channels (axes.ts). */
  axis(value: string): number;
  has(value: string): boolean;
}

/** A graph with its channels numbered. */
export interface Channels {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly atoms: Atoms;
  /** Names of the nodes of which all that they read and make must stay or go as a whole. */
  readonly whole: ReadonlySet<string>;
}

export function numberChannels(graph: Graph, shapes: ReadonlyMap<string, Shape>): Channels {
  const channels = { graph, shapes, atoms: numberAtoms(graph, shapes) };
  const whole = graph.nodes.filter((node) => isWhole(channels, node)).map(({ name }) => name);
  return { ...channels, whole: new Set(whole) };
}

function numberAtoms(graph: Graph, shapes: ReadonlyMap<string, Shape>): Atoms {
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
export function operandAtom(atoms: Atoms, operand: string, j: number): number {
  return atoms.base(operand) + (atoms.width(operand) === 1 ? 0 : j);
}

/** The inputs of a node that aren't parameters. */
export function activations(node: Node, atoms: { has(value: string): boolean }): string[] {
  return node.inputs.filter((name) => atoms.has(name));
}

/** A product with a matrix of parameters over the channels of tokens: a layer like any other. */
export function isProjection(
  { graph, shapes, atoms }: Omit<Channels, "whole">,
  { op, inputs: [x, matrix] }: Node,
): boolean {
  return op === "MatMul" && matrix in graph.params && atoms.axis(x) === shapes.get(x)!.length - 1;
}

/** Every channel that it makes may depend on every one that it reads, or we can't say on which. */
function isWhole(channels: Omit<Channels, "whole">, node: Node): boolean {
  const { shapes, atoms } = channels;
  const [y] = node.outputs;
  const read = activations(node, atoms);
  const axis = atoms.axis(y);
  switch (node.op) {
    case "MatMul":
      return !isProjection(channels, node);
    case "Transpose":
      return false;
    case "Attention":
      // Heads go one by one, but no part of one.
      return read.some((x) => atoms.axis(x) !== 1 || shapes.get(x)!.length !== 4);
    case "Flatten":
    case "Reshape":
      return reshapedAxis(shapes.get(read[0])!, atoms.axis(read[0]), shapes.get(y)!) === undefined;
    case "BatchNormalization":
    case "GroupNormalization":
    case "BorderBias":
    case "MaxPool":
    case "AveragePool":
    case "GlobalAveragePool":
    case "Resize":
      return axis !== 1;
    case "ReduceMean":
      return reduceMeanAttrs(node, shapes.get(read[0])!.length).axes.includes(atoms.axis(read[0]));
    default:
      if (isLayer(node)) return atoms.axis(read[0]) !== 1;
      return isOpaque(node) || read.some((x) => atoms.axis(x) !== axis);
  }
}

/**
 * "tie": both channels stay or both go. "read": the made channel needs the read one, but not the other way round. "spread":
 * the same of the only channel of a value, which all made ones need.
 * Layers mix channels: what they read depends on their weights (linear.ts), so they have no links.
 */
export type LinkKind = "tie" | "read" | "spread";
export type Link = (made: number, read: number, kind: LinkKind) => void;

/** Calls `link` for every pair (made, read) of a node that doesn't mix channels, by ascending made channel. */
export function forEachLink(channels: Channels, node: Node, link: Link): void {
  const { graph, shapes, atoms, whole } = channels;
  const y = node.outputs[0];
  const x = node.inputs[0];
  const to = atoms.base(y);
  const from = atoms.base(x);
  const count = atoms.width(y);
  const axis = atoms.axis(y);
  if (whole.has(node.name)) return linkAll(node, atoms, link);
  const straight = () => {
    for (let j = 0; j < count; j++) {
      for (const input of activations(node, atoms)) {
        if (atoms.width(input) === count) link(to + j, atoms.base(input) + j, "tie");
        else link(to + j, atoms.base(input), "spread");
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
        const width = graph.params[input]?.shape[axis] ?? atoms.width(input);
        for (let j = 0; j < width; j++) if (atoms.has(input)) link(offset + j, atoms.base(input) + j, "tie");
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
      for (let j = 0; j < atoms.width(x); j++) link(to + before + j, from + j, "tie");
      return;
    }
    case "Gather":
      if (axis !== 1) return straight();
      gatherAttrs(node).indices.forEach((i, j) => link(to + j, from + i, "read"));
      return;
    case "Flatten":
    case "Reshape":
      return linkReshape(channels, node, (j, i) => link(to + j, from + i, "tie"));
    default:
      return straight();
  }
}

/** What a whole node reads and makes stays or goes as a whole; few links that connect all say so too. */
function linkAll(node: Node, atoms: Atoms, link: Link): void {
  const [y] = node.outputs;
  const read = activations(node, atoms);
  for (let j = 0; j < atoms.width(y); j++) link(atoms.base(y) + j, atoms.base(read[0]), "tie");
  for (const x of read) {
    for (let j = 0; j < atoms.width(x); j++) link(atoms.base(y), atoms.base(x) + j, "tie");
  }
}

/**
 * A reshape keeps the order of a sample's elements, so channels whose ranges of elements overlap belong together. Where the
 * made axis begins later than the read one (queries, keys and values at once), its channels come again and again.
 */
function linkReshape(
  { shapes, atoms }: Channels,
  { inputs: [x], outputs: [y] }: Node,
  link: (made: number, read: number) => void,
): void {
  const read = innerSize(shapes.get(x)!, atoms.axis(x));
  const made = innerSize(shapes.get(y)!, atoms.axis(y));
  const count = atoms.width(y);
  if (elementsBefore(shapes.get(x)!, atoms.axis(x)) !== elementsBefore(shapes.get(y)!, atoms.axis(y))) {
    for (let j = 0; j < count; j++) {
      for (let i = 0; i < atoms.width(x); i++) if (Math.floor(i / made) % count === j) link(j, i);
    }
    return;
  }
  for (let j = 0; j < count; j++) {
    const last = Math.ceil(((j + 1) * made) / read);
    for (let i = Math.floor((j * made) / read); i < last; i++) link(j, i);
  }
}
