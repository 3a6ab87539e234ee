/** Operators that keep all numbers and give them other places: their channels may come to stand along another axis. */

import { transposeAttrs } from "../../graph/attrs.ts";
import type { Node, OpName, Shape } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { DisjointSets } from "../groups/disjoint_sets.ts";
import { joined, keptAsItIs, needsAll, neverWhole, noParameterAxis, sameAxis, straightLinks } from "./linked.ts";
import { activations } from "./operands.ts";
import type { Link, LinkedRule, NumberedGraph, PlacedGraph, Rule } from "./types.ts";

const flatten: LinkedRule = {
  kind: "linked",
  axis: (node, placed) => axisAfter(node, placed) ?? 1,
  whole: wholeIfMixed,
  links: linkOverlapping,
  constants: joined(linkOverlapping),
  needs: needsAll,
  parameterAxis: noParameterAxis,
  rewrite: keptAsItIs,
};

const reshape: LinkedRule = {
  ...flatten,
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
  const [from, axis, into] = [shapes.get(x)!, axes.get(x)!, shapes.get(y)!];
  return reshapedAxis(from, axis, into) ?? freestAxis(from, axis, into);
}

function wholeIfMixed(node: Node, { shapes, channels }: NumberedGraph): string | undefined {
  const [x] = activations(node, channels);
  const [from, into] = [shapes.get(x)!, shapes.get(node.outputs[0])!];
  const free = reshapedAxis(from, channels.axis(x), into) ?? freestAxis(from, channels.axis(x), into);
  return free === undefined ? "which cuts the channels into pieces that don't fit them" : undefined;
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

/**
 * Of the axes that don't begin where the given one did, the one along which the most channels can go alone: the last one of a
 * flattened image [N,H,W,C], whose channels come again in each pixel. Of several the last, where layers over tokens look for
 * channels. Undefined where all would go together.
 */
function freestAxis(from: Shape, axis: number, into: Shape): number | undefined {
  const read = from[axis] as number;
  const freedom = into.map((made, along) => {
    if (along === 0) return 1;
    const groups = new DisjointSets(read + (made as number));
    forEachOverlap(from, axis, into, along, (j, i) => groups.join(i, read + j));
    return new Set(Array.from({ length: read }, (_, i) => groups.find(i))).size;
  });
  const most = Math.max(...freedom);
  return most > 1 ? freedom.lastIndexOf(most) : undefined;
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
 * A reshape keeps the order of a sample's elements, so channels that share an element belong together. What stays of them is
 * then the same elements, in the same order, whichever way they are counted.
 */
function linkOverlapping({ inputs: [x], outputs: [y] }: Node, { shapes, channels }: NumberedGraph, link: Link): void {
  const [from, axis, into, along] = [shapes.get(x)!, channels.axis(x), shapes.get(y)!, channels.axis(y)];
  const tie = (j: number, i: number) => link(channels.base(y) + j, channels.base(x) + i, "tie");
  if (elementsBefore(from, axis) === elementsBefore(into, along)) {
    // Both begin at the same element, and follow one another without a gap.
    const [read, made] = [innerSize(from, axis), innerSize(into, along)];
    for (let j = 0; j < channels.width(y); j++) {
      const last = Math.ceil(((j + 1) * made) / read);
      for (let i = Math.floor((j * made) / read); i < last; i++) tie(j, i);
    }
    return;
  }
  const overlaps: Set<number>[] = Array.from({ length: channels.width(y) }, () => new Set());
  forEachOverlap(from, axis, into, along, (j, i) => overlaps[j].add(i));
  overlaps.forEach((read, j) => read.forEach((i) => tie(j, i)));
}

/** Calls `visit` for each channel of a value and each one, along an axis of its reshaped form, that shares an element with it. */
function forEachOverlap(
  from: Shape,
  axis: number,
  into: Shape,
  along: number,
  visit: (made: number, read: number) => void,
): void {
  const [read, made] = [innerSize(from, axis), innerSize(into, along)];
  // Both channels stay the same over such a stretch, and come again after a period.
  const step = greatestDivisor(read, made);
  const period = leastMultiple(read * (from[axis] as number), made * (into[along] as number));
  const end = Math.min(period, elements(from.slice(1) as readonly number[]));
  for (let e = 0; e < end; e += step) {
    visit(Math.floor(e / made) % (into[along] as number), Math.floor(e / read) % (from[axis] as number));
  }
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

function leastMultiple(a: number, b: number): number {
  return a / greatestDivisor(a, b) * b;
}
