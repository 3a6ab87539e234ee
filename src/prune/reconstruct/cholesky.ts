/** Symmetric positive definite matrices, row by row, in float64. */

/** Of the largest diagonal entry: where rounding has left less than nothing, this is added first. */
const LEAST_SHIFT = 1e-12;

/** L with L·Lᵀ = A + shift·I; the shift grows until the matrix is positive definite. Of A only the lower half is read. */
export function factored(a: Float64Array, n: number, shift: number): Float64Array {
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, a[i * n + i]);
  // Where nothing varies any factor does: the right sides are 0.
  const least = largest > 0 ? LEAST_SHIFT * largest : 1;
  for (let by = shift;; by = Math.max(10 * by, least)) {
    const lower = cholesky(a, n, by);
    if (lower) return lower;
  }
}

/** L with L·Lᵀ = A + shift·I; undefined where that is not positive definite. */
function cholesky(a: Float64Array, n: number, shift: number): Float64Array | undefined {
  const lower = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j <= i; j++) {
      const other = j * n;
      let sum = a[row + j] + (i === j ? shift : 0);
      for (let k = 0; k < j; k++) sum -= lower[row + k] * lower[other + k];
      if (i > j) lower[row + j] = sum / lower[other + j];
      else if (sum > 0) lower[row + i] = Math.sqrt(sum);
      else return undefined;
    }
  }
  return lower;
}

/** Solves L·Lᵀ·x = b, b given in x. */
export function solveInPlace(lower: Float64Array, n: number, x: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let sum = x[i];
    for (let k = 0; k < i; k++) sum -= lower[i * n + k] * x[k];
    x[i] = sum / lower[i * n + i];
  }
  for (let i = n - 1; i >= 0; i--) {
    x[i] /= lower[i * n + i];
    for (let k = 0; k < i; k++) x[k] -= lower[i * n + k] * x[i];
  }
}

/** The inverse of L·Lᵀ, [n, n]. */
export function inverseOf(lower: Float64Array, n: number): Float64Array {
  // Both substitutions read rows, which lie one number beside the other.
  const upper = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let k = 0; k <= i; k++) upper[k * n + i] = lower[i * n + k];
  const inverse = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    const x = inverse.subarray(column * n, (column + 1) * n);
    // What stands above the one stays 0.
    for (let i = column; i < n; i++) {
      let sum = i === column ? 1 : 0;
      for (let k = column, row = i * n; k < i; k++) sum -= lower[row + k] * x[k];
      x[i] = sum / lower[i * n + i];
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = x[i];
      for (let k = i + 1, row = i * n; k < n; k++) sum -= upper[row + k] * x[k];
      x[i] = sum / upper[i * n + i];
    }
  }
  return inverse;
}
