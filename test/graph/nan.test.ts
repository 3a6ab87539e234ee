/** A NaN in the input must reach the output: fused activations are no place where it may get lost. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { type Builder, builder } from "../../src/graph/build.ts";
import { runInterpreter, runPlan } from "../../src/graph/equivalence.ts";
import { fuse } from "../../src/graph/fuse.ts";
import type { Model } from "../../src/graph/types.ts";
import { setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { batchNorm } from "../../src/tensor/ops/norm.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { withWinner } from "../tensor/with_winner.ts";

const test = suite("NaN through fused activations");

const ACTIVATIONS = {
  relu: (b: Builder, x: string) => b.relu(x),
  relu6: (b: Builder, x: string) => b.relu6(x),
};

/** One layer of each kind that takes an activation into its kernel. */
const LAYERS: Readonly<Record<string, readonly [shape: readonly number[], layer: (b: Builder) => string]>> = {
  "3×3": [[4, 8, 8], (b) => b.conv(b.input, { name: "conv", out: 8, kernel: 3, pad: 1 })],
  "3×3, stride 2": [[3, 9, 7], (b) => b.conv(b.input, { name: "conv", out: 5, kernel: 3, stride: 2, pad: 1 })],
  "1×1": [[8, 6, 6], (b) => b.conv(b.input, { name: "conv", out: 16, kernel: 1 })],
  "depthwise": [[6, 7, 7], (b) => b.conv(b.input, { name: "conv", out: 6, kernel: 3, pad: 1, group: 6 })],
  "two groups": [[6, 7, 7], (b) => b.conv(b.input, { name: "conv", out: 4, kernel: 3, pad: 1, group: 2 })],
  "kept columns": [
    [3, 6, 6],
    (b) => b.columnConv(b.input, { name: "columns", out: 4, kernel: 3, pad: 1, taps: [0, 4, 9, 13, 26] }),
  ],
  "Gemm": [[24], (b) => b.gemm(b.input, { name: "fc", out: 16 })],
  "long Gemm": [[2048], (b) => b.gemm(b.input, { name: "fc", out: 8 })],
  "tokens": [[5, 16], (b) => b.linear(b.input, { name: "fc", out: 12 })],
};

function modelOf(
  shape: readonly number[],
  layer: (b: Builder) => string,
  activation: keyof typeof ACTIVATIONS | "none",
): Model {
  const b = builder("net", ["N", ...shape]);
  const y = layer(b);
  const graph = b.graph([activation === "none" ? y : ACTIVATIONS[activation](b, y)]);
  return { graph, params: randomParams(graph, 3) };
}

/** Three samples, one number of which is NaN. */
function spoilt({ graph }: Model): Float32Array {
  const { data } = randomInputs(graph, 5, 3).input;
  data[Math.floor(data.length / 2)] = NaN;
  return data;
}

const nanPlaces = (values: Float32Array) => Array.from(values.keys()).filter((i) => Number.isNaN(values[i]));

for (const activation of ["relu", "relu6"] as const) {
  for (const [name, [shape, layer]] of Object.entries(LAYERS)) {
    test(`${activation} after ${name}: the plan keeps NaN where the interpreter has it`, async () => {
      const gpu = await testGpu();
      const model = modelOf(shape, layer, activation);
      assert.is(fuse(model.graph).at(-1)!.activation, activation);
      const inputs = spoilt(model);
      const expected = nanPlaces(await runInterpreter(gpu, model, inputs, 3));
      assert.ok(expected.length > 0);
      assert.equal(nanPlaces(await runPlan(gpu, model, inputs, 3)), expected);
    });
  }

  test(`${activation} inside a batch norm keeps NaN, and so does its gradient`, async () => {
    const gpu = await testGpu();
    using tape = new Tape(gpu, "eval");
    const channels = (value: number) => tape.own(Tensor.from(gpu, new Float32Array(2).fill(value), [2]));
    const x = tape.own(Tensor.from(gpu, Float32Array.of(-1, NaN, 3, 9, -2, 7, 1, 2), [1, 2, 4]));
    const dy = tape.own(Tensor.from(gpu, new Float32Array(8).fill(1), [1, 2, 4]));
    tape.watch(x);
    const params = { gamma: channels(1), beta: channels(0), mean: channels(0), variance: channels(1) };
    const y = batchNorm(tape, x, params, { epsilon: 0, momentum: 0.9, activation });
    assert.equal(nanPlaces(await y.read()), [1]);
    tape.backward(y, dy);
    const [negative, passed, inside, beyond] = await tape.gradient(x)!.read();
    assert.equal([negative, passed, inside], [0, 1, 1]);
    assert.is(beyond, activation === "relu6" ? 0 : 1);
  });
}

// Kernels that skip zeros of a weight have NaN in fewer places: each is held against itself without the activation.
for (const [name, [shape, layer]] of Object.entries(LAYERS)) {
  test(`relu6 after ${name}: every way of doing the layer keeps the NaN that it has without the activation`, async () => {
    const gpu = await testGpu();
    const [bare, activated] = (["none", "relu6"] as const).map((activation) => modelOf(shape, layer, activation));
    const inputs = spoilt(bare);
    for (const way of await waysOf(gpu, activated, inputs)) {
      await withWinner(way, async () => {
        const expected = nanPlaces(await runPlan(gpu, bare, inputs, 3));
        assert.ok(expected.length > 0);
        assert.equal(nanPlaces(await runPlan(gpu, activated, inputs, 3)), expected, way);
      });
    }
  });
}

/** The candidates among which the planners choose for this model. */
async function waysOf(gpu: Gpu, model: Model, inputs: Float32Array): Promise<Set<string>> {
  const ways = new Set<string>();
  const before = tuningFor(gpu);
  setTuning(gpu, { ...before, onChoice: ({ candidates }) => candidates.forEach(({ name }) => ways.add(name)) });
  try {
    await runPlan(gpu, model, inputs, 3);
  } finally {
    setTuning(gpu, before);
  }
  return ways;
}

test.run();
