export interface Moments {
  readonly mean: Float64Array;
  /** Biased. */
  readonly variance: Float64Array;
}

/** Mean and biased variance per channel of x [N, channels, inner]. */
export function batchMoments(x: Float64Array, channels: number, inner: number): Moments {
  const mean = new Float64Array(channels), variance = new Float64Array(channels);
  const each = x.length / channels;
  const channelOf = (i: number) => Math.floor(i / inner) % channels;
  x.forEach((v, i) => mean[channelOf(i)] += v / each);
  x.forEach((v, i) => variance[channelOf(i)] += (v - mean[channelOf(i)]) ** 2 / each);
  return { mean, variance };
}

/** (x − mean)/√(variance + ε)·γ + β per channel of x [N, C, inner]. */
export function batchNormOf(
  x: Float64Array,
  inner: number,
  gamma: Float64Array,
  beta: Float64Array,
  { mean, variance }: Moments,
  epsilon: number,
): Float64Array {
  return x.map((v, i) => {
    const c = Math.floor(i / inner) % gamma.length;
    return (v - mean[c]) / Math.sqrt(variance[c] + epsilon) * gamma[c] + beta[c];
  });
}

/** Each `length` neighbours of x normalised to mean 0 and variance 1, then scaled and shifted by `affine(index)`. */
export function normaliseRows(
  x: Float64Array,
  length: number,
  epsilon: number,
  affine: (index: number) => readonly [gamma: number, beta: number],
): Float64Array {
  const y = new Float64Array(x.length);
  for (let first = 0; first < x.length; first += length) {
    const row = x.subarray(first, first + length);
    const mean = row.reduce((sum, v) => sum + v / length, 0);
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2 / length, 0);
    row.forEach((v, i) => {
      const [gamma, beta] = affine(first + i);
      y[first + i] = (v - mean) / Math.sqrt(variance + epsilon) * gamma + beta;
    });
  }
  return y;
}
