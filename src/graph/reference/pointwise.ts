/** Element-wise operators. */

import { borderBiasAttrs, clipAttrs, geluAttrs, hardSigmoidAttrs, leakyReluAttrs } from "../attrs.ts";
import { broadcastOf } from "../broadcast.ts";
import type { Node } from "../types.ts";
import { type Array64, plane, zeros } from "./array.ts";

type Kernel = (node: Node, inputs: readonly Array64[]) => Array64;

export const relu: Kernel = (_, [x]) => map(x, (v) => Math.max(v, 0));

export const clip: Kernel = (node, [x]) => {
  const { min, max } = clipAttrs(node);
  return map(x, (v) => Math.min(Math.max(v, min), max));
};

export const leakyRelu: Kernel = (node, [x]) => {
  const { alpha } = leakyReluAttrs(node);
  return map(x, (v) => v > 0 ? v : alpha * v);
};

export const hardSigmoid: Kernel = (node, [x]) => {
  const { alpha, beta } = hardSigmoidAttrs(node);
  return map(x, (v) => Math.min(Math.max(alpha * v + beta, 0), 1));
};

export const hardSwish: Kernel = (_, [x]) => map(x, (v) => v * Math.min(Math.max(v / 6 + 0.5, 0), 1));

export const sigmoid: Kernel = (_, [x]) => map(x, (v) => 1 / (1 + Math.exp(-v)));

export const tanh: Kernel = (_, [x]) => map(x, Math.tanh);

/** x·Φ(x), or ½x(1 + tanh(√(2/π)(x + 0.044715x³))). */
export const gelu: Kernel = (node, [x]) =>
  geluAttrs(node).approximate === "none"
    ? map(x, (v) => 0.5 * v * (1 + erf(v / Math.SQRT2)))
    : map(x, (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))));

export const add: Kernel = (node, inputs) => combine(node, inputs, (a, b) => a + b);

export const sub: Kernel = (node, inputs) => combine(node, inputs, (a, b) => a - b);

export const mul: Kernel = (node, inputs) => combine(node, inputs, (a, b) => a * b);

export const div: Kernel = (node, inputs) => combine(node, inputs, (a, b) => a / b);

/** x where it is positive, else its channel's slope times x. */
export const prelu: Kernel = (_, [x, slope]) => {
  const pixels = plane(x.shape);
  return map(x, (v, i) => v > 0 ? v : slope.data[Math.floor(i / pixels) % x.shape[1]] * v);
};

/** y[n,f,i,j] = x[n,f,i,j] + table[f, rows[i], cols[j]]. */
export const borderBias: Kernel = (node, [x, table]) => {
  const { rows, cols } = borderBiasAttrs(node);
  const [, filters, h, w] = x.shape;
  const [, tableRows, tableCols] = table.shape;
  return map(x, (v, i) => {
    const f = Math.floor(i / (h * w)) % filters;
    const row = rows[Math.floor(i / w) % h];
    return v + table.data[(f * tableRows + row) * tableCols + cols[i % w]];
  });
};

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

function map(x: Array64, f: (v: number, index: number) => number): Array64 {
  return { shape: x.shape, data: x.data.map(f) };
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

function combine(node: Node, [a, b]: readonly Array64[], f: (a: number, b: number) => number): Array64 {
  const { kind, wide } = broadcastOf(node, a.shape, b.shape);
  const y = zeros(wide === 0 ? a.shape : b.shape);
  const pixels = plane(y.shape);
  const index = {
    same: (i: number) => i,
    gate: (i: number) => Math.floor(i / pixels),
    channel: (i: number) => Math.floor(i / pixels) % y.shape[1],
    spread: (i: number) => spreadIndex(i, y.shape, (wide === 0 ? b : a).shape),
  }[kind];
  for (let i = 0; i < y.data.length; i++) {
    y.data[i] = wide === 0 ? f(a.data[i], b.data[index(i)]) : f(a.data[index(i)], b.data[i]);
  }
  return y;
}
