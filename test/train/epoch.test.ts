import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { loadDataset } from "../../src/data/deno.ts";
import { batches } from "../../src/data/loader.ts";
import type { Split } from "../../src/data/types.ts";
import { DeviceLostError } from "../../src/gpu/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { type NumericTensor, referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { Interrupted } from "../../src/train/errors.ts";
import { type EpochOptions, trainEpoch } from "../../src/train/epoch.ts";
import { crossEntropy } from "../../src/train/losses/cross_entropy.ts";
import { setMask } from "../../src/train/state.ts";
import type { EpochProgress } from "../../src/train/types.ts";
import { testGpu } from "../gpu.ts";
import { openGpu } from "../gpu/kernels.ts";
import { assertClose } from "../tensor/check_op.ts";
import { brightPixels, everything, flat, type Trainee, trainee } from "./small.ts";

const test = suite("training epochs");

function options(data: Split, more: Partial<EpochOptions> = {}): EpochOptions {
  return { data, batch: 16, seed: 3, epoch: 0, lr: () => 0.05, ...more };
}

/** Two epochs on the digits. */
async function trainDigits(data: Split, seed: number): Promise<{ weights: Float32Array; results: EpochProgress[] }> {
  using net = trainee(await testGpu(), createModel("digits", { width: 0.5 }));
  const results: EpochProgress[] = [];
  for (const epoch of [0, 1]) {
    const more = { seed, epoch, lr: () => 0.02 };
    results.push(await trainEpoch(net, options(data, more)));
  }
  return { weights: flat(await net.state.download()), results };
}

test("two epochs on the digits: the loss falls, the same seed gives the same bits, another one doesn't", async () => {
  const { train } = await loadDataset("digits");
  const { weights, results } = await trainDigits(train, 3);
  const [first, second] = results.map(({ lossSum, samples }) => lossSum / samples);
  assert.ok(second < 0.75 * first, `loss ${first}, then ${second}`);
  assert.is(results[1].samples, train.count);
  assert.ok(results[1].correct > 0.75 * train.count, `${results[1].correct} of ${train.count} correct`);

  const again = await trainDigits(train, 3);
  assert.equal(again.weights, weights);
  assert.equal(again.results, results);
  assert.not.equal((await trainDigits(train, 4)).weights, weights);
});

