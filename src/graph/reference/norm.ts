/** Batch normalisation: y = γ · (x − μ) / √(σ² + ε) + β per channel. */

import { batchNormAttrs } from "../attrs.ts";
import type { Node } from "../types.ts";
import { type Array64, plane, zeros } from "./array.ts";

/** With the running statistics. */
export function batchNorm(node: Node, [x, gamma, beta, mean, variance]: readonly Array64[]): Array64 {
  const { epsilon } = batchNormAttrs(node);
  const y = zeros(x.shape);
  const [, channels] = x.shape;
  const pixels = plane(x.shape);
  for (let i = 0; i < x.data.length; i++) {
    const c = Math.floor(i / pixels) % channels;
    y.data[i] = gamma.data[c] * (x.data[i] - mean.data[c]) / Math.sqrt(variance.data[c] + epsilon) + beta.data[c];
  }
  return y;
}

/** With the batch's own statistics, as in training. */
export function batchNormTraining(node: Node, [x, gamma, beta]: readonly Array64[]): Array64 {
  const { mean, variance } = batchStatistics(x);
  return batchNorm(node, [x, gamma, beta, mean, variance]);
}

/** Mean and biased variance (divided by the count) of each channel over batch and pixels; both [C]. */
export function batchStatistics(x: Array64): { readonly mean: Array64; readonly variance: Array64 } {
  const [batch, channels] = x.shape;
  const pixels = plane(x.shape);
  const count = batch * pixels;
  const mean = zeros([channels]);
  const variance = zeros([channels]);
  const channel = (i: number) => Math.floor(i / pixels) % channels;
  x.data.forEach((v, i) => mean.data[channel(i)] += v / count);
  x.data.forEach((v, i) => variance.data[channel(i)] += (v - mean.data[channel(i)]) ** 2 / count);
  return { mean, variance };
}
