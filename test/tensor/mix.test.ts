import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { mix } from "../../src/tensor/ops/mix.ts";
import { sum } from "../../src/tensor/ops/reduce.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { checkOp } from "./check_op.ts";

const test = suite("mix");

for (const shape of [[1], [2, 5, 7, 7], [4, 3, 8, 8]]) {
  for (const factor of [0.3, 0.75]) {
    test(`[${shape}] at ${factor}: values and gradients`, () =>
      checkOp({
        name: "mix",
        shapes: [shape, shape],
        op: (tape, [a, b]) => mix(tape, a, b, factor),
        oracle: ([a, b]) => a.map((v, i) => (1 - factor) * v + factor * b[i]),
        shape,
      }));
  }
}

test("at 0 and at 1 it is one of the two, whatever the other holds", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const a = tape.own(Tensor.from(gpu, Float32Array.of(0.1, -0, 3e38, NaN), [4]));
  const b = tape.own(Tensor.from(gpu, Float32Array.of(Infinity, NaN, 0.3, -7), [4]));
  const bits = async (t: Tensor) => [...new Uint32Array((await gpu.readMany([t]))[0])];
  assert.equal(await bits(mix(tape, a, b, 0)), await bits(a));
  assert.equal(await bits(mix(tape, a, b, 1)), await bits(b));
});

test("at 0 and at 1 the other one gets no gradient", async () => {
  const gpu = await testGpu();
  for (const [factor, chosen] of [[0, 0], [1, 1]] as const) {
    using tape = new Tape(gpu, "train");
    const operands = [[1, 2, 3], [4, 5, 6]].map((values) => tape.own(Tensor.from(gpu, Float32Array.from(values), [3])));
    for (const operand of operands) tape.watch(operand);
    tape.backward(sum(tape, mix(tape, operands[0], operands[1], factor)));
    const [gradient] = await gpu.readMany([tape.gradient(operands[chosen])!]);
    assert.equal([...new Float32Array(gradient)], [1, 1, 1]);
    assert.is(tape.gradient(operands[1 - chosen]), undefined);
  }
});

test("other shapes and factors are refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const [a, b] = [[2, 3], [3, 2]].map((shape) => tape.own(Tensor.zeros(gpu, shape)));
  const refused = (run: () => unknown, message: RegExp) =>
    assert.throws(run, (error: Error) => error instanceof UserError && message.test(error.message));
  refused(() => mix(tape, a, b, 0.5), /\[2,3\] and \[3,2\], expected one shape/);
  refused(() => mix(tape, a, a, 1.5), /the factor is 1.5, expected a number in 0…1/);
  refused(() => mix(tape, a, a, NaN), /the factor is NaN/);
});

test.run();
