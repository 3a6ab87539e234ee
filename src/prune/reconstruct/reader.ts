/** A layer that reads channels of which some may go, as far as second moments tell of it: all that reconstruction computes with. */
import type { SecondMoments } from "../../train/evidence/evidence.ts";

/** y = W x + b, and how the x vary. */
export interface Reader {
  /** Columns of W: numbers of x. */
  readonly inputs: number;
  /** Rows of W: numbers of y. */
  readonly outputs: number;
  /** W, [outputs, inputs], row by row. */
  readonly weight: Float64Array;
  /** Of the x, with the ridge on its diagonal. */
  readonly moments: Moments;
  /** The columns of each group that may go. Columns of none stay. */
  readonly groups: readonly (readonly number[])[];
}

/** Means and covariance of rows x. */
export interface Moments {
  /** [n]; 0 where the layer has no place for a bias, and the covariance isn't centred then. */
  readonly mean: Float64Array;
  /** [n, n], row by row: E[(x − mean)(x − mean)ᵀ]. */
  readonly covariance: Float64Array;
}

/**
 * Means and covariance from sums of products. Without an `intercept` nothing can make up for means: they count as 0, and
 * E[x xᵀ] stands for the covariance.
 */
export function momentsOf({ n, sums }: SecondMoments, intercept: "intercept" | "none"): Moments {
  const [size, count] = [n - 1, sums[n * n - 1]];
  const mean = new Float64Array(size);
  if (intercept === "intercept") mean.forEach((_, i) => mean[i] = sums[(n - 1) * n + i] / count);
  const covariance = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) covariance[i * size + j] = sums[i * n + j] / count - mean[i] * mean[j];
  }
  return { mean, covariance };
}

/**
 * How much of the mean variance is to be added to each variance, so that the covariance of `samples` rows stands for that of
 * all there are: ρ/(1 − ρ) with the oracle approximating shrinkage ρ of Chen, Wiesel, Eldar and Hero 2010, "Shrinkage
 * Algorithms for MMSE Covariance Estimation", eq. 23. It goes to 0 as samples come in, and is Infinity where they tell nothing.
 */
export function shrinkage({ covariance, mean: { length: p } }: Moments, samples: number): number {
  let [trace, squares] = [0, 0];
  for (let i = 0; i < p; i++) trace += covariance[i * p + i];
  for (const value of covariance) squares += value ** 2;
  const over = (1 - 2 / p) * squares + trace ** 2;
  const under = (samples + 1 - 2 / p) * (squares - trace ** 2 / p);
  const rho = under > 0 ? Math.min(1, over / under) : 1;
  return rho / (1 - rho);
}

/** The same moments with `ridge` times the mean variance added to each variance. */
export function withRidge({ mean, covariance }: Moments, ridge: number): Moments {
  const p = mean.length;
  const ridged = covariance.slice();
  let variance = 0;
  for (let i = 0; i < p; i++) variance += covariance[i * p + i] / p;
  // Where nothing varies, all weights do equally well.
  const added = variance > 0 ? ridge * variance : 1;
  for (let i = 0; i < p; i++) ridged[i * p + i] += added;
  return { mean, covariance: ridged };
}
