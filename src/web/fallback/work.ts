/** The layers of a network that do its multiply-adds, as shapes: what is timed where there is no WebGPU. */
import { UserError } from "../../errors.ts";
import { convAttrs } from "../../graph/attrs.ts";
import { concrete, inferShapes } from "../../graph/infer.ts";
import { isLayer } from "../../graph/roles.ts";
import type { Graph, Node } from "../../graph/types.ts";

/** A convolution; a product of matrices is one of 1×1 on images of one pixel. */
export interface LayerWork {
  readonly layer: string;
  readonly op: "Conv" | "Gemm";
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
  /** For one image. */
  readonly macs: number;
}

/** @throws UserError naming a layer of a kind that isn't timed without WebGPU */
export function layersOf(graph: Graph, batch: number): LayerWork[] {
  const shapes = inferShapes(graph);
  return graph.nodes.filter(isLayer).map((node) => {
    const [x, weight] = [shapes.get(node.inputs[0])!, graph.params[node.inputs[1]]?.shape];
    if ((node.op !== "Conv" && node.op !== "Gemm") || !weight) {
      throw new UserError(`${node.op} "${node.name}" isn't timed without WebGPU: convolutions and Gemm are`);
    }
    return node.op === "Conv"
      ? convWork(node, concrete(x, batch), weight, concrete(shapes.get(node.outputs[0])!, batch))
      : gemmWork(node, concrete(x, batch), weight);
  });
}

function convWork(node: Node, x: readonly number[], weight: readonly number[], y: readonly number[]): LayerWork {
  const { strides, pads, dilations, group } = convAttrs(node);
  const [batch, channels, height, width] = x;
  const [filters, perGroup, kh, kw] = weight;
  return {
    ...{ layer: node.name, op: "Conv", node, batch, channels, height, width, filters, kernel: [kh, kw] },
    stride: [strides[0], strides[1]],
    pads: [pads[0], pads[1]],
    dilation: [dilations[0], dilations[1]],
    groups: group,
    outHeight: y[2],
    outWidth: y[3],
    macs: filters * perGroup * kh * kw * y[2] * y[3],
  };
}

function gemmWork(node: Node, [batch]: readonly number[], [filters, channels]: readonly number[]): LayerWork {
  return {
    ...{ layer: node.name, op: "Gemm", node, batch, channels, height: 1, width: 1, filters, groups: 1 },
    ...{ kernel: [1, 1], stride: [1, 1], pads: [0, 0], dilation: [1, 1], outHeight: 1, outWidth: 1 },
    macs: filters * channels,
  };
}
