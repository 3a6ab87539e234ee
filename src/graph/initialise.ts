/** First values of a graph's parameters. */

import { random } from "../../kernels/random/philox.ts";
import { elements } from "../tensor/tensor.ts";
import { inferShapes } from "./infer.ts";
import { consumers } from "./names.ts";
import { opOf } from "./ops/ops.ts";
import { hasFilterRows, isBatchNorm, mixesChannels } from "./roles.ts";
import type { Graph, HostTensor, Node, Params, Shape } from "./types.ts";

/**
 * Random weights, the same for the same graph and seed; each parameter has a stream of its own, so adding a layer
 * leaves the others' values. What a parameter's `init` says comes first; the bias of a layer whose weight has one is 0.
 * Of the others:
 *
 * - a convolution that feeds a batch norm: Kaiming normal over the fan-out, σ = √(2 / (F/group · KH · KW)), bias 0
 *   (He et al. 2015; torchvision's ResNet)
 * - other convolutions and Gemm: uniform in ±1/√fan-in, bias too (PyTorch's default)
 * - the matrix of a MatMul: uniform in ±1/√K
 * - slopes of a PRelu: 0.25 (He et al. 2015; PyTorch's default)
 * - norms: γ 1, β 0, mean 0, variance 1; scales of a Mul 1, biases of an Add and tables 0
 */
export function initialise(graph: Graph, seed: number): Params {
  const shapes = inferShapes(graph);
  const readers = consumers(graph);
  const params = new Map<string, HostTensor>();
  for (const [name, { shape }] of Object.entries(graph.params)) {
    const data = new Float32Array(elements(shape));
    const draw = drawing(graph, name, shapes, readers);
    if ("constant" in draw) data.fill(draw.constant);
    else if ("normal" in draw) random(seed, `init/${name}`).fillNormal(data, 0, 0, draw.normal);
    else random(seed, `init/${name}`).fillUniform(data, 0, -draw.bound, draw.bound);
    params.set(name, { shape, data });
  }
  return params;
}

type Draw = { readonly constant: number } | { readonly normal: number } | { readonly bound: number };

function drawing(
  graph: Graph,
  name: string,
  shapes: ReadonlyMap<string, Shape>,
  readers: ReadonlyMap<string, readonly Node[]>,
): Draw {
  const { shape, role, init } = graph.params[name];
  const [reader] = readers.get(name) ?? [];
  const he = () => ({ normal: Math.sqrt(2 / fanOut(shape, shapes.get(reader.inputs[0])!)) });
  if (init !== undefined) return init === "he" ? he() : init;
  if (reader && hasFilterRows(reader)) {
    const weight = graph.params[reader.inputs[1]];
    const normalised = readers.get(reader.outputs[0])?.some(isBatchNorm);
    if (role === "bias" && (normalised || weight.init !== undefined)) return { constant: 0 };
    return normalised ? he() : { bound: 1 / Math.sqrt(elements(weight.shape.slice(1))) };
  }
  if (reader && opOf(reader).inference.kind === "layer") return { bound: 1 / Math.sqrt(shape[0]) };
  // As PyTorch does for transposed convolutions, whose weight is [C,F/group,KH,KW].
  if (reader && mixesChannels(reader)) {
    return { bound: 1 / Math.sqrt(elements(graph.params[reader.inputs[1]].shape.slice(1))) };
  }
  if (role === "slope") return { constant: 0.25 };
  return { constant: role === "gamma" || role === "variance" || role === "weight" ? 1 : 0 };
}

/** How many outputs one input reaches: F/group · KH · KW; on kept columns the mean of that over the input channels. */
function fanOut(weight: readonly number[], input: Shape): number {
  return elements(weight) / (input[1] as number);
}
