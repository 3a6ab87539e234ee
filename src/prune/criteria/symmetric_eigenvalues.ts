/** Eigenvalues of a symmetric matrix, in float64: Householder's reduction to three diagonals, then QL with implicit shifts. */

/** Turns of QL for one eigenvalue; two or three are usual. */
const TURNS = 60;

/**
 * @param matrix [n, n], row by row; only what it is on and below the diagonal counts
 * @returns n numbers in no order; within some n · 2⁻⁵² of the largest one's magnitude
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const { diagonal, beside } = tridiagonal(matrix.slice(), n);
  for (let first = 0; first < n; first++) {
    for (let turn = 0;; turn++) {
      // The block that begins here ends where a number beside the diagonal is negligible.
      let last = first;
      while (last < n - 1 && !negligible(beside[last], diagonal[last], diagonal[last + 1])) last++;
      if (last === first) break;
      if (turn === TURNS) throw new Error("eigenvalues: QL didn't converge");
      turnBlock(diagonal, beside, first, last);
    }
  }
  return diagonal;
}

function negligible(beside: number, a: number, b: number): boolean {
  const scale = Math.abs(a) + Math.abs(b);
  return scale + Math.abs(beside) === scale;
}

/** The diagonal, and at i what stands between i and i + 1. `a` is used up. */
function tridiagonal(a: Float64Array, n: number): { readonly diagonal: Float64Array; readonly beside: Float64Array } {
  const diagonal = new Float64Array(n), beside = new Float64Array(n);
  const v = new Float64Array(n), p = new Float64Array(n);
  for (let k = n - 1; k > 0; k--) {
    diagonal[k] = a[k * n + k];
    // Row k left of the diagonal becomes one number, by a reflection of the first k coordinates.
    let norm = 0;
    for (let j = 0; j < k; j++) norm = Math.hypot(norm, a[k * n + j]);
    const corner = a[k * n + k - 1];
    const target = corner > 0 ? -norm : norm;
    beside[k - 1] = norm === 0 ? 0 : target;
    if (norm === 0 || norm === Math.abs(corner)) {
      beside[k - 1] = corner;
      continue;
    }
    for (let j = 0; j < k; j++) v[j] = a[k * n + j];
    v[k - 1] -= target;
    const half = norm * (norm + Math.abs(corner));
    // A − v·qᵀ − q·vᵀ with p = A·v / half and q = p − (vᵀp / 2·half)·v.
    let product = 0;
    for (let i = 0; i < k; i++) {
      let sum = 0;
      for (let j = 0; j < k; j++) sum += (j <= i ? a[i * n + j] : a[j * n + i]) * v[j];
      p[i] = sum / half;
      product += p[i] * v[i];
    }
    const share = product / (2 * half);
    for (let i = 0; i < k; i++) p[i] -= share * v[i];
    for (let i = 0; i < k; i++) for (let j = 0; j <= i; j++) a[i * n + j] -= v[i] * p[j] + p[i] * v[j];
  }
  diagonal[0] = a[0];
  return { diagonal, beside };
}

/** One turn of QL on the block of rows first … last. */
function turnBlock(d: Float64Array, e: Float64Array, first: number, last: number): void {
  let g = (d[first + 1] - d[first]) / (2 * e[first]);
  let r = Math.hypot(g, 1);
  g = d[last] - d[first] + e[first] / (g + (g >= 0 ? r : -r));
  let sine = 1, cosine = 1, shift = 0;
  for (let i = last - 1; i >= first; i--) {
    const f = sine * e[i], b = cosine * e[i];
    r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      d[i + 1] -= shift;
      e[last] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1] - shift;
    r = (d[i] - g) * sine + 2 * cosine * b;
    shift = sine * r;
    d[i + 1] = g + shift;
    g = cosine * r - b;
  }
  d[first] -= shift;
  e[first] = g;
  e[last] = 0;
}
