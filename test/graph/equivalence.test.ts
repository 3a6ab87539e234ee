import { suite } from "uvu";
import * as assert from "uvu/assert";
import { assertEquivalent, EquivalenceError } from "../../src/graph/equivalence.ts";
import { foldForInference } from "../../src/graph/fold.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";

const test = suite("equivalence");

const BATCH = 6;
const graph = createModel("resnet8", { size: 8, width: 0.5 });
const model: Model = { graph, params: randomParams(graph, 2) };
const inputs = randomInputs(graph, 1, BATCH).input.data;

function changed(name: string, change: (data: Float32Array) => void): Model {
  const params = new Map<string, HostTensor>(model.params);
  const { shape, data } = params.get(name)!;
  const copy = data.slice();
  change(copy);
  params.set(name, { shape, data: copy });
  return { graph, params };
}

test("passes a network and its folded form, and says by how much they differ", async () => {
  const gpu = await testGpu();
  const { maxAbs, maxRel, inputs: count } = await assertEquivalent(
    gpu,
    model,
    foldForInference(model).model,
    inputs,
    BATCH,
  );
  assert.is(count, BATCH);
  assert.ok(maxAbs > 0 && maxRel > 0 && maxRel < 1e-5, `${maxAbs}, ${maxRel}`);
});

test("refuses one changed weight, deep in the network", async () => {
  const gpu = await testGpu();
  const other = changed("layer3.0.conv1.weight", (data) => data[20] += 0.01);
  try {
    await assertEquivalent(gpu, model, other, inputs, BATCH);
  } catch (error) {
    assert.instance(error, EquivalenceError);
    assert.match((error as Error).message, /"resnet8" \(fused\) differs from "resnet8" by \d\.\d\de-\d of its/);
    return;
  }
  assert.unreachable("a changed weight passed");
});

test("refuses NaN", async () => {
  const gpu = await testGpu();
  const other = changed("linear.bias", (data) => data[0] = NaN);
  for (const [before, after] of [[model, other], [other, model]]) {
    try {
      await assertEquivalent(gpu, before, after, inputs, BATCH);
    } catch (error) {
      assert.instance(error, EquivalenceError);
      continue;
    }
    assert.unreachable("NaN passed");
  }
});

test("gives its memory back, whatever comes of it", async () => {
  const gpu = await testGpu();
  const other = changed("linear.bias", (data) => data[0] += 1);
  const live = gpu.stats().liveBuffers;
  await assertEquivalent(gpu, model, model, inputs, BATCH);
  await assertEquivalent(gpu, model, other, inputs, BATCH).catch(() => {});
  assert.is(gpu.stats().liveBuffers, live);
});

test.run();
