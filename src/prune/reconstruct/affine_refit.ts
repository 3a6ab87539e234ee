/** What stays of a layer's inputs takes over what those that go have done, by a closed form. */
import { factored, solveInPlace } from "./cholesky.ts";
import type { LinearFit } from "./least_squares.ts";
import type { Moments, Reader } from "./reader.ts";

/** x_P ≈ A x_S + c for removed columns P and those that stay, S. */
export interface AffineMap {
  /** The columns that stay, ascending. */
  readonly kept: readonly number[];
  /** A, [removed, kept], row by row. */
  readonly map: Float64Array;
  /** c, [removed] */
  readonly shift: Float64Array;
}

/** How much of a removed input is made up for: nothing; its mean, in the bias; or all that those that stay tell of it. */
export type RefitKind = "none" | "bias" | "affine";

/** A = Σ_PS Σ_SS⁻¹ and c = μ_P − A μ_S, the ridge being in Σ already. */
export function affineMap({ mean, covariance }: Moments, removed: readonly number[]): AffineMap {
  const n = mean.length;
  const gone = new Set(removed);
  const kept = Array.from({ length: n }, (_, i) => i).filter((i) => !gone.has(i));
  const size = kept.length;
  const inner = new Float64Array(size * size);
  kept.forEach((i, a) => kept.forEach((j, b) => inner[a * size + b] = covariance[i * n + j]));
  const lower = factored(inner, size, 0);
  const map = new Float64Array(removed.length * size);
  const shift = new Float64Array(removed.length);
  removed.forEach((p, r) => {
    const row = map.subarray(r * size, (r + 1) * size);
    kept.forEach((i, a) => row[a] = covariance[p * n + i]);
    solveInPlace(lower, size, row);
    shift[r] = kept.reduce((sum, i, a) => sum - row[a] * mean[i], mean[p]);
  });
  return { kept, map, shift };
}

/**
 * The layer without some of its inputs: W'_S = W_S + W_P A and b' = b + W_P c; their columns of W' are 0. With A = 0 it is the
 * bias of FLAP (An et al. 2024, "Fluctuation-based Adaptive Structured Pruning for Large Language Models"), b' = b + W_P μ_P.
 *
 * @returns the weight, and what the bias has to gain: it is added to whatever the bias is
 */
export function refitted(
  { weight, inputs, outputs, moments }: Reader,
  removed: readonly number[],
  how: RefitKind,
): LinearFit {
  const fitted = weight.slice();
  const bias = new Float64Array(outputs);
  const { kept, map, shift } = how === "affine"
    ? affineMap(moments, removed)
    : { kept: [], map: new Float64Array(), shift: removed.map((p) => how === "bias" ? moments.mean[p] : 0) };
  for (let o = 0; o < outputs; o++) {
    const row = fitted.subarray(o * inputs, (o + 1) * inputs);
    removed.forEach((p, r) => {
      const w = row[p];
      row[p] = 0;
      if (w === 0) return;
      bias[o] += w * shift[r];
      kept.forEach((i, a) => row[i] += w * map[r * kept.length + a]);
    });
  }
  return { weight: fitted, bias };
}
