/** Operators that work on the image of each channel for itself: pools, means and maxima, other sizes, tables of biases. */

import { depthToSpaceAttrs, poolAttrs, reductionAttrs } from "../../graph/attrs.ts";
import type { Node, OpName } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import {
  firstParameterAxis,
  joined,
  keptAsItIs,
  needsAll,
  noParameterAxis,
  sameAxis,
  straightLinks,
  wholeUnlessAxis1,
} from "./linked.ts";
import { activations, tensor, uniform } from "./operands.ts";
import { axisRegions } from "./regions.ts";
import type { Fact, Link, LinkedRule, NumberedGraph, NumberedModel, PlacedGraph, Rule } from "./types.ts";

/** A constant image stays what it is: each pixel made is one of those read, or a mean of some. */
const samePixels: LinkedRule = {
  kind: "linked",
  axis: sameAxis,
  whole: wholeUnlessAxis1,
  links: straightLinks,
  constants: joined(straightLinks),
  needs: needsAll,
  parameterAxis: noParameterAxis,
  rewrite: keptAsItIs,
};

/** Over any axes but that of the channels. */
const reduction = (what: "sum" | "mean" | "maximum"): LinkedRule => ({
  ...samePixels,
  axis: reducedAxis,
  whole: (node, numbered) => wholeIfReduced(node, numbered, what),
});

export const SPATIAL = {
  MaxPool: samePixels,
  GlobalAveragePool: samePixels,
  Resize: samePixels,
  DepthToSpace: { ...samePixels, links: linkBlocks, constants: joined(linkBlocks) },
  AveragePool: { ...samePixels, constants: averaged },
  ReduceSum: { ...reduction("sum"), constants: summed },
  ReduceMean: reduction("mean"),
  ReduceMax: reduction("maximum"),
  BorderBias: { ...samePixels, constants: shifted, parameterAxis: firstParameterAxis },
} satisfies Partial<Record<OpName, Rule>>;

/** All channels that make the pixels of a block go with the channel that they make. */
function linkBlocks(node: Node, { channels }: NumberedGraph, link: Link): void {
  const { block, mode } = depthToSpaceAttrs(node);
  const [x, y] = [channels.base(node.inputs[0]), channels.base(node.outputs[0])];
  const count = channels.width(node.outputs[0]);
  for (let j = 0; j < count; j++) {
    for (let k = 0; k < block ** 2; k++) link(y + j, x + (mode === "DCR" ? k * count + j : j * block ** 2 + k), "tie");
  }
}

/** Where the channels themselves are reduced the node is whole, and any axis that there is will do. */
function reducedAxis(node: Node, placed: PlacedGraph): number {
  const axis = sameAxis(node, placed);
  const x = node.inputs.find((name) => placed.axes.has(name))!;
  const rank = placed.shapes.get(x)!.length;
  const { axes: reduced, keepdims } = reductionAttrs(node, rank);
  if (keepdims === "keep") return axis;
  const moved = axis - reduced.filter((along) => along < axis).length;
  return Math.max(1, Math.min(moved, rank - reduced.length - 1));
}

function wholeIfReduced(node: Node, { shapes, channels }: NumberedGraph, what: string): string | undefined {
  const [x] = activations(node, channels);
  const { axes } = reductionAttrs(node, shapes.get(x)!.length);
  return axes.includes(channels.axis(x)) ? `which takes the ${what} over all channels` : undefined;
}

/** As many of the constant as are added. */
function summed(node: Node, numbered: NumberedModel, factOf: (channel: number) => Fact): Fact[] {
  const shape = numbered.shapes.get(node.inputs[0])!;
  const { axes } = reductionAttrs(node, shape.length);
  const count = elements(axes.map((axis) => shape[axis] as number));
  return samePixels.constants(node, numbered, factOf).map((fact) => typeof fact === "number" ? fact * count : fact);
}

/** Counting the padding makes a constant depend on the position, unless all windows see as much of the image. */
function averaged(node: Node, { shapes, channels }: NumberedModel, factOf: (channel: number) => Fact): Fact[] {
  const { kernel, strides, pads, countIncludePad } = poolAttrs(node);
  const from = shapes.get(node.inputs[0])! as readonly number[];
  const into = shapes.get(node.outputs[0])! as readonly number[];
  const counts = ([0, 1] as const).map((axis) => {
    const { taps } = axisRegions({
      size: from[2 + axis],
      out: into[2 + axis],
      kernel: kernel[axis],
      stride: strides[axis],
      pad: pads[axis],
      dilation: 1,
    });
    return uniform(Float64Array.from(taps, (valid) => valid.length / kernel[axis]));
  });
  const share = !countIncludePad ? 1 : counts.includes(undefined) ? undefined : counts[0]! * counts[1]!;
  const x = channels.base(node.inputs[0]);
  return Array.from({ length: channels.width(node.inputs[0]) }, (_, j): Fact => {
    const fact = factOf(x + j);
    if (typeof fact !== "number" || fact === 0) return fact;
    return share === undefined ? "varying" : fact * share;
  });
}

/** A table shifts a constant to another one if it says the same for all regions. */
function shifted(node: Node, numbered: NumberedModel, factOf: (channel: number) => Fact): Fact[] {
  const { shape, data } = tensor(numbered.model, node.inputs[1]);
  const regions = shape[1] * shape[2];
  return samePixels.constants(node, numbered, factOf).map((fact, j) => {
    if (typeof fact !== "number") return fact;
    const shift = uniform(Float64Array.from(data.subarray(j * regions, (j + 1) * regions)));
    return shift === undefined ? "varying" : fact + shift;
  });
}
