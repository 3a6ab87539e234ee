/** Scores of fewer dimensions, against optima that are found in other ways. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { factored, inverseOf } from "../../../src/prune/reconstruct/cholesky.ts";
import { fitScores, singularValues } from "../../../src/prune/reconstruct/score_fit.ts";
import { dice } from "../../generate/dice.ts";

const test = suite("fit of attention's scores");

type Rows = readonly (readonly number[])[];

const rows = (seed: string, count: number, depth: number): Rows => {
  const d = dice(7, seed);
  const mix = Array.from({ length: depth }, () => Array.from({ length: depth }, () => d.normal()));
  return Array.from({ length: count }, () => {
    const z = Array.from({ length: depth }, () => d.normal());
    return mix.map((row) => row.reduce((sum, m, i) => sum + m * z[i], 0.3));
  });
};

const gramOf = (all: Rows, a = all[0].map((_, i) => i), b = a): Float64Array =>
  Float64Array.from(
    { length: a.length * b.length },
    (_, e) => all.reduce((sum, row) => sum + row[a[Math.floor(e / b.length)]] * row[b[e % b.length]], 0),
  );

const product = (a: Float64Array, b: Float64Array, n: number, m: number, p: number): Float64Array =>
  Float64Array.from({ length: n * p }, (_, e) => {
    let sum = 0;
    for (let k = 0; k < m; k++) sum += a[Math.floor(e / p) * m + k] * b[k * p + e % p];
    return sum;
  });

/** Σ over all pairs of (qᵀk − qᵀ N k)². */
function errorOf(q: Rows, k: Rows, n: Float64Array): number {
  const depth = q[0].length;
  let error = 0;
  for (const x of q) {
    for (const y of k) {
      let gap = 0;
      x.forEach((xi, i) => y.forEach((yj, j) => gap += xi * yj * ((i === j ? 1 : 0) - n[i * depth + j])));
      error += gap ** 2;
    }
  }
  return error;
}

const transposed = (a: Float64Array, n: number, m: number) =>
  Float64Array.from({ length: n * m }, (_, e) => a[(e % n) * m + Math.floor(e / n)]);

function fitted(q: Rows, k: Rows, rank: number) {
  const depth = q[0].length;
  const fit = fitScores({ queries: gramOf(q), keys: gramOf(k), depth, rank, ridge: 1e-9 });
  return { ...fit, n: product(fit.q, transposed(fit.k, depth, rank), depth, rank, depth) };
}

test("singular values and vectors of a matrix", () => {
  const { values, left, right } = singularValues(Float64Array.of(3, 0, 4, 5), 2);
  assert.ok(Math.abs(values[0] - Math.sqrt(45)) < 1e-12 && Math.abs(values[1] - Math.sqrt(5)) < 1e-12);
  const scaled = left.map((value, e) => value * values[e % 2]);
  product(scaled, transposed(right, 2, 2), 2, 2, 2).forEach((value, e) =>
    assert.ok(Math.abs(value - [3, 0, 4, 5][e]) < 1e-12)
  );
});

test("all dimensions make the same scores, and the error is what it is told to be", () => {
  const [q, k] = [rows("q", 12, 4), rows("k", 15, 4)];
  const scale = errorOf(q, k, new Float64Array(16));
  assert.ok(errorOf(q, k, fitted(q, k, 4).n) <= 1e-12 * scale);
  for (const rank of [1, 2, 3]) {
    const { n, error } = fitted(q, k, rank);
    assert.ok(Math.abs(errorOf(q, k, n) - error) <= 1e-6 * error, `${rank}`);
  }
});

test("no other product of this rank is nearer: alternating least squares from many starts ends there", () => {
  const [depth, rank] = [4, 2];
  const [q, k] = [rows("q2", 10, depth), rows("k2", 11, depth)];
  const [gq, gk] = [gramOf(q), gramOf(k)];
  const { error } = fitted(q, k, rank);
  let least = Infinity;
  for (let start = 0; start < 4; start++) {
    const d = dice(start, "als");
    let b: Float64Array = Float64Array.from({ length: depth * rank }, () => d.normal());
    let n: Float64Array = new Float64Array(depth * depth);
    // With B fixed, A = G_K B (Bᵀ G_K B)⁻¹ for I Aᵀ, and the other way round.
    const solved = (gram: Float64Array, fixed: Float64Array) => {
      const through = product(gram, fixed, depth, depth, rank);
      const inner = product(transposed(fixed, depth, rank), through, rank, depth, rank);
      return product(through, inverseOf(factored(inner, rank, 0), rank), depth, rank, rank);
    };
    for (let round = 0; round < 300; round++) {
      const a = solved(gk, b);
      b = solved(gq, a);
      n = product(a, transposed(b, depth, rank), depth, rank, depth);
    }
    least = Math.min(least, errorOf(q, k, n));
  }
  assert.ok(Math.abs(least - error) <= 1e-6 * error, `${least} against ${error}`);
});

test("it is never worse than the best mixture of dimensions that stay", () => {
  const depth = 4;
  for (const [stays, gone] of [[[0, 1], [2, 3]], [[1, 3], [0, 2]], [[0, 2, 3], [1]]]) {
    const [q, k] = [rows("q3", 9, depth), rows("k3", 12, depth)];
    const s = stays.length;
    // M = G_Q⁻¹ C_Q C_K G_K⁻¹: the mixture for which the derivative of the error is 0.
    const inverse = (all: Rows) => inverseOf(factored(gramOf(all, stays), s, 0), s);
    const inner = product(gramOf(q, stays, gone), gramOf(k, gone, stays), s, gone.length, s);
    const m = product(product(inverse(q), inner, s, s, s), inverse(k), s, s, s);
    const n = new Float64Array(depth * depth);
    stays.forEach((i, a) => stays.forEach((j, b) => n[i * depth + j] = (a === b ? 1 : 0) + m[a * s + b]));
    const { error } = fitted(q, k, s);
    const mixed = errorOf(q, k, n);
    assert.ok(error <= mixed * (1 + 1e-9), `${error} against ${mixed}`);
    assert.ok(
      mixed < errorOf(q, k, Float64Array.from({ length: 16 }, (_, e) => e % 5 === 0 && stays.includes(e / 5) ? 1 : 0)),
    );
  }
});

test.run();
