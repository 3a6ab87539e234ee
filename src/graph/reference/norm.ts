/** Normalisation: y = γ · (x − μ) / √(σ² + ε) + β, by the statistics of channels, groups of channels, or rows. */

import { elements } from "../../tensor/tensor.ts";
import { type Array64, plane, zeros } from "./array.ts";

interface Epsilon {
  readonly epsilon: number;
}

/** With the running statistics, or in mode "train" with the batch's own. */
export function batchNormReference(
  [x, gamma, beta, runningMean, runningVariance]: readonly Array64[],
  { epsilon }: Epsilon,
  _: readonly number[],
  mode: "eval" | "train",
): Array64 {
  const { mean, variance } = mode === "train" ? batchStatistics(x) : { mean: runningMean, variance: runningVariance };
  const y = zeros(x.shape);
  const [, channels] = x.shape;
  const pixels = plane(x.shape);
  for (let i = 0; i < x.data.length; i++) {
    const c = Math.floor(i / pixels) % channels;
    y.data[i] = gamma.data[c] * (x.data[i] - mean.data[c]) / Math.sqrt(variance.data[c] + epsilon) + beta.data[c];
  }
  return y;
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
export function layerNormReference([x, gamma, beta]: readonly Array64[], { epsilon }: Epsilon): Array64 {
  const [length] = gamma.shape;
  return normalised(x, length, epsilon, (i) => gamma.data[i % length], (i) => beta?.data[i % length] ?? 0);
}

/** Each sample's groups of neighbouring channels by their own statistics; γ and β per channel. */
export function groupNormReference(
  [x, gamma, beta]: readonly Array64[],
  { epsilon, groups }: Epsilon & { readonly groups: number },
): Array64 {
  const pixels = plane(x.shape);
  const channel = (i: number) => Math.floor(i / pixels) % x.shape[1];
  const length = elements(x.shape.slice(1)) / groups;
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
