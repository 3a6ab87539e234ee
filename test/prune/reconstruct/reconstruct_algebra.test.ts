/** The algebra of reconstruction: refits, the cost of what goes, greedy choice with swaps, ThiNet and the LASSO. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { risingScores } from "../../../src/prune/criteria/reconstruction.ts";
import { alpsKept } from "../../../src/prune/reconstruct/alps.ts";
import { affineMap, refitted } from "../../../src/prune/reconstruct/affine_refit.ts";
import { contributions } from "../../../src/prune/reconstruct/contributions.ts";
import { createElimination } from "../../../src/prune/reconstruct/elimination.ts";
import { chooseGroups, eliminationOrder, goneAlong, greedyBackward } from "../../../src/prune/reconstruct/greedy.ts";
import { lassoCoefficients, lassoKept } from "../../../src/prune/reconstruct/lasso.ts";
import { ridgeFit } from "../../../src/prune/reconstruct/least_squares.ts";
import { momentsOf, type Reader, shrinkage, withRidge } from "../../../src/prune/reconstruct/reader.ts";
import { thinetOrder } from "../../../src/prune/reconstruct/thinet.ts";
import { rankGroups, topGroups } from "../../../src/prune/structures/selection.ts";
import { drawRows, drawWeight, readerOf, secondMoments } from "./readers.ts";

const test = suite("reconstruction");

function near(actual: Iterable<number>, expected: Iterable<number>, tolerance = 1e-9): void {
  const [found, wanted] = [[...actual], [...expected]];
  assert.is(found.length, wanted.length);
  found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) <= tolerance, `${found} instead of ${wanted}`));
}

/** x₁ = 2·x₀ + 1 with x₀ of mean 1 and variance 1, and x₂ = ±1, uncorrelated with both. */
const LINE = [[0, 1, 1], [2, 5, 1], [0, 1, -1], [2, 5, -1]];

test("a removed column that follows one that stays is made up for: x₁ = 2·x₀ + 1", () => {
  const reader = readerOf(LINE, [[1, 3, -1]]);
  const { kept, map, shift } = affineMap(reader.moments, [1]);
  assert.equal(kept, [0, 2]);
  near(map, [2, 0]);
  near(shift, [1]);
  const { weight, bias } = refitted(reader, [1], "affine");
  near(weight, [1 + 3 * 2, 0, -1]);
  near(bias, [3]);
});

test("the bias alone takes the mean of what goes, and nothing takes none", () => {
  const reader = readerOf(LINE, [[1, 3, -1]]);
  const byBias = refitted(reader, [1], "bias");
  near(byBias.weight, [1, 0, -1]);
  // E[x₁] = 3, weighed by 3.
  near(byBias.bias, [9]);
  const plain = refitted(reader, [1], "none");
  near(plain.weight, [1, 0, -1]);
  near(plain.bias, [0]);
});

test("without a place for a bias the fit goes through 0", () => {
  const moments = momentsOf(secondMoments(LINE), "none");
  // E[x₁x₀] / E[x₀²] = (0 + 10 + 0 + 10)/4 : (4 + 4)/4.
  const { map, shift } = affineMap(moments, [1]);
  near(map, [2.5, 0]);
  near(shift, [0]);
});

test("the refit is the least squares of what the layer made, by all that stays", () => {
  for (const seed of [1, 2, 3]) {
    const rows = drawRows(seed, 200, 7);
    const weight = drawWeight(seed, 3, 7);
    const { weight: fitted, bias } = refitted(readerOf(rows, weight), [1, 4, 5], "affine");
    const kept = [0, 2, 3, 6];
    const joint = rows.map((row) => [
      ...kept.map((i) => row[i]),
      ...weight.map((w) => w.reduce((sum, value, i) => sum + value * row[i], 0)),
    ]);
    const direct = ridgeFit(secondMoments(joint), { inputs: kept.length, ridge: 0 });
    near(kept.map((i) => fitted[i]), direct.weight.subarray(0, 4), 1e-4);
    const exact = solved(joint, kept.length, 3);
    near([0, 1, 2].flatMap((o) => kept.map((i) => fitted[o * 7 + i])), exact.weight, 1e-9);
    near(bias, exact.bias, 1e-9);
  }
});