test("steps equal those of a float64 host: momentum, weight decay, rates, label smoothing, a short last batch", async () => {
  const b = builder("small", ["N", 1, 2, 2]);
  b.gemm(b.tanh(b.gemm(b.flatten(b.input), { name: "a", out: 4 })), { name: "b", out: 3 });
  const graph = b.graph();
  const model: Model = { graph, params: initialise(graph, 2) };
  const data = brightPixels(14, 2);
  const [momentum, weightDecay, smoothing] = [0.8, 0.01, 0.1];
  const lr = (fraction: number) => 0.2 * (1 - fraction / 2);
  const loss = crossEntropy({ labelSmoothing: smoothing });
  using net = trainee(await testGpu(), model, { kind: "sgd", momentum }, weightDecay, loss);
  const result = await trainEpoch(net, options(data, { batch: 6, lr }));

  const weights = new Map(
    Array.from(model.params, ([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
  );
  const velocity = new Map(Array.from(weights, ([name, { data }]) => [name, new Float64Array(data.length)]));
  let lossSum = 0;
  for await (const batch of batches(data, { batch: 6, seed: 3, epoch: 0, shuffle: true })) {
    const { number, count } = batch;
    const input = { shape: [count, ...data.shape], data: Float64Array.from(batch.images) };
    const labels = batch.labels.slice();
    const host = () => hostCrossEntropy(graph, weights, input, labels, smoothing);
    lossSum += count * host();
    const gradients = Array.from(weights.values(), ({ data }) =>
      data.map((v, i) => {
        const at = (x: number) => (data[i] = x, host());
        const slope = (at(v + 1e-5) - at(v - 1e-5)) / 2e-5;
        data[i] = v;
        return slope;
      }));
    [...weights].forEach(([name, { data }], k) => {
      const v = velocity.get(name)!;
      gradients[k].forEach((g, i) => {
        v[i] = momentum * v[i] + g + weightDecay * data[i];
        data[i] -= lr(number / 3) * v[i];
      });
    });
  }
  assertClose([result.lossSum], [lossSum], 1e-5, "loss");
  for (const [name, { data }] of await net.state.download()) assertClose(data, weights.get(name)!.data, 1e-5, name);
});

function hostCrossEntropy(
  graph: Graph,
  params: ReadonlyMap<string, NumericTensor>,
  input: NumericTensor,
  labels: ArrayLike<number>,
  smoothing: number,
): number {
  const { shape, data } = referenceForward({ graph, params }, { input }).get(graph.outputs[0])!;
  const classes = shape[1];
  let total = 0;
  for (let n = 0; n < shape[0]; n++) {
    const row = data.subarray(n * classes, (n + 1) * classes);
    const normaliser = Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0));
    row.forEach((v, k) => {
      total += ((k === labels[n] ? 1 - smoothing : 0) + smoothing / classes) * (normaliser - v);
    });
  }
  return total / shape[0];
}

test("masked weights are exactly 0 after 1,000 steps with momentum and weight decay, others move", async () => {
  const b = builder("small", ["N", 1, 4, 4]);
  b.gemm(b.relu(b.gemm(b.flatten(b.input), { name: "a", out: 8 })), { name: "b", out: 3 });
  const graph = b.graph();
  const mask = (name: string, size: number) => random(5, name).fillUniform(new Float32Array(size), 0).map(Math.round);
  const masks = new Map(["a.weight", "a.bias", "b.weight"].map((name) => {
    const { shape } = graph.params[name];
    return [name, { shape, data: mask(name, shape.reduce((x, y) => x * y, 1)) }] as const;
  }));
  using net = trainee(await testGpu(), graph, { kind: "sgd", momentum: 0.9 }, 1e-3);
  setMask(net.state, masks);
  const before = await net.state.download();
  const data = brightPixels(500);
  for (let epoch = 0; epoch < 4; epoch++) {
    await trainEpoch(net, options(data, { batch: 2, epoch, lr: () => 0.01 }));
  }
  assert.is(net.optimizer.steps, 1000);
  const after = await net.state.download();
  const velocity = await net.optimizer.state.get("momentum")!.download();
  for (const [name, { data: kept }] of masks) {
    assert.ok(kept.includes(0) && kept.includes(1));
    kept.forEach((keep, i) => {
      if (keep) return;
      assert.is(after.get(name)!.data[i], 0, `${name}[${i}]`);
      assert.is(velocity.get(name)!.data[i], 0, `momentum of ${name}[${i}]`);
    });
    assert.ok(kept.some((keep, i) => keep && after.get(name)!.data[i] !== before.get(name)!.data[i]), name);
  }
});

test("an interruption carries the progress; resumed from it, the epoch ends in the same bits", async () => {
  const gpu = await testGpu();
  const data = brightPixels(150);
  const more = { epoch: 2, augment: { crop: 1, flip: true } };
  const loss = crossEntropy({ labelSmoothing: 0.1 });
  using whole = trainee(gpu, everything(), { kind: "adam" }, 1e-3, loss);
  const expected = await trainEpoch(whole, options(data, more));
  const weights = flat(await whole.state.download());

  for (const stopAt of [0, 3, 9]) {
    const controller = new AbortController();
    const lr = (fraction: number) => {
      if (fraction >= stopAt / 10) controller.abort();
      return 0.05;
    };
    using first = trainee(gpu, everything(), { kind: "adam" }, 1e-3, loss);
    const progress = await interrupted(first, options(data, { ...more, lr, signal: controller.signal }));
    assert.is(progress.batch, stopAt + 1);
    assert.is(progress.samples, Math.min(150, 16 * (stopAt + 1)));

    const reached = { graph: everything(), params: await first.state.download() };
    using second = trainee(gpu, reached, { kind: "adam" }, 1e-3, loss);
    for (const [role, arena] of first.optimizer.state) second.optimizer.state.get(role)!.upload(await arena.download());
    second.optimizer.steps = first.optimizer.steps;
    const resumed = await trainEpoch(second, options(data, { ...more, from: progress }));
    assert.equal(resumed, expected, `stopped after batch ${stopAt}`);
    assert.equal(flat(await second.state.download()), weights, `stopped after batch ${stopAt}`);
  }
});

async function interrupted(net: Trainee, options: EpochOptions): Promise<EpochProgress> {
  try {
    await trainEpoch(net, options);
  } catch (error) {
    assert.instance(error, Interrupted);
    return (error as Interrupted).cause as EpochProgress;
  }
  throw new Error("the epoch went on to its end");
}

test("a device lost while training is a DeviceLostError", async () => {
  const gpu = await openGpu();
  const net = trainee(gpu, everything());
  const lr = (fraction: number) => {
    if (fraction >= 0.5) gpu.loseDevice();
    return 0.05;
  };
  try {
    await trainEpoch(net, options(brightPixels(150), { lr }));
  } catch (error) {
    assert.instance(error, DeviceLostError);
    assert.match((error as Error).message, /lost.*--resume/);
    return;
  }
  assert.unreachable("training went on without a device");
});

test.run();
