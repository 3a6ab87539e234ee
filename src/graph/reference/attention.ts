/** Matrix products of activations, softmax, and attention, which is made of them. */

import { type Array64, zeros } from "./array.ts";

/** y[…,m,n] = Σ_k a[…,m,k] · b[…,k,n]; a b of rank 2 is shared by all. */
export function matmulReference([a, b]: readonly Array64[]): Array64 {
  return product(a, b, "rows");
}

/** e^x over its sum along the last axis, from the row's largest down. */
export function softmaxReference([x]: readonly Array64[]): Array64 {
  const y = zeros(x.shape);
  const length = x.shape[x.shape.length - 1];
  for (let first = 0; first < x.data.length; first += length) {
    const row = x.data.subarray(first, first + length);
    const top = row.reduce((most, v) => Math.max(most, v), -Infinity);
    const sum = row.reduce((total, v) => total + Math.exp(v - top), 0);
    row.forEach((v, i) => y.data[first + i] = Math.exp(v - top) / sum);
  }
  return y;
}

/** softmax(scale · q·kᵀ)·v: the standard operators that an Attention stands for. */
export function attentionReference(
  [q, k, v]: readonly Array64[],
  { scale }: { readonly scale: number },
): Array64 {
  const scores = product(q, k, "columns");
  const scaled = { shape: scores.shape, data: scores.data.map((s) => scale * s) };
  return product(softmaxReference([scaled]), v, "rows");
}

/** a times b, whose summed axis are its "rows" ([K,N]) or "columns" ([N,K]). */
function product(a: Array64, b: Array64, summed: "rows" | "columns"): Array64 {
  const [m, k] = a.shape.slice(-2);
  const [rows, columns] = b.shape.slice(-2);
  const n = summed === "rows" ? columns : rows;
  const [alongK, alongN] = summed === "rows" ? [n, 1] : [1, k];
  const y = zeros([...a.shape.slice(0, -1), n]);
  const stride = b.shape.length === 2 ? 0 : n * k;
  for (let i = 0; i < y.data.length / n; i++) {
    const from = Math.floor(i / m) * stride;
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let t = 0; t < k; t++) sum += a.data[i * k + t] * b.data[from + t * alongK + j * alongN];
      y.data[i * n + j] = sum;
    }
  }
  return y;
}
