/** Plans say how much their kernels may round beyond plain sums, and proofs take none that do. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { winogradError, winogradForward } from "../../kernels/conv/winograd.ts";
import { squareConv } from "../../kernels/conv/shape.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { assertEquivalent, EquivalenceError, runInterpreter, runPlan } from "../../src/graph/equivalence.ts";
import { compilePlan, type PlanOptions } from "../../src/graph/plan.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";

const test = suite("exact plans");

/** Two stages of 64 and 128 channels, which go by Winograd's algorithm where they may. */
const graph = createModel("resnet8", { size: 8, width: 2 });
const model: Model = { graph, params: randomParams(graph, 2) };
const inputs = randomInputs(graph, 1, 1).input.data;

/** It has the ways of GPUs, and those of a software adapter, which compile sooner, for the rest. */
const PROFILE = { ...PROFILES.software, waves: 1 };

async function withWinograd(work: (gpu: Gpu) => Promise<void>): Promise<void> {
  const gpu = await testGpu();
  const before = tuningFor(gpu);
  setTuning(gpu, { profile: PROFILE, winners: new Proxy({}, { get: () => "winograd 2x2, 32 filters" }) });
  try {
    await work(gpu);
  } finally {
    setTuning(gpu, before);
  }
}

async function outputOf(gpu: Gpu, options: PlanOptions): Promise<{ error: number; output: Float32Array }> {
  const plan = compilePlan(gpu, model, 1, options);
  try {
    using x = Tensor.from(gpu, inputs, [1, 3, 8, 8]);
    return { error: plan.error, output: await plan.run(x).read() };
  } finally {
    plan.dispose();
  }
}

test("a plan adds up what its layers' ways may be off by, and an exact one takes no such way", async () => {
  await withWinograd(async (gpu) => {
    const expected = referenceForward(model, { input: { shape: [1, 3, 8, 8], data: inputs } })
      .get(graph.outputs[0])!.data as Float64Array;
    const [fast, exact] = [await outputOf(gpu, {}), await outputOf(gpu, { exact: true })];
    const of = (channels: number) =>
      winogradError(winogradForward(squareConv({ batch: 1, channels, height: 4, width: 4, filters: channels })), 2);
    // The second convolutions of both stages; the first ones have stride 2.
    assert.ok(Math.abs(fast.error - of(64) - of(128)) < 1e-12, `${fast.error}`);
    assert.is(exact.error, 0);
    assert.not.equal(fast.output, exact.output);
    assert.ok(compareOutputs(expected, exact.output).maxRel <= 1e-5);
    assert.ok(compareOutputs(expected, fast.output).maxRel <= 1e-5 + fast.error);
  });
});

test("proofs compute with plain sums, whatever the device's tuning takes, and stay as sharp", async () => {
  const plain = await testGpu().then(async (gpu) => {
    const before = tuningFor(gpu);
    setTuning(gpu, { profile: PROFILE });
    try {
      return [await runPlan(gpu, model, inputs, 1), await runInterpreter(gpu, model, inputs, 1)];
    } finally {
      setTuning(gpu, before);
    }
  });
  await withWinograd(async (gpu) => {
    const tuning = tuningFor(gpu);
    assert.equal([await runPlan(gpu, model, inputs, 1), await runInterpreter(gpu, model, inputs, 1)], plain);
    assert.is(tuningFor(gpu), tuning);
    const { maxRel } = await assertEquivalent(gpu, model, model, inputs, 1);
    assert.ok(maxRel < 1e-5);
    const params = new Map(model.params);
    const { shape, data } = params.get("layer3.0.conv2.weight")!;
    params.set("layer3.0.conv2.weight", { shape, data: data.map((w) => w * (1 + 1e-4)) });
    const error = await assertEquivalent(gpu, model, { graph, params }, inputs, 1).then(() => undefined, (e) => e);
    assert.instance(error, EquivalenceError);
  });
});

test.run();
