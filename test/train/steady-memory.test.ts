/** Training for long needs no more memory than training for a moment. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { steadyMemory } from "../../bench/steady_memory.ts";
import type { Split } from "../../src/data/types.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { execute } from "../../src/graph/execute.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { softmaxCrossEntropy } from "../../src/tensor/ops/loss.ts";
import { createOptimizer } from "../../src/tensor/optimizer.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { crossEntropy } from "../../src/train/losses/cross_entropy.ts";
import { trainEpoch } from "../../src/train/epoch.ts";
import { createTrainState } from "../../src/train/state.ts";
import { openGpu } from "../gpu/kernels.ts";

const test = suite("steady memory");

const WARM_STEPS = 12;

test("live and peak bytes stay constant over 200 training steps of a residual net", async () => {
  using gpu = await openGpu();
  const graph = createModel("resnet8", { width: 0.25, size: 8, inChannels: 1 });
  const state = createTrainState(gpu, [graph], initialise(graph, 1));
  const optimizer = createOptimizer(gpu, state.weights.layout, { kind: "adam" });
  const images = new Float32Array(4 * 64).map((_, i) => Math.sin(i));
  const record = () => {
    using tape = new Tape(gpu, "train");
    const x = tape.own(Tensor.from(gpu, images, [4, 1, 8, 8]));
    const labels = tape.own(Tensor.from(gpu, Uint32Array.of(3, 1, 4, 1), [4]));
    for (const { name } of state.weights.layout.slots) {
      tape.watch(state.weights.tensor(name), state.gradients.tensor(name));
    }
    tape.backward(softmaxCrossEntropy(tape, execute(tape, graph, state.params, x), labels));
    optimizer.step({ lr: 1e-3, weights: state.weights, gradients: state.gradients });
  };
  for (let i = 0; i < WARM_STEPS; i++) record();
  const { steady, live, peak } = await steadyMemory(gpu, record, 200);
  optimizer.dispose();
  state.dispose();
  assert.ok(steady, `live ${live.join("…")}, peak ${peak.join("…")} bytes`);
});

test("epochs leave nothing behind, also when their last batch is short", async () => {
  using gpu = await openGpu();
  const first = await trainAndDispose(gpu, 8);
  assert.is(new Set(first.afterEpoch.slice(1)).size, 1, `live, peak, pooled: ${first.afterEpoch.join("; ")}`);
  // Tables of the kernels stay, for the next training of that net: so compare with that one.
  const second = await trainAndDispose(gpu, 1);
  assert.is(second.liveAtEnd, first.liveAtEnd);
});

/** Trains the digits net for some epochs of 8, 8 and 5 images. */
async function trainAndDispose(gpu: Gpu, epochs: number): Promise<{ afterEpoch: string[]; liveAtEnd: number }> {
  const graph = createModel("digits", { width: 0.25 });
  const state = createTrainState(gpu, [graph], initialise(graph, 1));
  const optimizer = createOptimizer(gpu, state.weights.layout, { kind: "sgd" });
  const count = 21;
  const data: Split = {
    name: "stripes",
    classes: 10,
    shape: [1, 8, 8],
    count,
    images: new Uint8Array(count * 64).map((_, i) => i % 17),
    labels: new Uint16Array(count).map((_, i) => i % 10),
    source: new Uint32Array(count).map((_, i) => i),
    normalization: { scale: 16, mean: [0], std: [1] },
  };
  const afterEpoch: string[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    const context = { state, optimizer, graphs: [graph], loss: crossEntropy() };
    await trainEpoch(context, { data, batch: 8, seed: 1, epoch, lr: () => 0.01 });
    const { liveBytes, peakBytes, pooledBytes } = gpu.stats();
    afterEpoch.push(`${liveBytes}, ${peakBytes}, ${pooledBytes}`);
  }
  optimizer.dispose();
  state.dispose();
  return { afterEpoch, liveAtEnd: gpu.stats().liveBytes };
}

test.run();
