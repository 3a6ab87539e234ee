/** Element-wise operators. */

import type { Broadcast } from "../broadcast.ts";
import { type Array64, mapReference, plane, zeros } from "./array.ts";

/** x where it is positive, else its channel's slope times x. */
export function preluReference([x, slope]: readonly Array64[]): Array64 {
  const pixels = plane(x.shape);
  return mapReference(x, (v, i) => v > 0 ? v : slope.data[Math.floor(i / pixels) % x.shape[1]] * v);
}

/** y[n,f,i,j] = x[n,f,i,j] + table[f, rows[i], cols[j]]. */
export function borderBiasReference(
  [x, table]: readonly Array64[],
  { rows, cols }: { readonly rows: readonly number[]; readonly cols: readonly number[] },
): Array64 {
  const [, filters, h, w] = x.shape;
  const [, tableRows, tableCols] = table.shape;
  return mapReference(x, (v, i) => {
    const f = Math.floor(i / (h * w)) % filters;
    const row = rows[Math.floor(i / w) % h];
    return v + table.data[(f * tableRows + row) * tableCols + cols[i % w]];
  });
}

/** f of each element and its partner. */
export function combineReference(
  [a, b]: readonly Array64[],
  { kind, wide }: Broadcast,
  shape: readonly number[],
  f: (a: number, b: number) => number,
): Array64 {
  const y = zeros(shape);
  const pixels = plane(shape);
  const index = {
    same: (i: number) => i,
    gate: (i: number) => Math.floor(i / pixels),
    channel: (i: number) => Math.floor(i / pixels) % shape[1],
    spread: (i: number) => spreadIndex(i, shape, (wide === 0 ? b : a).shape),
  }[kind];
  for (let i = 0; i < y.data.length; i++) {
    y.data[i] = wide === 0 ? f(a.data[i], b.data[index(i)]) : f(a.data[index(i)], b.data[i]);
  }
  return y;
}

/**
 * The error function to double precision: 2/√π · e^(−x²) · Σ 2ⁿx²ⁿ⁺¹/(1·3·…·(2n+1)) below 3, the continued fraction of
 * erfc beyond (Abramowitz & Stegun 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; term > 1e-17 * sum; n++) {
      term *= 2 * z * z / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * sum * Math.exp(-z * z) * 2 / Math.sqrt(Math.PI);
  }
  let fraction = z;
  for (let k = 60; k >= 1; k--) fraction = z + (k / 2) / fraction;
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction));
}

/** Where the element of a shape with this offset finds its partner in one with ones along some axes. */
function spreadIndex(offset: number, shape: readonly number[], ones: readonly number[]): number {
  let index = 0;
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index += stride * (offset % shape[axis] % ones[axis]);
    stride *= ones[axis];
    offset = Math.floor(offset / shape[axis]);
  }
  return index;
}
