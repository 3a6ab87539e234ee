import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { compareOutputs, tolerance } from "../../src/graph/compare.ts";
import { runInterpreter } from "../../src/graph/equivalence.ts";
import { foldForInference } from "../../src/graph/fold.ts";
import { fuse } from "../../src/graph/fuse.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import { concrete } from "../../src/graph/shapes.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { randomInputs } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { openGpu } from "../gpu/kernels.ts";
import { GRAPHS, modelOf, net, TAILS } from "./plan_graphs.ts";

const test = suite("plan");

for (const [name, graph] of Object.entries({ ...GRAPHS, ...TAILS })) {
  test(`${name}: the plan equals the interpreter and the reference, at batches 1 and 5`, async () => {
    const gpu = await testGpu();
    const model = modelOf(graph);
    for (const batch of [1, 5]) {
      const { input } = randomInputs(graph, 4, batch);
      const expected = referenceForward(model, { input }).get(graph.outputs[0])!;
      const plan = compilePlan(gpu, model, batch);
      using x = Tensor.from(gpu, input.data, input.shape);
      const fused = await plan.run(x).read();
      assert.equal(plan.output.shape, expected.shape);
      plan.dispose();
      const plain = await runInterpreter(gpu, model, input.data, batch);
      const [byPlan, byInterpreter] = [fused, plain].map((y) => compareOutputs(expected.data, y).maxRel);
      assert.ok(byPlan <= tolerance(graph), `batch ${batch}: the plan is off by ${byPlan}`);
      assert.ok(byInterpreter <= tolerance(graph), `batch ${batch}: the interpreter is off by ${byInterpreter}`);
    }
  });
}

test("runs with other inputs between them give the same bits, and take no more memory", async () => {
  using gpu = await openGpu();
  for (const name of ["resnet8, option A", "gates", "concatenation of used and of finished values", "only a reshape"]) {
    const graph = GRAPHS[name];
    const plan = compilePlan(gpu, modelOf(graph), 3);
    const [a, b] = [1, 2].map((seed) => randomInputs(graph, seed, 3).input);
    using first = Tensor.from(gpu, a.data, a.shape);
    using second = Tensor.from(gpu, b.data, b.shape);
    const expected = await plan.run(first).read();
    const before = memory(gpu);
    assert.not.equal(await plan.run(second).read(), expected);
    for (let i = 0; i < 20; i++) plan.run(i % 2 === 0 ? first : second);
    assert.equal(await plan.run(first).read(), expected, name);
    assert.equal(memory(gpu), before, name);
    plan.dispose();
  }
});

/** Of a device that no other test uses: a pool frees what was long idle, and other tests fill it. */
function memory(gpu: Gpu): readonly number[] {
  const { liveBytes, pooledBytes, liveBuffers } = gpu.stats();
  return [liveBytes, pooledBytes, liveBuffers];
}

test("a new plan after a disposed one takes its buffers again", async () => {
  using gpu = await openGpu();
  const model = modelOf(GRAPHS["vgg in small"]);
  const compile = () => compilePlan(gpu, model, 4).dispose();
  compile();
  const before = memory(gpu);
  for (let i = 0; i < 5; i++) compile();
  assert.equal(memory(gpu), before);
});

test("activations share memory: a deep net needs little more than its widest step", async () => {
  using gpu = await openGpu();
  const graph = net(8, 8, (b, conv) => {
    let x = conv(b.input, 8);
    for (let i = 0; i < 10; i++) x = b.tanh(b.relu(b.add(conv(x, 8), x)));
    return x;
  });
  const batch = 32;
  const model = modelOf(graph);
  const { model: folded } = foldForInference(model);
  const shapes = inferShapes(folded.graph);
  const sizes = fuse(folded.graph).map(({ output }) => 4 * elements(concrete(shapes.get(output)!, batch)));
  const parameters = [...folded.params.values()].reduce((sum, { data }) => sum + Math.max(256, data.byteLength), 0);
  const before = gpu.stats().liveBytes;
  const plan = compilePlan(gpu, model, batch);
  const taken = gpu.stats().liveBytes - before;
  plan.dispose();
  const all = sizes.reduce((a, b) => a + b, 0);
  // Weights lie twice (as they are and packed), and buffers are rounded up.
  const activations = taken - 3 * parameters;
  assert.ok(activations < all / 3, `${activations} bytes for ${all} bytes of activations`);
});

test("an input of another size is refused", async () => {
  const gpu = await testGpu();
  const plan = compilePlan(gpu, modelOf(GRAPHS.digits), 2);
  using x = Tensor.zeros(gpu, [3, 1, 8, 8]);
  assert.throws(() => plan.run(x), /the plan takes \[2,1,8,8\], got \[3,1,8,8\]/);
  plan.dispose();
});

test("a model that can't be compiled leaves no buffers behind", async () => {
  const gpu = await testGpu();
  const { graph, params } = modelOf(GRAPHS.digits);
  const cut = new Map(params).set("fc2.bias", { shape: [10], data: new Float32Array(9) });
  const before = gpu.stats().liveBuffers;
  assert.throws(() => compilePlan(gpu, { graph, params: cut }, 2), /shape \[10\] has 10 elements, the data 9/);
  assert.is(gpu.stats().liveBuffers, before);
});

test.run();
