/** First values of a graph's parameters. */

import { random } from "../../kernels/random/philox.ts";
import { elements } from "../tensor/tensor.ts";
import { inferShapes } from "./infer.ts";
import { consumers } from "./names.ts";
import { isLayer } from "./roles.ts";
import type { Graph, HostTensor, Params, Shape } from "./types.ts";

/**
 * Random weights, the same for the same graph and seed; each parameter has a stream of its own, so adding a layer
 * leaves the others' values.
 *
 * - a convolution that feeds a batch norm: Kaiming normal over the fan-out, σ = √(2 / (F/group · KH · KW)), bias 0
 *   (He et al. 2015; torchvision's ResNet)
 * - other convolutions and Gemm: uniform in ±1/√fan-in, bias too (PyTorch's default)
 * - the matrix of a MatMul: uniform in ±1/√K
 * - slopes of a PRelu: 0.25 (He et al. 2015; PyTorch's default)
 * - norms: γ 1, β 0, mean 0, variance 1; scales of a Mul 1, biases of an Add and border tables 0
 */
export function initialise(graph: Graph, seed: number): Params {
  const shapes = inferShapes(graph);
  const readers = consumers(graph);
  const params = new Map<string, HostTensor>();
  for (const [name, { shape, role }] of Object.entries(graph.params)) {
    const data = new Float32Array(elements(shape));
    const [reader] = readers.get(name) ?? [];
    if (reader && isLayer(reader)) {
      const rng = random(seed, `init/${name}`);
      const weight = graph.params[reader.inputs[1]].shape;
      const normalised = readers.get(reader.outputs[0])?.some(({ op }) => op === "BatchNormalization");
      if (!normalised) {
        const bound = 1 / Math.sqrt(elements(weight.slice(1)));
        rng.fillUniform(data, 0, -bound, bound);
      } else if (role === "weight") {
        rng.fillNormal(data, 0, 0, Math.sqrt(2 / fanOut(weight, shapes.get(reader.inputs[0])!)));
      }
    } else if (reader?.op === "MatMul") {
      const bound = 1 / Math.sqrt(shape[0]);
      random(seed, `init/${name}`).fillUniform(data, 0, -bound, bound);
    } else if (role === "gamma" || role === "variance" || role === "weight") {
      data.fill(1);
    } else if (role === "slope") {
      data.fill(0.25);
    }
    params.set(name, { shape, data });
  }
  return params;
}

/** How many outputs one input reaches: F/group · KH · KW; on kept columns the mean of that over the input channels. */
function fanOut(weight: readonly number[], input: Shape): number {
  return elements(weight) / (input[1] as number);
}
