/** A device that binds 256 KiB at most does what one without that limit does: larger weights are bound in windows, one after another. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { execute } from "../../src/graph/execute.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { DeviceLimitError } from "../../src/gpu/errors.ts";
import { createArena } from "../../src/tensor/arena.ts";
import { linear, linearForward, matmul } from "../../src/tensor/ops/gemm.ts";
import { add } from "../../src/tensor/ops/pointwise.ts";
import { createOptimizer } from "../../src/tensor/optimizer.ts";
import { pullTargets } from "../../src/tensor/project.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { openGpu } from "../gpu/kernels.ts";
import { nmse } from "../oracle/mid_graph.ts";
import { matmul64, noise, sumError } from "./reference64.ts";

const test = suite("weights above the binding limit");
const LIMIT = { bindingBytes: 2 ** 18 };

const SIZES = [[1, 301, 401], [5, 512, 256], [31, 700, 128], [3, 130, 599]];

for (const [m, n, k] of SIZES) {
  test(`linear and matmul with a weight [${n},${k}] and ${m} rows, forward and gradients`, async () => {
    using gpu = await openGpu(LIMIT);
    const a = noise(m * k, 1), b = noise(n * k, 2), bias = noise(n, 3), dy = noise(m * n, 4);
    const bt = Float32Array.from({ length: k * n }, (_, i) => b[(i % n) * k + Math.floor(i / n)]);
    const upload = (data: Float32Array<ArrayBuffer>, ...shape: number[]) => Tensor.from(gpu, data, shape);
    const [ta, tb, tbt, tbias, seed] = [
      upload(a, m, k),
      upload(b, n, k),
      upload(bt, k, n),
      upload(bias, n),
      upload(dy, m, n),
    ];
    const y = matmul64(m, n, k, (i, t) => a[i * k + t], (j, t) => b[j * k + t]);
    const da = matmul64(m, k, n, (i, j) => dy[i * n + j], (t, j) => b[j * k + t]);
    const db = matmul64(n, k, m, (j, i) => dy[i * n + j], (t, i) => a[i * k + t]);
    const dbt = matmul64(k, n, m, (t, i) => a[i * k + t], (j, i) => dy[i * n + j]);
    const run = async (op: (tape: Tape) => Tensor, watched: Tensor[]) => {
      using tape = new Tape(gpu, "train");
      watched.forEach((tensor) => tape.watch(tensor));
      const out = op(tape);
      const [value] = await readTensors([out]);
      tape.backward(out, seed);
      return [value, ...await readTensors(watched.map((tensor) => tape.gradient(tensor)!))];
    };
    const [product, productA, productB] = await run((tape) => matmul(tape, ta, tbt), [ta, tbt]);
    assert.is(sumError(product, y, k), undefined, "matmul");
    assert.is(sumError(productA, da, n), undefined, "matmul da");
    assert.is(sumError(productB, dbt, m), undefined, "matmul db");
    const [value, dx, dw] = await run((tape) => linear(tape, ta, tb, tbias), [ta, tb, tbias]);
    const biased = {
      value: y.value.map((v, i) => v + bias[i % n]),
      magnitude: y.magnitude.map((v, i) => v + Math.abs(bias[i % n])),
    };
    assert.is(sumError(value, biased, k + 1), undefined, "linear");
    assert.is(sumError(dx, da, n), undefined, "linear dx");
    assert.is(sumError(dw, db, m), undefined, "linear dw");
  });
}

test("bias, residual and activation come with the last of the sum", async () => {
  using gpu = await openGpu(LIMIT);
  const [m, n, k] = [5, 512, 256];
  const x = noise(m * k, 1), w = noise(n * k, 2), bias = noise(n, 3), residual = noise(m * n, 4);
  const y = Tensor.empty(gpu, [m, n]);
  linearForward(gpu, {
    x: Tensor.from(gpu, x, [m, k]),
    w: Tensor.from(gpu, w, [n, k]),
    bias: Tensor.from(gpu, bias, [n]),
    residual: Tensor.from(gpu, residual, [m, n]),
    y,
  }, "relu");
  const { value } = matmul64(m, n, k, (i, t) => x[i * k + t], (j, t) => w[j * k + t]);
  const expected = value.map((v, i) => Math.max(0, v + bias[i % n] + residual[i]));
  assert.ok(nmse(await y.read(), expected) < 1e-12);
});

/** A classifier whose middle weight is 585 KiB. */
function classifier() {
  const b = builder("classifier", ["N", 300]);
  const hidden = b.relu(b.gemm(b.input, { name: "wide", out: 500 }));
  b.gemm(hidden, { name: "head", out: 7 });
  return b.graph();
}

