import { suite } from "uvu";
import * as assert from "uvu/assert";
import { softmaxCandidates } from "../../kernels/softmax/softmax.ts";
import { launch, tuningFor } from "../../src/tensor/ops/launch.ts";
import { softmax } from "../../src/tensor/ops/softmax.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { softmaxRows } from "../oracle/attention.ts";
import { assertClose, checkOp } from "./check_op.ts";

const test = suite("softmax");

for (const shape of [[1, 1], [5, 3], [3, 7, 13], [2, 3, 5, 64], [70, 29], [3, 1000]]) {
  test(`softmax of [${shape}], mid-graph`, () =>
    checkOp({
      name: "softmax",
      shapes: [shape],
      shape,
      op: (tape, [x]) => softmax(tape, x),
      oracle: ([x]) => softmaxRows(x, shape[shape.length - 1]),
      rtol: 1e-5,
    }));
}

for (const [rows, length] of [[1, 1], [67, 13], [9, 192], [3, 257]]) {
  test(`every way to do [${rows},${length}], forward and back`, async () => {
    const gpu = await testGpu();
    const data = Float32Array.from({ length: rows * length }, (_, i) => Math.sin(i * 1.7) * 4);
    const slope = Float32Array.from(data, (_, i) => Math.cos(i * 0.9));
    const want = softmaxRows(Float64Array.from(data), length);
    const dots = Array.from({ length: rows }, (_, r) => {
      let dot = 0;
      for (let i = r * length; i < (r + 1) * length; i++) dot += want[i] * slope[i];
      return dot;
    });
    const back = want.map((v, i) => v * (slope[i] - dots[Math.floor(i / length)]));
    using tape = new Tape(gpu, "eval");
    const of = (values: Float32Array) => tape.own(Tensor.from(gpu, values, [rows, length]));
    const x = of(data), dy = of(slope), y = tape.empty([rows, length]), dx = tape.empty([rows, length]);
    const ways = softmaxCandidates(rows, length, "forward", tuningFor(gpu));
    const backWays = softmaxCandidates(rows, length, "gradient", tuningFor(gpu));
    for (const [i, way] of ways.entries()) {
      launch(gpu, way.build(), { x, y }, way.name);
      assertClose(await y.read(), want, 1e-6, way.name);
      launch(gpu, backWays[i].build(), { y, dy, dx }, way.name);
      assertClose(await dx.read(), back, 1e-5, `${way.name}, gradient`);
    }
  });
}

test("large and far values neither overflow nor vanish", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const x = tape.own(Tensor.from(gpu, Float32Array.of(1e4, 1e4, -1e4, -1e30, -1e4, -1e4, -1e4, -1e4), [2, 4]));
  assert.equal([...await softmax(tape, x).read()], [0.5, 0.5, 0, 0, 0.25, 0.25, 0.25, 0.25]);
});

test.run();
