import { suite } from "uvu";
import * as assert from "uvu/assert";
import { contiguous, permuted, reshaped, sliced, type Strided } from "../../src/graph/strided.ts";

const test = suite("strided values");

/** The places of all numbers of two samples, in order. */
function places({ first, shape, strides }: Strided): number[] {
  return shape.reduce<number[]>(
    (found, d, axis) =>
      found.flatMap((at) => Array.from({ length: d === "N" ? 2 : d }, (_, i) => at + i * strides[axis])),
    [first],
  );
}

test("a value that fills its storage has its numbers one after another", () => {
  assert.equal(contiguous(["N", 2, 3]), { first: 0, shape: ["N", 2, 3], strides: [6, 3, 1] });
  assert.equal(places(contiguous(["N", 2, 3])), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test("the heads of the keys in a joint projection of two tokens lie where they were made", () => {
  // [N,2,12] holds q, k and v of 2 heads of 2 numbers: the keys of token 0 are numbers 4 to 7, those of token 1 16 to 19.
  const keys = sliced(contiguous(["N", 2, 12]), [null, null, { start: 4, step: 1, count: 4 }]);
  const heads = permuted(reshaped(keys, ["N", 2, 2, 2])!, [0, 2, 1, 3]);
  assert.equal(heads, { first: 4, shape: ["N", 2, 2, 2], strides: [24, 2, 12, 1] });
  assert.equal(places(heads).slice(0, 8), [4, 5, 16, 17, 6, 7, 18, 19]);
});

test("a range takes its start and its step, on any axis", () => {
  const every = sliced(contiguous(["N", 4, 5]), [null, { start: 1, step: 2, count: 2 }, {
    start: 0,
    step: 3,
    count: 2,
  }]);
  assert.equal(places(every), [5, 8, 15, 18, 25, 28, 35, 38]);
});

test("a reshape keeps its numbers in order, or is refused where no strides tell that order", () => {
  const turned = permuted(contiguous(["N", 4, 3]), [0, 2, 1]);
  assert.equal(reshaped(turned, ["N", 3, 2, 1, 2])?.strides, [12, 1, 6, 0, 3]);
  assert.is(reshaped(turned, ["N", 12]), undefined);
  assert.is(reshaped(turned, ["N", 2, 6]), undefined);
  const half = sliced(contiguous(["N", 4, 6]), [null, null, { start: 3, step: 1, count: 3 }]);
  assert.is(reshaped(half, ["N", 12]), undefined);
  for (const shape of [["N", 2, 2, 3], ["N", 1, 4, 3], ["N", 4, 1, 3, 1]] as const) {
    assert.equal(places(reshaped(half, shape)!), places(half));
  }
  // Rows that were sliced away lie at an end: what is left still follows.
  const rows = sliced(contiguous(["N", 4, 3]), [null, { start: 1, step: 1, count: 2 }, null]);
  assert.equal(places(reshaped(rows, ["N", 6])!), [3, 4, 5, 6, 7, 8, 15, 16, 17, 18, 19, 20]);
});

test.run();
