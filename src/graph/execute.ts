/** Runs a graph node by node with differentiable ops: how training sees a network, and the plan's unfused twin. */
import { attention } from "../tensor/ops/attention.ts";
import { columnConv2d, type ColumnConvOptions, conv2d, type ConvOptions } from "../tensor/ops/conv.ts";
import { dropout } from "../tensor/ops/dropout.ts";
import { linear, matmul } from "../tensor/ops/gemm.ts";
import { groupNorm, layerNorm } from "../tensor/ops/group_norm.ts";
import { borderBias } from "../tensor/ops/border.ts";
import type { NormActivation } from "../../kernels/norm/batch_norm.ts";
import { batchNorm } from "../tensor/ops/norm.ts";
import {
  add,
  clip,
  div,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mul,
  prelu,
  relu,
  sigmoid,
  sub,
  tanh,
} from "../tensor/ops/pointwise.ts";
import { averagePool, globalAveragePool, maxPool } from "../tensor/ops/pool.ts";
import { concat, gather, pad, reshape, slice, transpose } from "../tensor/ops/shape.ts";
import { meanOver } from "../tensor/ops/reduce.ts";
import { resize } from "../tensor/ops/resize.ts";
import { softmax } from "../tensor/ops/softmax.ts";
import type { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  attentionAttrs,
  batchNormAttrs,
  borderBiasAttrs,
  clipAttrs,
  columnConvAttrs,
  convAttrs,
  dropoutAttrs,
  gatherAttrs,
  geluAttrs,
  groupNormAttrs,
  hardSigmoidAttrs,
  layerNormAttrs,
  leakyReluAttrs,
  padAttrs,
  poolAttrs,
  reduceMeanAttrs,
  resizeAttrs,
  sliceAttrs,
  transposeAttrs,
} from "./attrs.ts";
import { activationOf } from "./fuse.ts";
import { concrete, inferNode } from "./infer.ts";
import type { Graph, Node, OpName } from "./types.ts";

export interface ExecuteOptions {
  /** Of dropout; default 0. */
  readonly seed?: number;
  /** Training step, which dropout draws anew for; default 0. */
  readonly step?: number;
  /** Of all batch norms' running statistics, in place of their own: for recalibration. */
  readonly momentum?: number;
}

interface OpContext extends ExecuteOptions {
  readonly tape: Tape;
}

type Execute = (ctx: OpContext, node: Node, inputs: readonly Tensor[]) => Tensor;

/**
 * The graph's first output for `input` (its only input, [N, …]). In a tape of mode "train" batch norms use the batch's
 * statistics and update the running ones in place, and dropout drops.
 */
export function execute(
  tape: Tape,
  graph: Graph,
  params: ReadonlyMap<string, Tensor>,
  input: Tensor,
  options: ExecuteOptions = {},
): Tensor {
  const ctx: OpContext = { tape, ...options };
  const values = new Map<string, Tensor>([[graph.inputs[0].name, input]]);
  const activations = activatedNorms(graph);
  const done = new Set(activations.values());
  for (const node of graph.nodes) {
    if (done.has(node)) continue;
    const inputs = node.inputs.map((name) => values.get(name) ?? params.get(name)!);
    const activation = activations.get(node);
    const y = activation ? normalised(ctx, node, inputs, activationOf(activation)!) : OPS[node.op](ctx, node, inputs);
    values.set((activation ?? node).outputs[0], y);
  }
  return values.get(graph.outputs[0])!;
}

