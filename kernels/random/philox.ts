/**
 * Makes counter-based randomness by Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1,
 * 2, 3", SC 2011). A number is a function of (seed, stream, step, index) and of nothing else, so prefetching, resuming
 * and the GPU all see the same ones.
 *
 *   key     = streamKey(seed, stream) = the 64 bits of `seed` xor FNV-1a-64(`stream`), as (low, high)
 *   counter = (index >> 2, step, 0, 0)
 *   bits    = word (index & 3) of philox4x32(counter, key)
 *   uniform = (bits >> 8) · 2^-24                                        in [0, 1), exact in float32
 *   normal  = √(-2 ln u) · (index even ? cos : sin)(2π v),               Box–Muller on the words of its pair:
 *             u, v = (word + ½) · 2^-32 of words (index & 2), (index & 2) + 1
 *
 * Four neighbours share a block: a GPU thread that makes four elements calls philox4x32 once (philox.wgsl).
 */

export interface Rng {
  readonly seed: number;
  readonly stream: string;
  /** A kernel's uniforms hold this Philox key. */
  readonly key: readonly [number, number];
  /** Gives a u32. `step` and `index` are u32 as well. */
  bits(step: number, index: number): number;
  /** Gives a number in [0, 1) that is a multiple of 2^-24. */
  uniform(step: number, index: number): number;
  /** Gives a number of the standard normal distribution. */
  normal(step: number, index: number): number;
  /** Gives an integer in [0, n), n ≤ 2^32; the bias is below n / 2^32. */
  below(n: number, step: number, index: number): number;
  /** Gives 0 … n-1 in the order of `step` (Fisher–Yates from the top; exchange i uses index i). */
  permutation(n: number, step: number): Uint32Array<ArrayBuffer>;
  /** Sets out[i] = low + (high - low) · uniform(step, i); returns `out`. */
  fillUniform<T extends Float32Array | Float64Array>(out: T, step: number, low?: number, high?: number): T;
  /** Sets out[i] = mean + std · normal(step, i); returns `out`. */
  fillNormal<T extends Float32Array | Float64Array>(out: T, step: number, mean?: number, std?: number): T;
}

/** Gives the random numbers of one named stream. `seed` is an integer in [0, 2^53); it throws RangeError otherwise. */
export function random(seed: number, stream: string): Rng {
  const key = streamKey(seed, stream);
  const [k0, k1] = key;
  // Neighbouring indices share a block, so the last one is remembered: it saves work and can't change a value.
  const block = new Uint32Array(4);
  let atStep = -1;
  let atBlock = -1;
  const words = (step: number, index: number): Uint32Array => {
    const b = index >>> 2;
    const s = step >>> 0;
    if (b !== atBlock || s !== atStep) {
      philox4x32(b, s, 0, 0, k0, k1, block);
      atBlock = b;
      atStep = s;
    }
    return block;
  };

  const bits = (step: number, index: number) => words(step, index)[index & 3];
  const uniform = (step: number, index: number) => (bits(step, index) >>> 8) * TWO_M24;
  const below = (n: number, step: number, index: number) => Math.floor(bits(step, index) * n * TWO_M32);
  const normal = (step: number, index: number) => {
    const w = words(step, index);
    const pair = index & 2;
    const angle = angleOf(w[pair + 1]);
    return radiusOf(w[pair]) * ((index & 1) === 0 ? Math.cos(angle) : Math.sin(angle));
  };
  const permutation = (n: number, step: number) => {
    const order = new Uint32Array(n);
    for (let i = 0; i < n; i++) order[i] = i;
    for (let i = n - 1; i > 0; i--) {
      const j = below(i + 1, step, i);
      const swap = order[i];
      order[i] = order[j];
      order[j] = swap;
    }
    return order;
  };
  const fillUniform = <T extends Float32Array | Float64Array>(out: T, step: number, low = 0, high = 1): T => {
    for (let i = 0; i < out.length; i += 4) {
      const w = words(step, i);
      const end = Math.min(4, out.length - i);
      for (let j = 0; j < end; j++) out[i + j] = low + (high - low) * ((w[j] >>> 8) * TWO_M24);
    }
    return out;
  };
  const fillNormal = <T extends Float32Array | Float64Array>(out: T, step: number, mean = 0, std = 1): T => {
    for (let i = 0; i < out.length; i += 2) {
      const w = words(step, i);
      const radius = radiusOf(w[i & 2]);
      const angle = angleOf(w[(i & 2) + 1]);
      out[i] = mean + std * (radius * Math.cos(angle));
      if (i + 1 < out.length) out[i + 1] = mean + std * (radius * Math.sin(angle));
    }
    return out;
  };
  return { seed, stream, key, bits, uniform, normal, below, permutation, fillUniform, fillNormal };
}

/** Gives the Philox key of a named stream: the low 32 bits of seed ^ hash, and the high 32 bits of seed ^ hash. */
export function streamKey(seed: number, stream: string): [number, number] {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`seed ${seed}: expected an integer from 0 to 2^53 - 1`);
  }
  const hash = fnv1a64(stream);
  const low = Number(hash & 0xffff_ffffn) ^ (seed % 2 ** 32);
  const high = Number(hash >> 32n) ^ Math.floor(seed / 2 ** 32);
  return [low >>> 0, high >>> 0];
}

/** Computes one block of Philox4x32-10: four u32 of counter and two of key become four u32 in `out`. */
export function philox4x32(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
): void {
  for (let round = 0; round < 10; round++) {
    const hi0 = mulhi(M0_HIGH, M0_LOW, c0 >>> 0);
    const hi1 = mulhi(M1_HIGH, M1_LOW, c2 >>> 0);
    const lo0 = Math.imul(M0, c0);
    const lo1 = Math.imul(M1, c2);
    c0 = hi1 ^ c1 ^ k0;
    c1 = lo1;
    c2 = hi0 ^ c3 ^ k1;
    c3 = lo0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const M0_HIGH = M0 >>> 16, M0_LOW = M0 & 0xffff;
const M1_HIGH = M1 >>> 16, M1_LOW = M1 & 0xffff;
const W0 = 0x9e3779b9; // This is the golden ratio.
const W1 = 0xbb67ae85; // This is √3 - 1.
const TWO_M24 = 2 ** -24;
const TWO_M32 = 2 ** -32;

/** These are Box–Muller's two halves, of one word each. */
function radiusOf(word: number): number {
  return Math.sqrt(-2 * Math.log((word + 0.5) * TWO_M32));
}

function angleOf(word: number): number {
  return 2 * Math.PI * (word + 0.5) * TWO_M32;
}

/** Gives the upper word of (high · 2^16 + low) · x, in halves whose products and sums stay below 2^32. */
function mulhi(high: number, low: number, x: number): number {
  const top = x >>> 16, bottom = x & 0xffff;
  const middle = (Math.imul(high, bottom) >>> 0) + (Math.imul(low, bottom) >>> 16);
  const carry = (Math.imul(low, top) >>> 0) + (middle & 0xffff);
  return (Math.imul(high, top) + (middle >>> 16) + (carry >>> 16)) | 0;
}

/** Computes the 64-bit FNV-1a hash of the UTF-8 bytes. */
function fnv1a64(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}
