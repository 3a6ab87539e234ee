/**
 * Operators that mix channels by their weights: Conv (grouped too), its transpose (depthwise too), ColumnConv, Gemm, and
 * MatMul by a matrix.
 */

import { columnConvAttrs, type ConvAttrs, convAttrs, convTransposeAttrs } from "../../graph/attrs.ts";
import type { Graph, Node, OpName, Shape } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import type { Layer } from "./layer_view.ts";
import { product } from "./attention.ts";
import { joined, keptAsItIs, needsAll, neverWhole, noParameterAxis, straightLinks } from "./linked.ts";
import { type AxisRegions, axisRegions, POINT, reachableTaps, transposedRegions } from "./regions.ts";
import type { NumberedGraph, Rule } from "./types.ts";

export const LAYERS = {
  Conv: {
    kind: "layer",
    axis: firstAxis,
    readAxis: firstAxis,
    whole: neverWhole,
    layer(node, graph, shapes) {
      const [, , height, width] = graph.params[node.inputs[1]].shape;
      return convolution(node, graph, shapes, convAttrs(node), [height, width]);
    },
  },
  ConvTranspose: {
    kind: "layer",
    axis: firstAxis,
    readAxis: firstAxis,
    whole: wholeIfGrouped,
    layer: transposedConvolution,
  },
  ColumnConv: {
    kind: "layer",
    axis: firstAxis,
    readAxis: firstAxis,
    whole: neverWhole,
    layer(node, graph, shapes) {
      const { kernel, taps, ...attrs } = columnConvAttrs(node);
      const layer = convolution(node, graph, shapes, attrs, kernel);
      const columnAt = new Int32Array(layer.channels * layer.size).fill(-1);
      taps.forEach((tap, t) => columnAt[tap] = t);
      return { ...layer, columnAt };
    },
  },
  /** Merged layers aren't pruned: what would go together are the same filter's numbers in all regions. */
  RegionConv: {
    kind: "linked",
    axis: firstAxis,
    whole: () => "which picks its weights by where a pixel lies",
    links: straightLinks,
    constants: joined(straightLinks),
    needs: needsAll,
    parameterAxis: noParameterAxis,
    rewrite: keptAsItIs,
  },
  Gemm: {
    kind: "layer",
    axis: firstAxis,
    readAxis: firstAxis,
    whole: neverWhole,
    layer: (node, graph, shapes) => ({
      ...pointLayer(node),
      filters: graph.params[node.inputs[1]].shape[0],
      channels: shapes.get(node.inputs[0])![1] as number,
      perGroup: shapes.get(node.inputs[0])![1] as number,
      rowLength: graph.params[node.inputs[1]].shape[1],
    }),
  },
  /** Of tokens with a matrix of parameters, or of two activations. */
  MatMul: {
    kind: "layer",
    axis: (node, { shapes }) => lastAxis(node, shapes),
    readAxis: lastAxis,
    whole: neverWhole,
    layer(node, graph) {
      const [channels, filters] = graph.params[node.inputs[1]].shape;
      const axes = { filter: 1, channel: 0 } as const;
      return { ...pointLayer(node), axes, filters, channels, perGroup: channels, rowLength: channels };
    },
    ofActivations: product,
  },
} satisfies Partial<Record<OpName, Rule>>;

function firstAxis(): number {
  return 1;
}

function lastAxis({ inputs: [x] }: Node, shapes: ReadonlyMap<string, Shape>): number {
  return shapes.get(x)!.length - 1;
}

/** What a product that sees no neighbours has in common with a 1×1 convolution of a 1×1 image. */
function pointLayer(node: Node) {
  const [x, weight, bias] = node.inputs;
  return {
    node,
    x,
    y: node.outputs[0],
    weight,
    bias,
    axes: { filter: 0, channel: 1 },
    group: 1,
    kernel: [1, 1],
    size: 1,
    rows: POINT,
    cols: POINT,
    reachable: Uint8Array.of(1),
    columnAt: undefined,
    hasColumns: true,
  } as const;
}

/** The filters of a group stand beside each other in all its rows, where those of other groups stand as well. */
function wholeIfGrouped(node: Node, { graph }: NumberedGraph): string | undefined {
  const { group } = convTransposeAttrs(node);
  return group === 1 || isDepthwise(group, graph.params[node.inputs[1]].shape)
    ? undefined
    : "which is a transposed convolution of several groups";
}

/** A weight [C, 1, KH, KW] of as many groups: channel by channel, and so laid out as that of a convolution. */
function isDepthwise(group: number, [channels, perGroup]: readonly number[]): boolean {
  return group > 1 && group === channels && perGroup === 1;
}

/** A weight [C, F, KH, KW]: every input channel has a row of filters. */
function transposedConvolution(node: Node, graph: Graph, shapes: ReadonlyMap<string, Shape>): Layer {
  const attrs = convTransposeAttrs(node);
  const { shape } = graph.params[node.inputs[1]];
  const [channels, filters, kh, kw] = shape;
  const [rows, cols] = bothAxes(transposedRegions, node, shapes, attrs, [kh, kw]);
  const size = kh * kw;
  const layer: Layer = {
    ...pointLayer(node),
    channels,
    filters,
    perGroup: channels,
    kernel: [kh, kw],
    size,
    rows,
    cols,
    reachable: reachableTaps(rows, cols, [kh, kw]),
    hasColumns: false,
    rowLength: channels * size,
  };
  const { group } = attrs;
  if (!isDepthwise(group, shape)) return { ...layer, axes: { filter: 1, channel: 0 } };
  return { ...layer, filters: channels, group, perGroup: 1, rowLength: size };
}

function convolution(
  node: Node,
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  attrs: ConvAttrs,
  kernel: readonly [number, number],
): Layer {
  const { group } = attrs;
  const from = shapes.get(node.inputs[0])! as readonly number[];
  const { shape } = graph.params[node.inputs[1]];
  // A Gemm that lost columns is a ColumnConv of a vector.
  const [rows, cols] = from.length === 2 ? [POINT, POINT] : bothAxes(axisRegions, node, shapes, attrs, kernel);
  return {
    ...pointLayer(node),
    filters: shape[0],
    channels: from[1],
    group,
    perGroup: from[1] / group,
    kernel,
    size: kernel[0] * kernel[1],
    rows,
    cols,
    reachable: reachableTaps(rows, cols, kernel),
    rowLength: elements(shape.slice(1)),
  };
}

/** The regions along the rows and along the columns of a layer whose windows slide over an image. */
function bothAxes(
  regions: typeof axisRegions,
  { inputs: [x], outputs: [y] }: Node,
  shapes: ReadonlyMap<string, Shape>,
  { strides, pads, dilations }: ConvAttrs,
  kernel: readonly [number, number],
): readonly AxisRegions[] {
  const from = shapes.get(x)! as readonly number[];
  const into = shapes.get(y)! as readonly number[];
  return ([0, 1] as const).map((axis) =>
    regions({
      size: from[2 + axis],
      out: into[2 + axis],
      kernel: kernel[axis],
      stride: strides[axis],
      pad: pads[axis],
      dilation: dilations[axis],
    })
  );
}