/** Least squares of the last columns by the first ones and a 1, by Gaussian elimination of the normal equations. */
function solved(rows: readonly (readonly number[])[], inputs: number, outputs: number) {
  const columns = [...Array(inputs).keys()].map((i) => (row: readonly number[]) => row[i]);
  const base = [...columns, () => 1];
  const system = base.map((a) => [
    ...base.map((b) => rows.reduce((sum, row) => sum + a(row) * b(row), 0)),
    ...Array.from({ length: outputs }, (_, o) => rows.reduce((sum, row) => sum + a(row) * row[inputs + o], 0)),
  ]);
  base.forEach((_, i) => {
    const pivot = system.slice(i).reduce((most, row) => Math.abs(row[i]) > Math.abs(most[i]) ? row : most);
    const at = system.indexOf(pivot);
    [system[i], system[at]] = [system[at], system[i]];
    system.forEach((row, r) => {
      if (r === i) return;
      const factor = row[i] / system[i][i];
      row.forEach((_, c) => row[c] -= factor * system[i][c]);
    });
  });
  const value = (i: number, o: number) => system[i][base.length + o] / system[i][i];
  const list = [...Array(outputs).keys()];
  return {
    weight: list.flatMap((o) => columns.map((_, i) => value(i, o))),
    bias: list.map((o) => value(inputs, o)),
  };
}

test("shrinkage follows the formula, falls with samples, and is infinite where they tell nothing", () => {
  // Σ = diag(1, 3): tr = 4, tr Σ² = 10, p = 2: ρ = (0·10 + 16) / ((n + 0)(10 − 8)) = 8/n, so λ = 8/(n − 8).
  const moments = { mean: new Float64Array(2), covariance: Float64Array.of(1, 0, 0, 3) };
  near([shrinkage(moments, 24), shrinkage(moments, 80)], [0.5, 1 / 9]);
  assert.is(shrinkage(moments, 8), Infinity);
  assert.is(shrinkage({ mean: new Float64Array(2), covariance: Float64Array.of(2, 0, 0, 2) }, 1000), Infinity);
  near(withRidge(moments, 0.5).covariance, [2, 0, 0, 4]);
  near(withRidge({ mean: new Float64Array(1), covariance: new Float64Array(1) }, 0.5).covariance, [1]);
});

test("what a group costs is half of the variance that the others can't explain", () => {
  // x₂ varies on its own by 1: ½·(−1)²·1. x₁ is 2·x₀ + 1: nothing is lost without it, but for the ridge.
  const elimination = createElimination([readerOf(LINE, [[1, 3, -1]], undefined, 1e-9)]);
  near([elimination.cost(2), elimination.cost(1)], [0.5, 0], 1e-6);
  elimination.toggle(1);
  // Then x₀ carries 7·x₀, whose variance is 1.
  near([elimination.cost(0)], [24.5], 1e-4);
});

test("costs follow as groups go and come back, and add up to the error of the refit", () => {
  for (const seed of [1, 2, 3, 4]) {
    const groups = [[0, 1], [2], [3, 4, 5], [6], [7, 8]];
    // Column 9 is in no group: it stays.
    const rows = drawRows(seed, 300, 10);
    const readers = [
      readerOf(rows, drawWeight(seed, 4, 10), groups),
      readerOf(rows, drawWeight(seed + 9, 2, 10), groups),
    ];
    const elimination = createElimination(readers);
    const before = groups.map((_, g) => elimination.cost(g));
    const order = [3, 0, 4];
    const { costs } = goneAlong(elimination, order);
    const removed = order.flatMap((g) => groups[g]);
    const error = readers.reduce((sum, reader) => sum + errorOf(reader, removed), 0);
    near([costs.reduce((a, b) => a + b)], [error], 1e-9 * (1 + error));
    for (const group of [0, 3, 4]) elimination.toggle(group);
    near(groups.map((_, g) => elimination.cost(g)), before, 1e-7);
  }
});

