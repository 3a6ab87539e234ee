import { suite } from "uvu";
import * as assert from "uvu/assert";
import { batches } from "../../src/data/loader.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { batchStatistics } from "../../src/graph/reference/norm.ts";
import { createModel } from "../../src/models/zoo.ts";
import { recalibrate } from "../../src/train/recalibrate.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { assertClose } from "../tensor/check_op.ts";
import { brightPixels, everything } from "./small.ts";

const test = suite("recalibrate");

const BATCH = 8;

test("statistics become the plain averages of the batches'; all else stays", async () => {
  const gpu = await testGpu();
  const data = brightPixels(43);
  const whole = everything();
  // Dropout is left out: the reference doesn't drop.
  const graph = { ...whole, nodes: whole.nodes.map((n) => n.op === "Dropout" ? { ...n, op: "Identity" as const } : n) };
  const model = { graph, params: randomParams(graph, 6) };

  const means = new Map<string, number[]>();
  const add = (name: string, values: ArrayLike<number>, factor: number) => {
    const sums = means.get(name) ?? new Array(values.length).fill(0);
    means.set(name, sums.map((sum, c) => sum + factor * values[c]));
  };
  const total = Math.ceil(data.count / BATCH);
  for await (const { count, images } of batches(data, { batch: BATCH, shuffle: true })) {
    const input = { shape: [count, ...data.shape], data: Float64Array.from(images) };
    const values = referenceForward(model, { input }, { mode: "train" });
    for (const node of graph.nodes.filter(({ op }) => op === "BatchNormalization")) {
      const x = values.get(node.inputs[0])!;
      const { mean, variance } = batchStatistics(x);
      const samples = x.data.length / x.shape[1];
      add(node.inputs[3], mean.data, 1 / total);
      add(node.inputs[4], variance.data, samples / (samples - 1) / total);
    }
  }
  const { params } = await recalibrate(gpu, model, data, BATCH);
  assert.is(means.size, 4);
  for (const [name, expected] of means) assertClose(params.get(name)!.data, expected, 1e-5, name);
  for (const [name, { data }] of model.params) if (!means.has(name)) assert.equal(params.get(name)!.data, data, name);
});

test("a model without batch norms comes back as it is", async () => {
  const graph = createModel("digits");
  const model = { graph, params: randomParams(graph, 1) };
  assert.is(await recalibrate(await testGpu(), model, brightPixels(8), 4), model);
});

test.run();
