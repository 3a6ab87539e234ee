import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { UserError } from "../../src/errors.ts";
import { dropout } from "../../src/tensor/ops/dropout.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { checkOp } from "./check_op.ts";

const test = suite("dropout");
const key = { seed: 2 ** 40 + 17, stream: "fc1", step: 3 };

for (const size of [1, 7, 64, 1023, 5000]) {
  for (const rate of [0.25, 0.5, 0.9]) {
    test(`of ${size} elements at rate ${rate}, mid-graph: the host's mask, divided by 1 - rate`, () => {
      const rng = random(key.seed, key.stream);
      return checkOp({
        name: "dropout",
        shapes: [[size]],
        shape: [size],
        op: (tape, [x]) => dropout(tape, x, rate, key),
        oracle: ([x]) => x.map((v, i) => rng.uniform(key.step, i) >= rate ? v / (1 - rate) : 0),
      });
    });
  }
}

test("the mask is a function of seed, stream and step, and keeps its share", async () => {
  const gpu = await testGpu();
  const size = 20_000;
  const kept = async (of: typeof key) => {
    using tape = new Tape(gpu, "train");
    const ones = tape.own(Tensor.from(gpu, new Float32Array(size).fill(1), [size]));
    return (await dropout(tape, ones, 0.3, of).read()).map((v) => v === 0 ? 0 : 1);
  };
  const masks = [key, key, { ...key, seed: 1 }, { ...key, stream: "fc2" }, { ...key, step: 4 }].map(kept);
  const [first, again, ...others] = await Promise.all(masks);
  assert.equal(first, again);
  for (const other of others) {
    const agreeing = other.filter((v, i) => v === first[i]).length / size;
    // Independent masks agree with probability 0.7² + 0.3² = 0.58; five standard deviations are 0.0175.
    assert.ok(Math.abs(agreeing - 0.58) < 0.0175, `${agreeing}`);
    assert.ok(Math.abs(other.reduce((a, b) => a + b, 0) / size - 0.7) < 0.0163);
  }
});

test("evaluation and rate 0 pass x on; a rate outside [0, 1) is refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  using training = new Tape(gpu, "train");
  const x = tape.empty([4]);
  assert.is(dropout(tape, x, 0.5, key), x);
  assert.is(dropout(training, x, 0, key), x);
  for (const rate of [-0.1, 1, NaN]) {
    assert.throws(() => dropout(training, x, rate, key), (e: Error) => e instanceof UserError);
  }
});

test.run();
