/** What the tuner decides, by medians and outputs with known values. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { requireSame, winnerOf, worthMeasuring } from "../../src/measure/tune_choice.ts";

const test = suite("tuner's choices");

test("a way at one and a half times the fastest is measured again, one beyond is not, the planner's own always is", () => {
  const left = (untuned: string, firstMs: number[]) =>
    worthMeasuring([{ name: "a" }, { name: "b" }, { name: "c" }], firstMs, untuned).map(({ name }) => name).join("");
  assert.is(left("a", [9, 2, 3]), "abc");
  assert.is(left("a", [9, 2, 3.001]), "ab");
  assert.is(left("b", [9, 2, 3.001]), "b");
  assert.is(left("b", [2, 2.5, 1]), "bc");
});

test("a challenger wins below 0.97 of the planner's own choice", () => {
  const winner = (own: number, ...others: number[]) =>
    winnerOf(new Map([["own", own], ...others.map((ms, i) => [`way ${i}`, ms] as const)]), "own");
  assert.is(winner(100, 96.9), "way 0");
  assert.is(winner(100, 97.1), "own");
  // 4 · 0.97 = 3.88, which is not below itself.
  assert.is(winner(4, 3.88), "own");
  assert.is(winner(4, 3.879), "way 0");
  assert.is(winner(1, 2), "own");
});

test("the fastest of several challengers wins, and the first of equals", () => {
  const medians = new Map([["slow", 5], ["own", 9], ["quick", 2], ["as quick", 2]]);
  assert.is(winnerOf(medians, "own"), "quick");
});

test("outputs are the same up to a squared error of 1e-9 of their squares, and 0 where all of them are 0", () => {
  const same = (expected: number[][], found: number[][]) => {
    const [a, b] = [expected, found].map((all) => all.map((values) => new Float32Array(values)));
    return () => requireSame(a, b);
  };
  // 2⁻³⁰ = 0.93e-9, the squared error of 2⁻¹⁵ beside 1; together with another as large it is too much.
  same([[1, 0]], [[1 + 2 ** -15, 0]])();
  assert.throws(same([[1, 0]], [[1 + 2 ** -15, 2 ** -15]]), /its numbers differ: NMSE 1\.9e-9/);
  // 9 + 16 = 25 of two outputs: an error of 1 is 1/25, and one of 2⁻¹⁴ = 6.1e-5, squared 3.7e-9, is 1.5e-10 of it.
  assert.throws(same([[3], [4]], [[3], [5]]), /NMSE 4\.0e-2/);
  same([[3], [4]], [[3 + 2 ** -14], [4]])();
  // 31622² + 221² + 16² + 4² + 3 · 1² = 10⁹: an error of 1 is 1e-9 of it and no more.
  const billion = [31_622, 221, 16, 4, 1, 1];
  same([[...billion, 1]], [[...billion, 0]])();
  same([[0, 0]], [[0, 0]])();
  assert.throws(same([[0, 0]], [[0, 1e-6]]), /NMSE Infinity/);
  assert.throws(same([[1]], [[NaN]]), /NMSE NaN/);
});

test.run();