test("the inference plan of such a network computes what the reference does", async () => {
  using gpu = await openGpu(LIMIT);
  const graph = classifier();
  const model = { graph, params: randomParams(graph, 1) };
  for (const batch of [1, 3]) {
    const inputs = randomInputs(graph, 2, batch);
    const plan = compilePlan(gpu, model, batch);
    const actual = await plan.run(Tensor.from(gpu, inputs.input.data, inputs.input.shape)).read();
    assert.ok(nmse(actual, referenceForward(model, inputs).get("head")!.data) < 1e-11);
    plan.dispose();
  }
});

test("training steps end where they end without the limit", async () => {
  const graph = classifier();
  const params = randomParams(graph, 1);
  const inputs = randomInputs(graph, 2, 5);
  const train = (gpu: Gpu) => {
    const specs = Object.entries(graph.params).map(([name, { shape }]) => ({ name, shape }));
    const weights = createArena(gpu, specs, "weights");
    const [gradients, mask, target, z, u] = ["gradients", "mask", "target", "z", "u"].map((label) =>
      createArena(gpu, weights.layout, label)
    );
    weights.upload(params);
    z.upload(randomParams(graph, 7));
    u.upload(randomParams(graph, 8));
    mask.fill(1);
    mask.upload(
      new Map([["wide.weight", {
        shape: [500, 300],
        data: Float32Array.from({ length: 150_000 }, (_, i) => i % 3 ? 1 : 0),
      }]]),
    );
    pullTargets(
      gpu,
      ["wide.weight", "head.weight"].map((name) => ({
        constraints: [{ z: z.tensor(name), u: u.tensor(name), rho: 0.5 }],
        target: target.tensor(name),
      })),
    );
    const optimizer = createOptimizer(gpu, weights.layout, { kind: "adam" });
    optimizer.setSegments((name) => name.endsWith("weight") ? { rho: 0.5, weightDecay: 0.01 } : undefined);
    for (let step = 0; step < 3; step++) {
      using tape = new Tape(gpu, "train");
      const tensors = new Map(specs.map(({ name }) => [name, weights.tensor(name)]));
      for (const [name, tensor] of tensors) tape.watch(tensor, gradients.tensor(name));
      const x = tape.own(Tensor.from(gpu, inputs.input.data, inputs.input.shape));
      const y = execute(tape, graph, tensors, x);
      // The second reader's gradient is added to the first's.
      tape.backward(add(tape, y, execute(tape, graph, tensors, x)), tape.own(Tensor.from(gpu, noise(35, 3), [5, 7])));
      optimizer.step({ lr: 0.01, weights, gradients, target, mask });
    }
    return weights.download();
  };
  using limited = await openGpu(LIMIT);
  using free = await openGpu();
  const actual = await train(limited), expected = await train(free);
  for (const [name, { data }] of expected) assert.ok(nmse(actual.get(name)!.data, data) < 1e-8, name);
});

test("what can't be bound in windows is refused with the reason", async () => {
  using gpu = await openGpu(LIMIT);
  const x = Tensor.empty(gpu, [2 ** 17]);
  using tape = new Tape(gpu, "eval");
  assert.throws(
    () => add(tape, x, x),
    (error: Error) =>
      error instanceof DeviceLimitError &&
      /524288 bytes; this device binds at most 262144: use a smaller/.test(error.message),
  );
});

test.run();
