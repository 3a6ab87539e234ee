import { suite } from "uvu";
import * as assert from "uvu/assert";
import { philox4x32, random, streamKey } from "../../kernels/random/philox.ts";

const test = suite("philox");

// Random123, examples/kat_vectors: philox4x32 10 rounds: counter, key, result.
const KNOWN = [
  [[0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

test("known answers of Random123", () => {
  const out = new Uint32Array(4);
  for (const [c, k, expected] of KNOWN) {
    philox4x32(c[0], c[1], c[2], c[3], k[0], k[1], out);
    assert.equal([...out], expected);
  }
});

test("equals a BigInt reference on odd counters", () => {
  const out = new Uint32Array(4);
  let x = 12345;
  const next = () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0);
  for (let i = 0; i < 200; i++) {
    const c = [next(), next(), next(), next()];
    const k = [next(), next()];
    philox4x32(c[0], c[1], c[2], c[3], k[0], k[1], out);
    assert.equal([...out], reference(c, k));
  }
});

test("stream keys: FNV-1a-64 xor the seed's 64 bits", () => {
  assert.equal(streamKey(0, ""), [0x84222325, 0xcbf29ce4]);
  assert.equal(streamKey(0, "a"), [0x8601ec8c, 0xaf63dc4c]);
  assert.equal(streamKey(0, "foobar"), [0xf73967e8, 0x85944171]);
  assert.equal(streamKey(1, "a"), [0x8601ec8d, 0xaf63dc4c]);
  assert.equal(streamKey(2 ** 32 + 1, "a"), [0x8601ec8d, 0xaf63dc4d]);
  assert.throws(() => streamKey(-1, "a"), /seed -1/);
  assert.throws(() => streamKey(0.5, "a"), /seed 0.5/);
});

test("layout: bits are word index & 3 of counter (index >> 2, step, 0, 0)", () => {
  const rng = random(7, "layout");
  const out = new Uint32Array(4);
  for (const [step, index] of [[0, 0], [3, 1], [3, 2], [9, 4095], [0xffffffff, 0xffffffff]]) {
    philox4x32(index >>> 2, step, 0, 0, rng.key[0], rng.key[1], out);
    assert.is(rng.bits(step, index), out[index & 3]);
    assert.is(rng.uniform(step, index), (out[index & 3] >>> 8) / 2 ** 24);
  }
});

test("no hidden state: the order of calls changes nothing", () => {
  const a = random(1, "s"), b = random(1, "s");
  const forwards = [], backwards = [];
  for (let i = 0; i < 50; i++) forwards.push(a.normal(2, i), a.bits(1, i), a.uniform(2, i));
  for (let i = 49; i >= 0; i--) backwards.unshift(b.normal(2, i), b.bits(1, i), b.uniform(2, i));
  assert.equal(forwards, backwards);
});

test("seed, stream, step and index each matter", () => {
  const base = random(1, "s").bits(0, 0);
  for (const other of [random(2, "s").bits(0, 0), random(1, "t").bits(0, 0), random(1, "s").bits(1, 0)]) {
    assert.is.not(other, base);
  }
  assert.is.not(random(1, "s").bits(0, 1), base);
});

test("uniform: mean, variance, range and flat histogram", () => {
  const n = 40_000;
  const x = random(3, "uniform").fillUniform(new Float32Array(n), 0);
  const bins = new Float64Array(16);
  for (const v of x) {
    assert.ok(v >= 0 && v < 1);
    bins[Math.floor(v * 16)]++;
  }
  const { mean, variance } = moments(x);
  assert.ok(Math.abs(mean - 0.5) < 4 * Math.sqrt(1 / 12 / n), `mean ${mean}`);
  assert.ok(Math.abs(variance - 1 / 12) < 0.002, `variance ${variance}`);
  const chi2 = bins.reduce((s, b) => s + (b - n / 16) ** 2 / (n / 16), 0);
  assert.ok(chi2 < 40, `chi2 ${chi2} with 15 degrees of freedom`);
});

test("normal: moments and neighbours uncorrelated; fill equals single draws", () => {
  const n = 40_000;
  const rng = random(4, "normal");
  const x = rng.fillNormal(new Float64Array(n), 5, 1, 2);
  const z = x.map((v) => (v - 1) / 2);
  const { mean, variance } = moments(z);
  assert.ok(Math.abs(mean) < 4 / Math.sqrt(n), `mean ${mean}`);
  assert.ok(Math.abs(variance - 1) < 4 * Math.sqrt(2 / n), `variance ${variance}`);
  const kurtosis = z.reduce((s, v) => s + v ** 4, 0) / n;
  assert.ok(Math.abs(kurtosis - 3) < 0.2, `kurtosis ${kurtosis}`);
  for (const lag of [1, 2, 3, 4]) {
    let r = 0;
    for (let i = lag; i < n; i++) r += z[i] * z[i - lag];
    assert.ok(Math.abs(r / n) < 4 / Math.sqrt(n), `lag ${lag}: ${r / n}`);
  }
  for (let i = 0; i < 9; i++) assert.is(x[i], 1 + 2 * rng.normal(5, i));
});

test("permutation: a bijection, per step, every place equally likely", () => {
  const rng = random(5, "permutation");
  const p = rng.permutation(1000, 0);
  assert.equal([...p].sort((a, b) => a - b), [...Array(1000).keys()]);
  assert.equal(p, random(5, "permutation").permutation(1000, 0));
  assert.not.equal(p, rng.permutation(1000, 1));
  assert.equal([...rng.permutation(0, 0)], []);
  assert.equal([...rng.permutation(1, 0)], [0]);
  const counts = new Map<string, number>();
  for (let step = 0; step < 2400; step++) {
    const name = rng.permutation(4, step).join("");
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  assert.is(counts.size, 24);
  const chi2 = [...counts.values()].reduce((s, c) => s + (c - 100) ** 2 / 100, 0);
  assert.ok(chi2 < 50, `chi2 ${chi2} with 23 degrees of freedom`);
});

test.run();

function moments(x: ArrayLike<number>): { mean: number; variance: number } {
  let mean = 0, variance = 0;
  for (let i = 0; i < x.length; i++) mean += x[i] / x.length;
  for (let i = 0; i < x.length; i++) variance += (x[i] - mean) ** 2 / x.length;
  return { mean, variance };
}

function reference(counter: number[], key: number[]): number[] {
  let [a, b, c, d] = counter.map(BigInt);
  let [k0, k1] = key.map(BigInt);
  const mask = 0xffffffffn;
  for (let i = 0; i < 10; i++) {
    const p0 = 0xd2511f53n * a, p1 = 0xcd9e8d57n * c;
    [a, b, c, d] = [(p1 >> 32n) ^ b ^ k0, p1 & mask, (p0 >> 32n) ^ d ^ k1, p0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [a, b, c, d].map(Number);
}
