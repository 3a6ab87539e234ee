/** Eigenvalues and eigenvectors of symmetric matrices, in float64: Householder's reduction to three diagonals, QL with implicit shifts. */

/** Turns of QL for one eigenvalue; two or three are usual. */
const TURNS = 60;

/**
 * @param matrix [n, n], row by row; only what it is on and below the diagonal counts
 * @returns n numbers in no order; within some n · 2⁻⁵² of the largest one's magnitude
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  return diagonalised(matrix, n);
}

/**
 * The same with the vectors: A = Σ values[i] · vᵢ vᵢᵀ, vᵢ being row i of `vectors`, [n, n]; they are orthonormal.
 *
 * @param matrix [n, n], row by row; only what it is on and below the diagonal counts
 */
export function symmetricEigenvectors(
  matrix: Float64Array,
  n: number,
): { readonly values: Float64Array; readonly vectors: Float64Array } {
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  return { values: diagonalised(matrix, n, vectors), vectors };
}

/** @param rows what is turned as the coordinates are, if anybody wants to know: the identity becomes the eigenvectors */
function diagonalised(matrix: Float64Array, n: number, rows?: Float64Array): Float64Array {
  const { diagonal, beside } = tridiagonal(matrix.slice(), n, rows);
  for (let first = 0; first < n; first++) {
    for (let turn = 0;; turn++) {
      // The block that begins here ends where a number beside the diagonal is negligible.
      let last = first;
      while (last < n - 1 && !negligible(beside[last], diagonal[last], diagonal[last + 1])) last++;
      if (last === first) break;
      if (turn === TURNS) throw new Error("eigenvalues: QL didn't converge");
      turnBlock(diagonal, beside, [first, last], rows);
    }
  }
  return diagonal;
}

function negligible(beside: number, a: number, b: number): boolean {
  const scale = Math.abs(a) + Math.abs(b);
  return scale + Math.abs(beside) === scale;
}

/** The diagonal, and at i what stands between i and i + 1. `a` is used up. */
function tridiagonal(a: Float64Array, n: number, rows?: Float64Array) {
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
    if (rows) reflect(rows, v.subarray(0, k), half, n);
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

/** (I − v·vᵀ / half) · rows, of the first of them. */
function reflect(rows: Float64Array, v: Float64Array, half: number, n: number): void {
  const product = new Float64Array(n);
  v.forEach((factor, i) => {
    for (let j = 0; j < n; j++) product[j] += factor * rows[i * n + j];
  });
  v.forEach((value, i) => {
    const factor = value / half;
    for (let j = 0; j < n; j++) rows[i * n + j] -= factor * product[j];
  });
}

/** One turn of QL on the block of rows first … last. */
function turnBlock(
  d: Float64Array,
  e: Float64Array,
  [first, last]: readonly [number, number],
  rows?: Float64Array,
): void {
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
    if (rows) rotate(rows, i * d.length, [cosine, sine], d.length);
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

/** Turns two rows that follow each other. */
function rotate(rows: Float64Array, at: number, [cosine, sine]: readonly [number, number], n: number): void {
  for (let j = at; j < at + n; j++) {
    const [a, b] = [rows[j], rows[j + n]];
    rows[j] = cosine * a - sine * b;
    rows[j + n] = sine * a + cosine * b;
  }
}
