import { suite } from "uvu";
import * as assert from "uvu/assert";
import { addedMoments, ridgeFit, squaredError } from "../../../src/prune/reconstruct/least_squares.ts";
import type { SecondMoments } from "../../../src/train/evidence/evidence.ts";

const test = suite("least squares");

/** Of rows [x…, y…], to each of which a 1 is added. */
function momentsOf(rows: readonly (readonly number[])[]): SecondMoments {
  const n = rows[0].length + 1;
  const sums = new Float64Array(n * n);
  for (const row of rows.map((values) => [...values, 1])) {
    row.forEach((a, i) => row.forEach((b, j) => sums[i * n + j] += a * b));
  }
  return { n, sums };
}

function near(actual: Iterable<number>, expected: readonly number[], tolerance = 1e-9): void {
  const found = [...actual];
  assert.is(found.length, expected.length);
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= tolerance, `${found} instead of ${expected}`));
}

test("the ridge shrinks the weight of centred numbers, and the bias takes the means", () => {
  // x̄ = 3, ȳ = 2; S_xx = 2 and S_xy = 4; n·v̄ = S_xx of a single x. With λ = 1: w = 4 / (2 + 2), b = 2 − 3.
  const moments = momentsOf([[2, 0], [4, 4]]);
  const fit = ridgeFit(moments, { inputs: 1, ridge: 1 });
  near(fit.weight, [1]);
  near(fit.bias, [-1]);
  // 0 − (2 − 1) and 4 − (4 − 1).
  near([squaredError(moments, fit)], [2]);
});

test("the ridge is relative to the mean variance of the inputs", () => {
  // S_xx = diag(2, 6), so n·v̄ = 4, and λ = ½ adds 2: w = 2 / (2 + 2) and 12 / (6 + 2).
  const rows = [[-1, 0, -1], [1, 0, 1], [0, Math.sqrt(3), 2 * Math.sqrt(3)], [0, -Math.sqrt(3), -2 * Math.sqrt(3)]];
  const { weight, bias } = ridgeFit(momentsOf(rows), { inputs: 2, ridge: 0.5 });
  near(weight, [0.5, 1.5]);
  near(bias, [0]);
});

test("without a ridge, an affine function of correlated inputs is found in each output", () => {
  const rows = Array.from({ length: 20 }, (_, i) => {
    const [a, b] = [Math.sin(i), Math.sin(i) + Math.cos(3 * i) / 2];
    return [a, b, 2 * a - 3 * b + 5, b - 1];
  });
  const moments = momentsOf(rows);
  const fit = ridgeFit(moments, { inputs: 2, ridge: 0 });
  near(fit.weight, [2, -3, 0, 1], 1e-4);
  near(fit.bias, [5, -1], 1e-4);
  assert.ok(squaredError(moments, fit) < 1e-7);
});

test("an input that never changes gets no weight, and where none changes the bias is the mean", () => {
  const { weight } = ridgeFit(momentsOf([[7, 1, 1], [7, 2, 2], [7, 3, 3]]), { inputs: 2, ridge: 0 });
  near([weight[0]], [0], 1e-4);
  near([weight[1]], [1], 1e-3);
  const constant = ridgeFit(momentsOf([[0, 1], [0, 3]]), { inputs: 1, ridge: 1e-3 });
  near([...constant.weight, ...constant.bias], [0, 2]);
});

test("moments of two parts add up to those of all rows", () => {
  const rows = [[1, 2], [3, -1], [0, 4]];
  near(addedMoments(momentsOf(rows.slice(0, 1)), momentsOf(rows.slice(1))).sums, [...momentsOf(rows).sums]);
});

test.run();
