/** Normalisation: y = γ · (x − μ) / √(σ² + ε) + β, by the statistics of channels, groups of channels, or rows. */

import { batchNormAttrs, groupNormAttrs, layerNormAttrs } from "../attrs.ts";
import type { Node } from "../types.ts";
import { type Array64, plane, size, zeros } from "./array.ts";

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

/** Each row of the last axis by its own statistics; γ and, unless it is left out, β per place in it. */
export function layerNorm(node: Node, [x, gamma, beta]: readonly Array64[]): Array64 {
  const [length] = gamma.shape;
  return normalised(
    x,
    length,
    layerNormAttrs(node).epsilon,
    (i) => gamma.data[i % length],
    (i) => beta?.data[i % length] ?? 0,
  );
}

/** Each sample's groups of neighbouring channels by their own statistics; γ and β per channel. */
export function groupNorm(node: Node, [x, gamma, beta]: readonly Array64[]): Array64 {
  const { epsilon, groups } = groupNormAttrs(node);
  const pixels = plane(x.shape);
  const channel = (i: number) => Math.floor(i / pixels) % x.shape[1];
  const length = size(x.shape.slice(1)) / groups;
  return normalised(x, length, epsilon, (i) => gamma.data[channel(i)], (i) => beta.data[channel(i)]);
}

function normalised(
  x: Array64,
  length: number,
  epsilon: number,
  gamma: (i: number) => number,
  beta: (i: number) => number,
): Array64 {
  const y = zeros(x.shape);
  for (let first = 0; first < x.data.length; first += length) {
    const row = x.data.subarray(first, first + length);
    const mean = row.reduce((sum, v) => sum + v, 0) / length;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / length;
    row.forEach((v, i) => {
      y.data[first + i] = gamma(first + i) * (v - mean) / Math.sqrt(variance + epsilon) + beta(first + i);
    });
  }
  return y;
}
