/** What a node's operands give to a channel, by small tensors. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { numberOfChannel, operandChannel, tensor, uniform } from "../../src/prune/rules/operands.ts";
import type { ChannelNumbers, NumberedModel } from "../../src/prune/rules/types.ts";

const test = suite("operands");

function numbered(shape: number[], data: number[]): NumberedModel {
  const params = new Map([["p", { shape, data: Float32Array.from(data) }]]);
  return { model: { graph: { name: "g" }, params } } as unknown as NumberedModel;
}

function given(shape: number[], data: number[], axis: number | null): (number | undefined)[] {
  const count = axis === null ? 1 : shape[axis];
  return Array.from({ length: count }, (_, j) => numberOfChannel(numbered(shape, data), "p", axis, j));
}

test("a parameter gives a channel one number where all that stands there is the same", () => {
  assert.equal(given([3], [4, 5, 6], 0), [4, 5, 6]);
  assert.equal(given([2, 2], [5, 5, 6, 7], 0), [5, undefined]);
  assert.equal(given([2, 2], [5, 5, 6, 6], 0), [5, 6]);
  assert.equal(given([2, 2], [5, 7, 6, 6], 0), [undefined, 6]);
  assert.equal(given([2, 2], [5, 7, 5, 6], 1), [5, undefined]);
  assert.equal(given([2, 3, 2], [1, 1, 2, 2, 3, 4, 1, 1, 2, 2, 3, 3], 1), [1, 2, undefined]);
  assert.equal(given([2, 3, 1], [1, 2, 3, 1, 2, 4], 1), [1, 2, undefined]);
});

test("a parameter that has no axis of channels gives all of them the same, or nothing", () => {
  assert.equal(given([2], [7, 7], null), [7]);
  assert.equal(given([2], [7, 8], null), [undefined]);
});

test("numbers are the same only where all of them are; of none nothing is said", () => {
  assert.is(uniform(Float64Array.of(2, 2, 2)), 2);
  assert.is(uniform(Float64Array.of(2, 2, 3)), undefined);
  assert.is(uniform(new Float64Array(0)), undefined);
});

test("an operand of one channel is spread over all, and others follow one by one", () => {
  const channels = { base: () => 10, width: (name: string) => name === "one" ? 1 : 4 } as unknown as ChannelNumbers;
  assert.equal([0, 3].map((j) => operandChannel(channels, "one", j)), [10, 10]);
  assert.equal([0, 3].map((j) => operandChannel(channels, "four", j)), [10, 13]);
});

test("a parameter without values is an error that names it and its graph", () => {
  assert.throws(() => tensor(numbered([1], [1]).model, "q"), /parameter "q" of graph "g" has no values/);
});

test.run();