/** ½ E‖y − ŷ‖² of the refit without these columns. */
function errorOf(reader: Reader, removed: readonly number[]): number {
  const { weight } = refitted(reader, removed, "affine");
  const { inputs: n, outputs, moments: { covariance } } = reader;
  let error = 0;
  for (let o = 0; o < outputs; o++) {
    const off = Array.from({ length: n }, (_, i) => weight[o * n + i] - reader.weight[o * n + i]);
    off.forEach((a, i) => off.forEach((b, j) => error += a * b * covariance[i * n + j] / 2));
  }
  return error;
}

test("the criterion ranks groups in the order in which they go, also where costs fall", () => {
  assert.equal([...risingScores({ order: [2, 0, 3, 1], costs: [1, 0.5, 4, 3] })], [1 + 1e-9, 4 * (1 + 1e-9), 1, 4]);
});

test("greedy choice with swaps, and so the criterion, come within a hundredth of the best choice, over 60 instances", () => {
  let [greedy, chosen, ranked] = [0, 0, 0];
  for (let seed = 1; seed <= 60; seed++) {
    const size = 8, keep = 3 + seed % 3;
    const reader = readerOf(drawRows(seed, 120, size), drawWeight(seed, size, size));
    const alone = greedyBackward(createElimination([reader]), keep).costs.reduce((sum, cost) => sum + cost, 0);
    const { kept, error } = chooseGroups(createElimination([reader]), keep);
    assert.is(kept.length, keep);
    const removed = [...Array(size).keys()].filter((group) => !kept.includes(group));
    near([errorOf(reader, removed)], [error], 1e-6 * (1 + error));
    const least = Math.min(...subsets(size, size - keep).map((set) => errorOf(reader, set)));
    greedy += alone / least / 60;
    chosen += error / least / 60;
    const scores = risingScores(eliminationOrder(() => createElimination([reader]), keep));
    ranked += errorOf(reader, rankGroups(scores).slice(keep)) / least / 60;
  }
  assert.ok(chosen <= 1.01, `${chosen} of the best error`);
  assert.ok(ranked <= 1.01, `${ranked} of the best error by the criterion`);
  assert.ok(chosen < greedy, `swaps have not helped: ${chosen} and ${greedy}`);
});

test("ALPS is within some hundredths of the best choice on average, and never worse than magnitude with a refit", () => {
  let ratio = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const size = 8, keep = 3 + seed % 3;
    const reader = readerOf(drawRows(seed, 120, size), drawWeight(seed, size, size));
    const without = (kept: readonly number[]) =>
      errorOf(reader, [...Array(size).keys()].filter((group) => !kept.includes(group)));
    const found = without(alpsKept([reader], keep));
    const energies = Array.from(
      { length: size },
      (_, i) => reader.weight.reduce((sum, w, e) => e % size === i ? sum + w ** 2 : sum, 0),
    );
    const byMagnitude = without(topGroups(energies, keep));
    assert.ok(found <= byMagnitude * (1 + 1e-9), `seed ${seed}: ${found}, and ${byMagnitude} by magnitude`);
    ratio += found / Math.min(...subsets(size, size - keep).map((set) => errorOf(reader, set))) / 60;
  }
  assert.ok(ratio <= 1.06, `${ratio} of the best error`);
});

test("ALPS drops what the others make up for, not what is small, and weighs all layers that read it", () => {
  // x₁ = 2·x₀ + 1 of weight 3, x₂ of weight −1.
  const small = readerOf(LINE, [[1, 3, -1]], undefined, 1e-6);
  assert.ok(alpsKept([small], 2).includes(2), `${alpsKept([small], 2)}`);
  // Uncorrelated inputs of variance 1, 4 and 9: alone weights decide by w²·σ², here 4, 1 and 2.25; with the other layer 4, 5 and 2.25.
  const covariance = Float64Array.of(1, 0, 0, 0, 4, 0, 0, 0, 9);
  const layer = (...weight: number[]): Reader => ({
    inputs: 3,
    outputs: 1,
    weight: Float64Array.from(weight),
    moments: { mean: new Float64Array(3), covariance },
    groups: [[0], [1], [2]],
  });
  const [one, other] = [layer(2, 0.5, 0.5), layer(0, 1, 0)];
  assert.equal(alpsKept([one], 1), [0]);
  assert.equal(alpsKept([one], 2), [0, 2]);
  assert.equal(alpsKept([one, other], 1), [1]);
  assert.equal(alpsKept([one, other], 2), [0, 1]);
});

