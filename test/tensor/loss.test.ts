import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { softmaxCrossEntropy } from "../../src/tensor/ops/loss.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { assertClose, checkOp } from "./check_op.ts";

const test = suite("loss");

function labelsFor(rows: number, classes: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: rows }, (_, n) => (n * 7 + 3) % classes);
}

/** −Σ target · log softmax, averaged over the first `valid` rows. */
function crossEntropy(z: Float64Array, labels: Uint32Array, classes: number, smoothing: number, valid: number): number {
  let total = 0;
  for (let n = 0; n < valid; n++) {
    const row = z.subarray(n * classes, (n + 1) * classes);
    const largest = Math.max(...row);
    const logsum = largest + Math.log(row.reduce((sum, v) => sum + Math.exp(v - largest), 0));
    row.forEach((v, k) => {
      const target = smoothing / classes + (k === labels[n] ? 1 - smoothing : 0);
      total -= target * (v - logsum);
    });
  }
  return total / valid;
}

for (const [rows, classes] of [[1, 2], [3, 10], [64, 10], [70, 7], [5, 100], [3, 130], [2, 1000]]) {
  for (const smoothing of [0, 0.1]) {
    test(`cross entropy of [${rows}, ${classes}], smoothing ${smoothing}, mid-graph`, async () => {
      const gpu = await testGpu();
      const labels = labelsFor(rows, classes);
      using l = Tensor.from(gpu, labels, [rows]);
      for (const valid of [rows, Math.ceil(rows / 2)]) {
        await checkOp({
          name: `${valid} of ${rows} rows`,
          shapes: [[rows, classes]],
          shape: [],
          op: (tape, [z]) => softmaxCrossEntropy(tape, z, l, { smoothing, rows: valid }),
          oracle: ([z]) => Float64Array.of(crossEntropy(z, labels, classes, smoothing, valid)),
        });
      }
    });
  }
}

test("large logits neither overflow nor lose the loss", async () => {
  const gpu = await testGpu();
  const logits = Float32Array.of(1000, 0, -1000, 5000, 5001, 4999, -1e4, -1e4, -1e4);
  const labels = Uint32Array.of(0, 0, 2);
  using tape = new Tape(gpu, "train");
  const z = tape.own(Tensor.from(gpu, logits, [3, 3]));
  tape.watch(z);
  const loss = softmaxCrossEntropy(tape, z, tape.own(Tensor.from(gpu, labels, [3])));
  const expected = crossEntropy(Float64Array.from(logits), labels, 3, 0, 3);
  tape.backward(loss);
  const gradient = await tape.gradient(z)!.read();
  assert.ok(gradient.every(Number.isFinite));
  assertClose(gradient.subarray(6), [1 / 9, 1 / 9, -2 / 9], 1e-6, "gradient of equal logits");
  using again = new Tape(gpu, "eval");
  const value = softmaxCrossEntropy(again, z, again.own(Tensor.from(gpu, labels, [3])));
  assertClose([await value.item()], [expected], 1e-6, "loss");
});

test("labels of another length or type are refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "train");
  const z = tape.empty([4, 3]);
  for (const labels of [tape.empty([3], "u32"), tape.empty([4])]) {
    assert.throws(() => softmaxCrossEntropy(tape, z, labels), (e: Error) => e instanceof UserError);
  }
});

test.run();
