/** Means over seeds and their intervals, which decide what a text may claim. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inPercent, seedMean } from "../../scripts/experiments/seeds.ts";

const test = suite("seeds of an experiment");

test("the interval is Student's: t · s / √n, with n − 1 degrees of freedom", () => {
  const { mean, halfWidth } = seedMean([1, 2, 3]);
  assert.is(mean, 2);
  // s = 1, t of two degrees of freedom = 4.303, over √3.
  assert.ok(Math.abs(halfWidth! - 2.48434) < 1e-4);
  // s = 2, t of four degrees of freedom = 2.776, over √5: the values' squared distances from 4 add up to 16.
  const five = seedMean([2, 2, 4, 6, 6]);
  assert.ok(Math.abs(five.halfWidth! - 2.776 * 2 / Math.sqrt(5)) < 1e-12);
});

test("one seed has a mean and no interval, and none is refused", () => {
  assert.equal(seedMean([0.5]), { mean: 0.5, halfWidth: undefined });
  assert.is(inPercent(seedMean([0.5])), "50.00");
  assert.is(inPercent(seedMean([0.5, 0.5])), "50.00 ± 0.00");
  assert.throws(() => seedMean([]), /0 seeds/);
});

test.run();
