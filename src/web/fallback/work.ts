/** The layers of a network that do its multiply-adds, as shapes: what is timed where there is no WebGPU. */
import { UserError } from "../../errors.ts";
import { columnConvAttrs, convAttrs } from "../../graph/attrs.ts";
import { inferShapes } from "../../graph/infer.ts";
import { concrete } from "../../graph/shapes.ts";
import { hasFilterRows } from "../../graph/roles.ts";
import type { Graph, Node, OpName } from "../../graph/types.ts";

/** One number of a filter: its channel within the group, its row and its column. */
export type Tap = readonly [channel: number, row: number, column: number];

/** A convolution; a product of matrices is one of 1×1 on images of one pixel. */
export interface LayerWork {
  readonly layer: string;
  readonly op: OpName;
  readonly node: Node;
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** Above and to the left; below and to the right follows from the output's size. */
  readonly pads: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Does a filter hold all columns of the matrix, or a list of kept ones? */
  readonly columns: "all" | "kept";
  /** What a filter holds, in the order of its weights: of a ColumnConv the kept ones, else all. */
  readonly taps: readonly Tap[];
  /** For one image. */
  readonly macs: number;
}

/** @throws UserError naming a layer of a kind that isn't timed without WebGPU */
export function layersOf(graph: Graph, batch: number): LayerWork[] {
  const shapes = inferShapes(graph);
  return graph.nodes.filter(hasFilterRows).map((node) => {
    const weight = graph.params[node.inputs[1]]?.shape;
    if (!weight) throw new UserError(`${node.op} "${node.name}" computes its weight: that isn't timed without WebGPU`);
    const [x, y] = [node.inputs[0], node.outputs[0]].map((name) => concrete(shapes.get(name)!, batch));
    return workOf(node, image(x), weight, image(y));
  });
}

/** [N,K] is an image of one pixel. */
function image(shape: readonly number[]): readonly number[] {
  return shape.length === 2 ? [...shape, 1, 1] : shape;
}

function workOf(node: Node, x: readonly number[], weight: readonly number[], y: readonly number[]): LayerWork {
  const { strides, pads, dilations, group } = convAttrs(node);
  const columns = node.attrs.taps === undefined ? undefined : columnConvAttrs(node);
  const [filters, , kh = 1, kw = 1] = weight;
  const kernel = columns?.kernel ?? [kh, kw];
  const all = Array.from({ length: x[1] / group * kernel[0] * kernel[1] }, (_, tap) => tap);
  const taps = (columns?.taps ?? all).map((tap): Tap => [
    Math.floor(tap / (kernel[0] * kernel[1])),
    Math.floor(tap / kernel[1]) % kernel[0],
    tap % kernel[1],
  ]);
  return {
    layer: node.name,
    op: node.op,
    node,
    batch: x[0],
    channels: x[1],
    height: x[2],
    width: x[3],
    filters,
    columns: columns ? "kept" : "all",
    taps,
    kernel: [kernel[0], kernel[1]],
    stride: [strides[0], strides[1]],
    pads: [pads[0], pads[1]],
    dilation: [dilations[0], dilations[1]],
    groups: group,
    outHeight: y[2],
    outWidth: y[3],
    macs: filters * taps.length * y[2] * y[3],
  };
}
