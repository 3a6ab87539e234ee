/**
 * The scores qᵀk of a head with fewer dimensions: of all of rank r those nearest to the old ones, over every pair of a query and a
 * key that calibration has seen.
 *
 * Σ_ij (q_iᵀk_j − q_iᵀ A Bᵀ k_j)² is ‖L_Qᵀ (I − A Bᵀ) L_K‖_F² with Σ q qᵀ = L_Q L_Qᵀ and Σ k kᵀ = L_K L_Kᵀ, so that the best
 * A Bᵀ of rank r is L_Q⁻ᵀ U_r S_r V_rᵀ L_K⁻¹ with U S Vᵀ = L_Qᵀ L_K (Eckart and Young 1936). Keeping r of the dimensions and
 * fitting a mixture of them (I + M, docs/pipeline.md) is one such A Bᵀ, and never better.
 */
import { factored, solveInPlace } from "./cholesky.ts";

/** Mixtures of a head's dimensions that take their place: q′ = Aᵀ q and k′ = Bᵀ k. */
export interface ScoreFit {
  /** A, [depth, rank], row by row. */
  readonly q: Float64Array;
  /** B, [depth, rank], row by row. */
  readonly k: Float64Array;
  /** Σ over pairs of the squared error of the scores, ridges included. */
  readonly error: number;
}

/** What calibration has seen of a head, and how many dimensions it is to have. */
export interface ScoreFitOptions {
  /** Σ q qᵀ, [depth, depth]. */
  readonly queries: Float64Array;
  /** Σ k kᵀ, [depth, depth]. */
  readonly keys: Float64Array;
  readonly depth: number;
  readonly rank: number;
  /** What is added to both diagonals, relative to their means. */
  readonly ridge: number;
}

export function fitScores({ queries, keys, depth, rank, ridge }: ScoreFitOptions): ScoreFit {
  const [ofQ, ofK] = [queries, keys].map((gram) => factored(gram, depth, ridge * meanDiagonal(gram, depth)));
  const product = new Float64Array(depth * depth);
  for (let i = 0; i < depth; i++) {
    for (let j = 0; j < depth; j++) {
      for (let m = Math.max(i, j); m < depth; m++) product[i * depth + j] += ofQ[m * depth + i] * ofK[m * depth + j];
    }
  }
  const { left, values, right } = singularValues(product, depth);
  const part = (lower: Float64Array, vectors: Float64Array) => {
    const made = new Float64Array(depth * rank);
    for (let r = 0; r < rank; r++) {
      const root = Math.sqrt(values[r]);
      // L⁻ᵀ y = (L Lᵀ)⁻¹ L y.
      const column = Float64Array.from({ length: depth }, (_, i) => {
        let sum = 0;
        for (let j = 0; j <= i; j++) sum += lower[i * depth + j] * vectors[j * depth + r];
        return root * sum;
      });
      solveInPlace(lower, depth, column);
      column.forEach((value, i) => made[i * rank + r] = value);
    }
    return made;
  };
  const error = values.slice(rank).reduce((sum, value) => sum + value ** 2, 0);
  return { q: part(ofQ, left), k: part(ofK, right), error };
}

function meanDiagonal(gram: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += gram[i * n + i];
  return sum / n;
}

const SWEEPS = 60;

/** U S Vᵀ = A by one-sided Jacobi rotations (Hestenes 1958), largest first; U and V are [n, n], row by row. */
export function singularValues(a: Float64Array, n: number) {
  const work = a.slice(), right = new Float64Array(n * n);
  for (let i = 0; i < n; i++) right[i * n + i] = 1;
  const dot = (p: number, q: number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += work[i * n + p] * work[i * n + q];
    return sum;
  };
  const rotate = (m: Float64Array, p: number, q: number, c: number, s: number) => {
    for (let i = 0; i < n; i++) {
      const [x, y] = [m[i * n + p], m[i * n + q]];
      m[i * n + p] = c * x - s * y;
      m[i * n + q] = s * x + c * y;
    }
  };
  for (let sweep = 0, turned = true; turned && sweep < SWEEPS; sweep++) {
    turned = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const [pp, qq, pq] = [dot(p, p), dot(q, q), dot(p, q)];
        if (Math.abs(pq) <= 1e-15 * Math.sqrt(pp * qq)) continue;
        turned = true;
        const zeta = (qq - pp) / (2 * pq);
        const t = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta ** 2));
        const c = 1 / Math.sqrt(1 + t ** 2);
        for (const matrix of [work, right]) rotate(matrix, p, q, c, c * t);
      }
    }
  }
  const norms = Float64Array.from({ length: n }, (_, j) => Math.sqrt(dot(j, j)));
  const order = Array.from(norms.keys()).sort((x, y) => norms[y] - norms[x]);
  const columns = (of: (i: number, j: number) => number) =>
    Float64Array.from({ length: n * n }, (_, e) => of(Math.floor(e / n), order[e % n]));
  return {
    values: Float64Array.from(order, (j) => norms[j]),
    left: columns((i, j) => norms[j] > 0 ? work[i * n + j] / norms[j] : 0),
    right: columns((i, j) => right[i * n + j]),
  };
}
