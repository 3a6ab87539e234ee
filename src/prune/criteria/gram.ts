/** Products of a matrix with its own transpose, in float64. */

/** A symmetric matrix [n, n], row by row. */
export interface Gram {
  readonly n: number;
  readonly products: Float64Array;
}

/** A·Aᵀ or Aᵀ·A of A [rows, columns], whichever is smaller: beside zeros both have the same eigenvalues, A's squared singular values. */
export function smallerGram(a: Float64Array, rows: number, columns: number): Gram {
  const byRows = rows <= columns;
  const [n, terms] = byRows ? [rows, columns] : [columns, rows];
  const products = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < terms; k++) {
        sum += byRows ? a[i * columns + k] * a[j * columns + k] : a[k * columns + i] * a[k * columns + j];
      }
      products[i * n + j] = products[j * n + i] = sum;
    }
  }
  return { n, products };
}
