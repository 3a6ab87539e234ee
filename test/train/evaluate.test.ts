import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gather } from "../../src/data/loader.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { brightPixels, everything } from "./small.ts";

const test = suite("evaluate");

const graph = everything();
const model = { graph, params: randomParams(graph, 6) };

test("accuracy and mean cross-entropy are the host's, whatever the batch", async () => {
  const gpu = await testGpu();
  const data = brightPixels(37);
  const { images, labels } = gather(data);
  const input = { shape: [data.count, ...data.shape], data: images };
  const logits = referenceForward(model, { input }).get(graph.outputs[0])!.data;
  let correct = 0;
  let entropy = 0;
  labels.forEach((label, i) => {
    const row = [...logits.subarray(3 * i, 3 * i + 3)];
    if (row.indexOf(Math.max(...row)) === label) correct++;
    entropy += Math.log(row.reduce((sum, v) => sum + Math.exp(v), 0)) - row[label];
  });
  assert.ok(correct > 0 && correct < data.count, `${correct} correct: the case tells nothing`);
  for (const batch of [37, 10, 1, undefined]) {
    const { accuracy, loss } = await evaluateModel(gpu, model, data, batch);
    assert.is(accuracy, correct / data.count, `batch ${batch}`);
    assert.ok(
      Math.abs(loss - entropy / data.count) < 1e-5,
      `batch ${batch}: ${loss}, expected ${entropy / data.count}`,
    );
  }
});

test("gives its memory back", async () => {
  const gpu = await testGpu();
  const data = brightPixels(20);
  await evaluateModel(gpu, model, data, 8);
  const { liveBuffers } = gpu.stats();
  await evaluateModel(gpu, model, data, 8);
  assert.is(gpu.stats().liveBuffers, liveBuffers);
});

test.run();
