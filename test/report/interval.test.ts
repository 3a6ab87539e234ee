import { suite } from "uvu";
import * as assert from "uvu/assert";
import { intervalWords, wilson } from "../../src/report/interval.ts";

const test = suite("intervals of accuracies");

const near = (found: number, expected: number) => assert.ok(Math.abs(found - expected) < 5e-4, `${found}`);

test("Wilson's interval by hand: half of ten, and all of 36", () => {
  // z² = 3.8415: (0.5 + 0.1921 ± 1.96 · √(0.025 + 0.0096)) / 1.3841.
  const half = wilson(0.5, 10);
  near(half.low, 0.2366);
  near(half.high, 0.7634);
  // 36 / (36 + 3.8415): all of few images is no certainty.
  const all = wilson(1, 36);
  near(all.low, 0.9036);
  assert.is(all.high, 1);
  const none = wilson(0, 36);
  assert.is(none.low, 0);
  near(none.high, 0.0964);
});

test("more images make it narrower, and in words it has a digit behind the point", () => {
  assert.is(intervalWords(0.5, 10), "23.7–76.3 %");
  assert.is(intervalWords(357 / 359, 359), "98.0–99.8 %");
  assert.throws(() => wilson(0.5, 0), /0 images/);
});

test.run();