/** Every operator that a graph can hold. The tests ask for a float64 oracle of each. */
export const OPS: Readonly<Record<OpName, Execute>> = {
  Conv: ({ tape }, node, [x, w, b]) => conv2d(tape, x, w, b, convOptions(node)),
  ColumnConv: ({ tape }, node, [x, w, b]) => columnConv2d(tape, x, w, b, columnConvOptions(node)),
  Gemm: ({ tape }, _node, [x, w, b]) => linear(tape, x, w, b),
  MatMul: ({ tape }, _node, [a, b]) => matmul(tape, a, b),
  BatchNormalization: (ctx, node, inputs) => normalised(ctx, node, inputs, "none"),
  LayerNormalization({ tape }, node, [x, gamma, beta]) {
    return layerNorm(tape, x, { gamma, beta }, layerNormAttrs(node).epsilon);
  },
  GroupNormalization({ tape }, node, [x, gamma, beta]) {
    const { groups, epsilon } = groupNormAttrs(node);
    return groupNorm(tape, x, { gamma, beta }, groups, epsilon);
  },
  Relu: ({ tape }, _node, [x]) => relu(tape, x),
  LeakyRelu: ({ tape }, node, [x]) => leakyRelu(tape, x, leakyReluAttrs(node).alpha),
  Clip({ tape }, node, [x]) {
    const { min, max } = clipAttrs(node);
    return clip(tape, x, min, max);
  },
  Gelu: ({ tape }, node, [x]) => gelu(tape, x, geluAttrs(node).approximate),
  Sigmoid: ({ tape }, _node, [x]) => sigmoid(tape, x),
  Tanh: ({ tape }, _node, [x]) => tanh(tape, x),
  HardSigmoid({ tape }, node, [x]) {
    const { alpha, beta } = hardSigmoidAttrs(node);
    return hardSigmoid(tape, x, alpha, beta);
  },
  HardSwish: ({ tape }, _node, [x]) => hardSwish(tape, x),
  Softmax: ({ tape }, _node, [x]) => softmax(tape, x),
  PRelu: ({ tape }, _node, [x, slope]) => prelu(tape, x, slope),
  Add: ({ tape }, _node, [a, b]) => add(tape, a, b),
  Sub: ({ tape }, _node, [a, b]) => sub(tape, a, b),
  Mul: ({ tape }, _node, [a, b]) => mul(tape, a, b),
  Div: ({ tape }, _node, [a, b]) => div(tape, a, b),
  MaxPool({ tape }, node, [x]) {
    const { kernel, strides, pads } = poolAttrs(node);
    return maxPool(tape, x, { kernel, strides, pads });
  },
  AveragePool({ tape }, node, [x]) {
    const { kernel, strides, pads, countIncludePad } = poolAttrs(node);
    return averagePool(tape, x, { kernel, strides, pads, over: countIncludePad ? "window" : "inside" });
  },
  GlobalAveragePool: ({ tape }, _node, [x]) => globalAveragePool(tape, x),
  ReduceMean({ tape }, node, [x]) {
    const { axes, keepdims } = reduceMeanAttrs(node, x.shape.length);
    return meanOver(tape, x, axes, keepdims);
  },
  Resize: ({ tape }, node, [x]) => resize(tape, x, resizeAttrs(node).scales),
  Flatten: reshaped,
  Reshape: reshaped,
  Transpose: ({ tape }, node, [x]) => transpose(tape, x, transposeAttrs(node, x.shape.length).perm),
  Concat: ({ tape }, _node, inputs) => concat(tape, inputs),
  Slice: ({ tape }, node, [x]) => slice(tape, x, sliceAttrs(node, x.shape)),
  Pad({ tape }, node, [x]) {
    const { begins, ends } = padAttrs(node, x.shape.length);
    return pad(tape, x, begins, ends);
  },
  Gather: ({ tape }, node, [x]) => gather(tape, x, gatherAttrs(node).indices),
  Dropout({ tape, seed = 0, step = 0 }, node, [x]) {
    return dropout(tape, x, dropoutAttrs(node).ratio, { seed, stream: node.name, step });
  },
  Identity: (_ctx, _node, [x]) => x,
  BorderBias({ tape }, node, [x, table]) {
    const { rows, cols } = borderBiasAttrs(node);
    return borderBias(tape, x, table, rows, cols);
  },
  Attention({ tape }, node, [q, k, v]) {
    return attention(tape, q, k, v, attentionAttrs(node, q.shape[q.shape.length - 1]).scale);
  },
};

export function convOptions(node: Node): ConvOptions {
  const { strides, pads, dilations, group } = convAttrs(node);
  return { stride: strides, pads, dilation: dilations, groups: group };
}

export function columnConvOptions(node: Node): ColumnConvOptions {
  const { strides, pads, dilations, kernel, taps } = columnConvAttrs(node);
  return { stride: strides, pads, dilation: dilations, kernel, taps };
}

function normalised(
  { tape, momentum }: OpContext,
  node: Node,
  [x, gamma, beta, mean, variance]: readonly Tensor[],
  activation: NormActivation,
): Tensor {
  const attrs = batchNormAttrs(node);
  const options = { ...attrs, momentum: momentum ?? attrs.momentum, activation };
  return batchNorm(tape, x, { gamma, beta, mean, variance }, options);
}

/** Each batch norm whose only reader is a ReLU or ReLU6, with that reader: both run in one kernel, forwards and backwards. */
function activatedNorms(graph: Graph): Map<Node, Node> {
  const readers = new Map<string, Node[]>(graph.nodes.map((node) => [node.outputs[0], []]));
  for (const node of graph.nodes) {
    for (const name of node.inputs) readers.get(name)?.push(node);
  }
  const found = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const [reader, ...others] = readers.get(node.outputs[0])!;
    const alone = others.length === 0 && !graph.outputs.includes(node.outputs[0]);
    if (node.op === "BatchNormalization" && alone && reader && activationOf(reader)) found.set(node, reader);
  }
  return found;
}

function reshaped({ tape }: OpContext, node: Node, [x]: readonly Tensor[]): Tensor {
  return reshape(tape, x, concrete(inferNode(node, [x.shape]), x.shape[0]));
}
