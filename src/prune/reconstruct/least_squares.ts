/** Linear least squares by the normal equations, in float64. */
import type { SecondMoments } from "../../train/evidence/evidence.ts";
import { factored, solveInPlace } from "./cholesky.ts";

/** y ≈ weight · x + bias. */
export interface LinearFit {
  /** [outputs, inputs], row by row. */
  readonly weight: Float64Array;
  /** [outputs] */
  readonly bias: Float64Array;
}

/** Of joint moments of rows [x, y, 1]: the x come first. */
export interface FitOptions {
  /** How many of the columns are x; the rest but for the ones are y. */
  readonly inputs: number;
  /** λ, relative to the mean variance of the x. */
  readonly ridge: number;
}

/** Sums of squares in float32 are known to within this part of themselves (SecondMoments); no ridge is below it. */
const ACCURACY = 1e-6;

/**
 * The weight and bias that minimise Σ‖y − W x − b‖² + λ·n·v̄·‖W‖², with n rows and v̄ the mean variance of the x: on centred
 * moments (S_xx + λ·n·v̄·I)·Wᵀ = S_xy, by Cholesky, and b = ȳ − W x̄. An x that never changes gets no weight.
 */
export function ridgeFit(moments: SecondMoments, { inputs, ridge }: FitOptions): LinearFit {
  const { n, sums } = moments;
  const [outputs, count] = [n - 1 - inputs, sums[n * n - 1]];
  const mean = (column: number) => sums[(n - 1) * n + column] / count;
  const centred = (i: number, j: number) => sums[i * n + j] - count * mean(i) * mean(j);
  const gram = new Float64Array(inputs * inputs);
  let [variance, energy] = [0, 0];
  for (let i = 0; i < inputs; i++) {
    for (let j = 0; j <= i; j++) gram[i * inputs + j] = centred(i, j);
    variance += gram[i * inputs + i] / inputs;
    energy += sums[i * n + i] / inputs;
  }
  const factor = factored(gram, inputs, Math.max(ridge * variance, ACCURACY * energy));
  const weight = new Float64Array(outputs * inputs);
  for (let o = 0; o < outputs; o++) {
    const row = weight.subarray(o * inputs, (o + 1) * inputs);
    for (let i = 0; i < inputs; i++) row[i] = centred(inputs + o, i);
    solveInPlace(factor, inputs, row);
  }
  const bias = Float64Array.from({ length: outputs }, (_, o) => {
    let sum = mean(inputs + o);
    for (let i = 0; i < inputs; i++) sum -= weight[o * inputs + i] * mean(i);
    return sum;
  });
  return { weight, bias };
}

/** Σ‖y − W x − b‖² over the rows that these moments are of, for any fit. */
export function squaredError({ n, sums }: SecondMoments, { weight, bias }: LinearFit): number {
  const [outputs, inputs] = [bias.length, n - 1 - bias.length];
  let error = 0;
  // e = [−W, I, −b] · [x, y, 1], so that Σe² is a quadratic form in the moments.
  const row = new Float64Array(n);
  for (let o = 0; o < outputs; o++) {
    row.fill(0);
    for (let i = 0; i < inputs; i++) row[i] = -weight[o * inputs + i];
    row[inputs + o] = 1;
    row[n - 1] = -bias[o];
    for (let i = 0; i < n; i++) {
      if (row[i] === 0) continue;
      let sum = 0;
      for (let j = 0; j < n; j++) sum += sums[i * n + j] * row[j];
      error += row[i] * sum;
    }
  }
  return error;
}

/** a += b, both of the same columns. */
export function addedMoments(a: SecondMoments, b: SecondMoments): SecondMoments {
  return { n: a.n, sums: a.sums.map((sum, i) => sum + b.sums[i]) };
}
