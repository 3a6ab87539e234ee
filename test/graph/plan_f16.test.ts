/** Plans that keep their numbers in f16 give what those in f32 give, within f16's error. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PROFILES } from "../../kernels/device_profile.ts";
import { compareOutputs, HALF_TOLERANCE } from "../../src/graph/compare.ts";
import { builder } from "../../src/graph/build.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import type { PlanStorage } from "../../src/graph/plan_storage.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { randomInputs } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { nightly } from "../long.ts";
import { GRAPHS, modelOf, TAILS } from "./plan_graphs.ts";

const test = suite("plans in f16");

/** One in five of the networks here, all in the nightly. */
const networks = Object.entries({ ...GRAPHS, ...TAILS }).filter((_, i) => nightly || i % 5 === 0);

for (const [name, graph] of networks) {
  test(`${name}: as in float64, within f16's error, by the kernels for processors and for cards`, async () => {
    const gpu = await testGpu();
    const model = modelOf(graph);
    const { input } = randomInputs(graph, 4, 3);
    const expected = referenceForward(model, { input });
    using x = Tensor.from(gpu, input.data, input.shape);
    const before = tuningFor(gpu);
    for (const profile of [PROFILES.software, PROFILES.desktop]) {
      setTuning(gpu, { ...before, profile });
      try {
        const plan = compilePlan(gpu, model, 3, { storage: "f16" });
        plan.run(x);
        const found = await readTensors([...plan.outputs.values()]);
        for (const [i, output] of graph.outputs.entries()) {
          const { maxRel } = compareOutputs(expected.get(output)!.data, found[i]);
          assert.ok(maxRel <= HALF_TOLERANCE, `${profile.name}: ${maxRel}`);
        }
        plan.dispose();
      } finally {
        setTuning(gpu, before);
      }
    }
  });
}

test("weights and activations take half the memory", async () => {
  const b = builder("deep", ["N", 8, 32, 32]);
  let x = b.input;
  for (let i = 0; i < 4; i++) x = b.relu(b.conv(x, { name: `conv${i}`, out: 64, kernel: 3, pad: 1 }));
  const graph = b.graph([b.gemm(b.flatten(b.globalAveragePool(x)), { name: "head", out: 10 })]);
  await testGpu();
  using gpu = await Gpu.open();
  // The kernels for cards read weights and images as they lie.
  setTuning(gpu, { ...tuningFor(gpu), profile: PROFILES.desktop });
  const bytes = (storage: PlanStorage) => {
    const before = gpu.stats().liveBytes;
    const plan = compilePlan(gpu, modelOf(graph), 1, { storage });
    const taken = gpu.stats().liveBytes - before;
    plan.dispose();
    return taken;
  };
  const [wide, half] = [bytes("f32"), bytes("f16")];
  assert.ok(half < 0.65 * wide, `${half} of ${wide} bytes`);
});

test.run();
