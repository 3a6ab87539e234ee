/**
 * Channels as atoms: every (value, channel) of a graph has a number, and every operator says how the channels it makes
 * hang on those it reads. Coupling, constants, liveness and compaction all walk the same links, so that offsets (Concat,
 * Slice, Pad, Flatten, Gather) need no special care anywhere else.
 */

import { gatherAttrs, padAttrs, sliceAttrs } from "../graph/attrs.ts";
import { isOpaque } from "../graph/roles.ts";
import type { Graph, Node, Shape } from "../graph/types.ts";
import { elements } from "../tensor/tensor.ts";

export interface Atoms {
  /** Activations in order of execution. */
  readonly values: readonly string[];
  /** How many atoms there are. */
  readonly total: number;
  /** The atom of a value's channel 0; channel j is `base(value) + j`. */
  base(value: string): number;
  /** Channels of a value: the size of axis 1 (features of a [N,F]). */
  width(value: string): number;
  has(value: string): boolean;
}

export function numberAtoms(shapes: ReadonlyMap<string, Shape>): Atoms {
  const bases = new Map<string, number>();
  const widths = new Map<string, number>();
  let total = 0;
  for (const [value, shape] of shapes) {
    bases.set(value, total);
    widths.set(value, (shape[1] ?? 1) as number);
    total += widths.get(value)!;
  }
  return {
    values: [...shapes.keys()],
    total,
    base: (value) => bases.get(value)!,
    width: (value) => widths.get(value)!,
    has: (value) => bases.has(value),
  };
}

/**
 * "tie": both channels stay or both go. "read": the made channel needs the read one, but not the other way round.
 * Conv, Gemm and ColumnConv mix channels: what they read depends on their weights (linear.ts), so they have no links.
 */
export type LinkKind = "tie" | "read";
export type Link = (made: number, read: number, kind: LinkKind) => void;

/** Calls `link` for every pair (made, read) of a node that doesn't mix channels, by ascending made channel. */
export function forEachLink(
  node: Node,
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  atoms: Atoms,
  link: Link,
): void {
  const y = node.outputs[0];
  const x = node.inputs[0];
  const to = atoms.base(y);
  const count = atoms.width(y);
  if (isOpaque(node)) return linkAll(node, graph, atoms, link);
  switch (node.op) {
    case "Conv":
    case "Gemm":
    case "ColumnConv":
      return;
    case "Add":
    case "Mul":
      for (let j = 0; j < count; j++) {
        for (const input of node.inputs) if (!graph.params[input]) link(to + j, atoms.base(input) + j, "tie");
      }
      return;
    case "Concat": {
      let offset = to;
      for (const input of node.inputs) {
        for (let j = 0; j < atoms.width(input); j++) link(offset + j, atoms.base(input) + j, "tie");
        offset += atoms.width(input);
      }
      return;
    }
    case "Slice": {
      const range = sliceAttrs(node, shapes.get(x)!)[1];
      const { start, step } = range ?? { start: 0, step: 1 };
      for (let j = 0; j < count; j++) link(to + j, atoms.base(x) + start + step * j, "tie");
      return;
    }
    case "Pad": {
      const before = padAttrs(node, shapes.get(x)!.length).begins[1];
      for (let j = 0; j < atoms.width(x); j++) link(to + before + j, atoms.base(x) + j, "tie");
      return;
    }
    case "Gather":
      gatherAttrs(node).indices.forEach((i, j) => link(to + j, atoms.base(x) + i, "read"));
      return;
    case "Flatten":
    case "Reshape":
      return linkReshape(shapes.get(x)!, shapes.get(y)!, atoms.base(x), to, link);
    default:
      for (let j = 0; j < count; j++) link(to + j, atoms.base(x) + j, "tie");
  }
}

/** What an opaque node reads and makes stays or goes as a whole; few links that connect all say so too. */
function linkAll({ inputs, outputs: [y] }: Node, graph: Graph, atoms: Atoms, link: Link): void {
  const read = inputs.filter((name) => !graph.params[name]);
  for (let j = 0; j < atoms.width(y); j++) link(atoms.base(y) + j, atoms.base(read[0]), "tie");
  for (const x of read) {
    for (let j = 0; j < atoms.width(x); j++) link(atoms.base(y), atoms.base(x) + j, "tie");
  }
}

/** A reshape keeps the order of a sample's elements, so channels whose ranges of elements overlap belong together. */
function linkReshape(from: Shape, into: Shape, x: number, y: number, link: Link): void {
  const inner = (shape: Shape) => elements(shape.slice(2) as readonly number[]);
  const read = inner(from);
  const made = inner(into);
  const channels = (into[1] ?? 1) as number;
  for (let j = 0; j < channels; j++) {
    const last = Math.ceil(((j + 1) * made) / read);
    for (let i = Math.floor((j * made) / read); i < last; i++) link(y + j, x + i, "tie");
  }
}
