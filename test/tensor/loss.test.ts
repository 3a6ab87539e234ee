import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { random } from "../../kernels/random/philox.ts";
import { distillationLoss, meanSquaredError, softmaxCrossEntropy } from "../../src/tensor/ops/loss.ts";
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

/** T² · Σ p (log p − log q), averaged over the rows. */
function divergence(z: Float64Array, p: Float64Array, classes: number, temperature: number): number {
  const q = softmaxRows(z, classes, temperature);
  const rows = z.length / classes;
  return temperature ** 2 * p.reduce((sum, v, i) => v === 0 ? sum : sum + v * (Math.log(v) - q[i]), 0) / rows;
}

/** log softmax(z / T), row by row. */
function softmaxRows(z: Float64Array, classes: number, temperature: number): Float64Array {
  const result = z.map((v) => v / temperature);
  for (let first = 0; first < z.length; first += classes) {
    const row = result.subarray(first, first + classes);
    const largest = row.reduce((a, b) => Math.max(a, b));
    const logsum = largest + Math.log(row.reduce((sum, v) => sum + Math.exp(v - largest), 0));
    row.forEach((v, k) => row[k] = v - logsum);
  }
  return result;
}

for (const shape of [[1, 1], [1, 3], [1, 1000], [33, 10], [5, 130], [2, 3, 7], [3, 1000]]) {
  for (const temperature of [1, 4]) {
    for (const targets of ["logits", "probabilities"] as const) {
      test(`distillation of [${shape}] at temperature ${temperature} from ${targets}, mid-graph`, async () => {
        const gpu = await testGpu();
        const classes = shape[shape.length - 1];
        const size = shape.reduce((a, b) => a * b, 1);
        const logits = Float64Array.from(random(9, "teacher").fillNormal(new Float32Array(size), 0));
        const p = softmaxRows(logits, classes, targets === "logits" ? temperature : 1).map(Math.exp);
        const given = Float32Array.from(targets === "logits" ? logits : p);
        using t = Tensor.from(gpu, given, shape);
        await checkOp({
          name: `${shape}`,
          shapes: [shape],
          shape: [],
          op: (tape, [z]) => distillationLoss(tape, z, t, { temperature, targets }),
          oracle: ([z]) => Float64Array.of(divergence(z, p, classes, temperature)),
          // A divergence is a difference of logarithms: of one class, or of equals, it is 0 but for their rounding.
          values: classes === 1 ? () => Float64Array.of(0.7) : undefined,
          rtol: 2e-5,
        });
      });
    }
  }
}

test("the divergence from oneself is 0, with a gradient of 0; of two classes it is what one works out by hand", async () => {
  const gpu = await testGpu();
  const run = async (
    student: number[],
    teacher: number[],
    targets: "logits" | "probabilities",
    temperature: number,
  ) => {
    using tape = new Tape(gpu, "train");
    const z = tape.own(Tensor.from(gpu, Float32Array.from(student), [1, student.length]));
    const t = tape.own(Tensor.from(gpu, Float32Array.from(teacher), [1, teacher.length]));
    tape.watch(z);
    const loss = distillationLoss(tape, z, t, { temperature, targets });
    using kept = loss.view([]);
    tape.backward(loss);
    const [value, gradient] = [await kept.item(), await tape.gradient(z)!.read()];
    return { value, gradient: [...gradient] };
  };
  const same = await run([1, -2, 5], [1, -2, 5], "logits", 3);
  assert.ok(Math.abs(same.value) < 1e-6 && same.gradient.every((g) => Math.abs(g) < 1e-6));
  // p = (1, 0), q = (1/4, 3/4): KL = log 4, dz = q − p.
  const hard = await run([0, Math.log(3)], [1, 0], "probabilities", 1);
  assertClose([hard.value, ...hard.gradient], [Math.log(4), -0.75, 0.75], 1e-6, "hard targets");
  // At T = 2, z/T = (0, log 3) as before and p = (1/2, 1/2): 4 · (½ log 2 + ½ log ⅔), T · (q − p).
  const soft = await run([0, 2 * Math.log(3)], [7, 7], "logits", 2);
  assertClose([soft.value, ...soft.gradient], [2 * Math.log(4 / 3), -0.5, 0.5], 1e-6, "soft targets");
  const large = await run([5000, 5001, -1e4], [5001, 5000, 1e4], "logits", 1);
  assert.ok(Math.abs(large.value - 15001.3132617) < 1e-2 && large.gradient.every(Number.isFinite), String(large.value));
});

for (const shape of [[1], [1, 1], [7, 3], [2, 3, 5, 5], [130, 70]]) {
  test(`mean squared error of [${shape}], mid-graph`, async () => {
    const gpu = await testGpu();
    const size = shape.reduce((a, b) => a * b, 1);
    const target = random(9, "target").fillNormal(new Float32Array(size), 0);
    using t = Tensor.from(gpu, target, shape);
    await checkOp({
      name: `${shape}`,
      shapes: [shape],
      shape: [],
      op: (tape, [y]) => meanSquaredError(tape, y, t),
      oracle: ([y]) => Float64Array.of(y.reduce((sum, v, i) => sum + (v - target[i]) ** 2, 0) / size),
    });
  });
}

test("mean squared error of (3, 1) against (1, 1) is 2, with the gradient (2, 0)", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "train");
  const y = tape.own(Tensor.from(gpu, Float32Array.of(3, 1), [2]));
  tape.watch(y);
  const loss = meanSquaredError(tape, y, tape.own(Tensor.from(gpu, Float32Array.of(1, 1), [2])));
  using kept = loss.view([]);
  tape.backward(loss);
  assert.equal([await kept.item(), ...await tape.gradient(y)!.read()], [2, 2, 0]);
});

test("targets of another shape and temperatures that are no numbers above 0 are refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "train");
  const [z, t] = [tape.empty([4, 3]), tape.empty([4, 2])];
  for (const work of [() => distillationLoss(tape, z, t), () => meanSquaredError(tape, z, t)]) {
    assert.throws(work, (e: Error) => e instanceof UserError && /\[4,3\], its target \[4,2\]/.test(e.message));
  }
  for (const temperature of [0, -1, NaN, Infinity]) {
    assert.throws(() => distillationLoss(tape, z, z, { temperature }), /expected a number above 0/);
  }
});

test.run();
