/** Operators that keep all numbers and give them other places: their channels may come to stand along another axis. */

import { transposeAttrs } from "../../graph/attrs.ts";
import type { Node, OpName, Shape } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { joined, keptAsItIs, needsAll, neverWhole, noParameterAxis, sameAxis, straightLinks } from "./linked.ts";
import { activations } from "./operands.ts";
import type { Link, LinkedRule, NumberedGraph, PlacedGraph, Rule } from "./types.ts";

const flatten: LinkedRule = {
  kind: "linked",
  axis: (node, placed) => axisAfter(node, placed) ?? 1,
  whole: (node, numbered) => wholeIfMixed(node, numbered, "which mixes the channels of several tokens"),
  links: linkOverlapping,
  constants: joined(linkOverlapping),
  needs: needsAll,
  parameterAxis: noParameterAxis,
  rewrite: keptAsItIs,
};

const reshape: LinkedRule = {
  ...flatten,
  whole: (node, numbered) => wholeIfMixed(node, numbered, "which cuts the channels into pieces that don't fit them"),
  rewrite(node, emission) {
    const [y] = node.outputs;
    const { shapes, channels } = emission.numbered;
    const kept = emission.kept(y).length;
    const [, ...sizes] = shapes.get(y)! as readonly number[];
    const shape = [0, ...sizes.map((size, i) => i + 1 === channels.axis(y) ? kept : size)];
    emission.node({ ...node, attrs: { ...node.attrs, shape } });
  },
};

const transpose: LinkedRule = {
  kind: "linked",
  axis(node, placed) {
    const x = node.inputs.find((name) => placed.axes.has(name))!;
    return transposeAttrs(node, placed.shapes.get(x)!.length).perm.indexOf(sameAxis(node, placed));
  },
  whole: neverWhole,
  links: straightLinks,
  constants: joined(straightLinks),
  needs: needsAll,
  parameterAxis: noParameterAxis,
  rewrite: keptAsItIs,
};

export const RESHAPES = {
  Flatten: flatten,
  Reshape: reshape,
  Transpose: transpose,
} satisfies Partial<Record<OpName, Rule>>;

function axisAfter({ inputs: [x], outputs: [y] }: Node, { shapes, axes }: PlacedGraph): number | undefined {
  return reshapedAxis(shapes.get(x)!, axes.get(x)!, shapes.get(y)!);
}

function wholeIfMixed(node: Node, { shapes, channels }: NumberedGraph, why: string): string | undefined {
  const [x] = activations(node, channels);
  return reshapedAxis(shapes.get(x)!, channels.axis(x), shapes.get(node.outputs[0])!) === undefined ? why : undefined;
}

/**
 * The axis of a reshaped value that begins where the given one began: as many elements stand before it. Undefined if none
 * does. Of several, for axes of size 1 make no difference to what stands before, the last. Features of tokens that are cut
 * into three axes or more are so many kinds of heads ([N,T,3,H,D], queries, keys and values at once): the heads' axis.
 */
function reshapedAxis(from: Shape, axis: number, into: Shape): number | undefined {
  const wanted = elementsBefore(from, axis);
  const first = into.findLastIndex((_, i) => i > 0 && elementsBefore(into, i) === wanted);
  if (first === -1) return undefined;
  const tokens = axis > 1 && axis === from.length - 1;
  return tokens ? Math.max(first, into.length - 2) : first;
}

/** Elements of a sample before an axis. */
function elementsBefore(shape: Shape, axis: number): number {
  return elements(shape.slice(1, axis) as readonly number[]);
}

/** Elements of a sample behind the channel axis. */
function innerSize(shape: Shape, axis: number): number {
  return elements(shape.slice(axis + 1) as readonly number[]);
}

/**
 * A reshape keeps the order of a sample's elements, so channels whose ranges of elements overlap belong together. Where the
 * made axis begins later than the read one (queries, keys and values at once), its channels come again and again.
 */
function linkOverlapping({ inputs: [x], outputs: [y] }: Node, { shapes, channels }: NumberedGraph, link: Link): void {
  const [from, into] = [shapes.get(x)!, shapes.get(y)!];
  const read = innerSize(from, channels.axis(x));
  const made = innerSize(into, channels.axis(y));
  const tie = (j: number, i: number) => link(channels.base(y) + j, channels.base(x) + i, "tie");
  const count = channels.width(y);
  if (elementsBefore(from, channels.axis(x)) !== elementsBefore(into, channels.axis(y))) {
    for (let j = 0; j < count; j++) {
      for (let i = 0; i < channels.width(x); i++) if (Math.floor(i / made) % count === j) tie(j, i);
    }
    return;
  }
  for (let j = 0; j < count; j++) {
    const last = Math.ceil(((j + 1) * made) / read);
    for (let i = Math.floor((j * made) / read); i < last; i++) tie(j, i);
  }
}