test("ALPS chooses for a layer of many outputs as for the same outputs in several layers, and keeps columns of no group", () => {
  // Column 6 is in no group.
  const rows = drawRows(3, 150, 7), weight = drawWeight(3, 20, 7), groups = [[0, 1], [2], [3], [4, 5]];
  const parts = [weight.slice(0, 7), weight.slice(7, 14), weight.slice(14)];
  for (const keep of [1, 2, 3]) {
    const found = alpsKept([readerOf(rows, weight, groups)], keep);
    assert.equal(found, alpsKept(parts.map((part) => readerOf(rows, part, groups)), keep));
    assert.is(found.length, keep);
  }
});

function subsets(size: number, count: number): number[][] {
  return Array.from({ length: 2 ** size }, (_, bits) => [...Array(size).keys()].filter((i) => bits >> i & 1))
    .filter((set) => set.length === count);
}

test("contributions are the second moments of what groups add, and ThiNet takes what adds least together", () => {
  // x₀ and x₁ of covariance [[2, 1], [1, 1]] weighed by 1 and −1, x₂ of variance 4 by ½.
  const reader: Reader = {
    inputs: 3,
    outputs: 1,
    weight: Float64Array.of(1, -1, 0.5),
    moments: { mean: new Float64Array(3), covariance: Float64Array.of(2, 1, 0, 1, 1, 0, 0, 0, 4) },
    groups: [[0], [1], [2]],
  };
  const gram = contributions([reader]);
  near(gram, [2, -1, 0, -1, 1, 0, 0, 0, 1]);
  // First 1, by its lower index, then 0, which takes most of 1 away with it: 1 + 2 − 2·1 = 1, where 2 would make it 2.
  assert.equal(thinetOrder(Float64Array.of(2, -1, 0, -1, 1, 0, 0, 0, 1.5), 3), [1, 0, 2]);
  near(contributions([reader, reader]), gram.map((value) => 2 * value));
});

test("on an orthogonal design the LASSO is a soft threshold", () => {
  // q = the diagonal: β = (q − λ)₊ / G.
  const gram = Float64Array.of(4, 0, 0, 0, 1, 0, 0, 0, 2);
  near(lassoCoefficients(gram, 1.5), [2.5 / 4, 0, 0.5 / 2]);
  near(lassoCoefficients(gram, 0), [1, 1, 1]);
  assert.equal(lassoKept(gram, 1), [0]);
  assert.equal(lassoKept(gram, 2), [0, 2]);
  assert.equal(lassoKept(gram, 3), [0, 1, 2]);
});

test("the LASSO keeps one of two groups that say the same, and as many as it is asked for where all are alike", () => {
  // a₁ = 3·a₀ and a₂ on its own: λ takes a₀ first.
  assert.equal(lassoKept(Float64Array.of(1, 3, 0, 3, 9, 0, 0, 0, 4), 2), [1, 2]);
  assert.equal(lassoKept(Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), 2), [0, 1]);
});

test("the LASSO's coefficients meet its optimality conditions", () => {
  const gram = contributions([readerOf(drawRows(5, 90, 6), drawWeight(5, 2, 6))]);
  const lambda = 3;
  const beta = lassoCoefficients(gram, lambda);
  assert.ok(beta.some((b) => b === 0) && beta.some((b) => b !== 0), `${beta}`);
  beta.forEach((b, g) => {
    let gradient = 0;
    for (let h = 0; h < 6; h++) gradient += gram[g * 6 + h] * (beta[h] - 1);
    if (b === 0) assert.ok(Math.abs(gradient) <= lambda * (1 + 1e-6));
    else near([gradient], [-lambda * Math.sign(b)], 1e-5);
  });
});

test.run();
