import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mad, median } from "../../src/measure/stats.ts";

const test = suite("statistics");

test("the median is the middle value, or the mean of the middle two, by size and not by spelling", () => {
  assert.is(median([7]), 7);
  assert.is(median([10, 9, 100]), 10);
  assert.is(median([1, 2, 3, 10]), 2.5);
  assert.is(median([-1, -20, 3]), -1);
});

test("values keep their order", () => {
  const values = [3, 1, 2];
  median(values);
  mad(values);
  assert.equal(values, [3, 1, 2]);
});

test("the MAD is the median distance from the median", () => {
  assert.is(mad([5]), 0);
  assert.is(mad([1, 1, 2, 2, 4, 6, 9]), 1);
});

test("one wild sample in nine moves neither", () => {
  const calm = [10, 10.1, 9.9, 10.2, 9.8, 10, 10.1, 9.9];
  assert.ok(Math.abs(median([...calm, 1e6]) - median(calm)) <= 0.1);
  assert.ok(mad([...calm, 1e6]) <= 0.11);
});

test("no values have no median", () => {
  assert.throws(() => median([]), /no values/);
  assert.throws(() => mad([]), /no values/);
});

test.run();
