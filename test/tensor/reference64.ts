/** Float64 loops for matrix products and convolutions, and the tolerances that f32 results must meet. */
import { convOutput, type ConvShape } from "../../kernels/conv/shape.ts";

type Numbers = ArrayLike<number>;

/** A sum of products and the sum of their absolute values, per element. */
export interface Sums {
  readonly value: Float64Array;
  readonly magnitude: Float64Array;
}

function sums(size: number): Sums {
  return { value: new Float64Array(size), magnitude: new Float64Array(size) };
}

function addTo(s: Sums, i: number, product: number): void {
  s.value[i] += product;
  s.magnitude[i] += Math.abs(product);
}

/** y[m,n] = sum_k a(m,k) b(n,k), the matrices read through functions. */
export function matmul64(m: number, n: number, k: number, a: (m: number, k: number) => number, b: typeof a): Sums {
  const y = sums(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let t = 0; t < k; t++) addTo(y, i * n + j, a(i, t) * b(j, t));
    }
  }
  return y;
}

/** Calls `visit` with the indices in y, w and x of every product of the convolution that isn't in the padding. */
export function eachProduct(s: ConvShape, visit: (y: number, w: number, x: number) => void): void {
  const [oh, ow] = convOutput(s), [kh, kw] = s.kernel;
  const perGroup = s.channels / s.groups, filters = s.filters / s.groups;
  const all = Array.from({ length: perGroup * kh * kw }, (_, i) => i);
  const columns = s.taps ?? all;
  for (let n = 0; n < s.batch; n++) {
    for (let f = 0; f < s.filters; f++) {
      for (let r = 0; r < oh; r++) {
        for (let q = 0; q < ow; q++) {
          columns.forEach((column, t) => {
            const c = Math.floor(column / (kh * kw)) + Math.floor(f / filters) * perGroup;
            const h = r * s.stride[0] - s.pads[0] + Math.floor(column / kw) % kh * s.dilation[0];
            const v = q * s.stride[1] - s.pads[1] + column % kw * s.dilation[1];
            if (h < 0 || v < 0 || h >= s.height || v >= s.width) return;
            const x = ((n * s.channels + c) * s.height + h) * s.width + v;
            visit(((n * s.filters + f) * oh + r) * ow + q, f * columns.length + t, x);
          });
        }
      }
    }
  }
}

/** y, without bias. */
export function conv64(s: ConvShape, x: Numbers, w: Numbers): Sums {
  const [oh, ow] = convOutput(s);
  const y = sums(s.batch * s.filters * oh * ow);
  eachProduct(s, (iy, iw, ix) => addTo(y, iy, w[iw] * x[ix]));
  return y;
}

/** The gradients of sum(y · dy). */
export function convGradients64(s: ConvShape, x: Numbers, w: Numbers, dy: Numbers): { dx: Sums; dw: Sums; db: Sums } {
  const dx = sums(x.length), dw = sums(w.length), db = sums(s.filters);
  eachProduct(s, (iy, iw, ix) => {
    addTo(dx, ix, dy[iy] * w[iw]);
    addTo(dw, iw, dy[iy] * x[ix]);
  });
  const plane = dy.length / s.batch / s.filters;
  for (let i = 0; i < dy.length; i++) addTo(db, Math.floor(i / plane) % s.filters, dy[i]);
  return { dx, dw, db };
}

/** What is wrong with `got`, or undefined. f32 sums of `terms` products must be within 4·√terms·2⁻²⁴·Σ|a||b| each, NMSE 1e-11. */
export function sumError(got: Numbers, expected: Sums, terms: number): string | undefined {
  if (got.length !== expected.value.length) return `${got.length} elements, expected ${expected.value.length}`;
  let error = 0, energy = 0;
  for (let i = 0; i < got.length; i++) {
    const d = got[i] - expected.value[i];
    const bound = 4 * Math.sqrt(Math.max(1, terms)) * 2 ** -24 * expected.magnitude[i];
    if (!(Math.abs(d) <= bound)) return `element ${i} is ${got[i]}, expected ${expected.value[i]} ± ${bound}`;
    error += d * d;
    energy += expected.value[i] ** 2;
  }
  if (error > 1e-11 * energy) return `NMSE ${error / energy}`;
}

/** Uniform in [-1,1), the same for the same seed (a 32-bit multiplicative generator). */
export function noise(size: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed * 2654435761 >>> 0 || 1;
  return Float32Array.from({ length: size }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  });
}
