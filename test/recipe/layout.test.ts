/** Networks of images [N,H,W,C]: they are fed as they want to be, and written as they were or with the channels first. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadPart } from "../../src/data/deno.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { channelsFirst } from "../../src/graph/rewrite/channels_first.ts";
import type { Model } from "../../src/graph/types.ts";
import { parseRecipe } from "../../src/recipe/schema.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { evaluateNetwork } from "../../src/train/evaluate_network.ts";
import { silentUi } from "../../src/ui.ts";
import { channelsLast } from "../generate/channels_last.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { DIR, prune, train, verify } from "./tiny.ts";

const test = suite("layouts of images");

/** Of digits, 8×8; its Linear reads each pixel's channels one after the other. */
function network(): Model {
  const b = builder("last", ["N", 1, 8, 8]);
  const x = b.relu(b.conv(b.input, { name: "c", out: 6, kernel: 3, pad: 1, stride: 2 }));
  b.gemm(b.flatten(x), { name: "out", out: 10 });
  const graph = channelsLast(b.graph());
  return { graph, params: initialise(graph, 1) };
}

const recipe = (stages: readonly unknown[], more: Record<string, unknown> = {}) =>
  parseRecipe({
    version: 1,
    name: "last",
    model: { name: "last.onnx" },
    data: { name: "digits", limit: 200 },
    batch: 16,
    stages,
    ...more,
  }, "test");

async function stored(model: Model, more: Record<string, Uint8Array> = {}) {
  const store = memoryStore();
  for (const [name, bytes] of Object.entries({ "last.onnx": onnxBytes(model), ...more })) {
    await store.write(name, bytes);
  }
  return store;
}

const stages = [
  train(2),
  { kind: "prune", constraints: [{ kind: "filter", keep: 0.5 }] },
  { kind: "compact" },
];

test("a run prunes such a file, and writes it in its own layout unless told otherwise", async () => {
  const written: Model[] = [];
  for (const layout of [undefined, "nchw"]) {
    const { store, report } = await prune(recipe(stages, layout ? { layout } : {}), { store: await stored(network()) });
    assert.ok(report.final.macs <= 0.5 * report.baseline.macs);
    written.push(loadOnnx((await store.read(`${DIR}/model.onnx`))!, "model.onnx"));
    assert.equal((await verify(store)).filter(({ verdict }) => verdict === "differs"), []);
  }
  const [last, first] = written.map(({ graph }) => graph);
  assert.equal(last.inputs[0].shape, ["N", 8, 8, 1]);
  assert.equal(first.inputs[0].shape, ["N", 1, 8, 8]);
  assert.not(first.nodes.some(({ op }) => op === "Transpose"));
  assert.equal(last.nodes.map(({ op }) => op), ["Transpose", ...first.nodes.map(({ op }) => op)]);
});

test("it scores what it does with its channels first, and so do weights from a file beside it", async () => {
  const model = network();
  const tensors = new Map<string, StoredTensor>();
  const trained: Model = { graph: model.graph, params: randomParams(model.graph, 5) };
  for (const [name, { shape, data }] of trained.params) tensors.set(name, { dtype: "F32", shape, data });
  const first = onnxBytes(channelsFirst(trained).model);
  const store = await stored(model, { "w.safetensors": writeSafetensors(tensors, {}), "first.onnx": first });
  await store.write("trained.onnx", onnxBytes(trained));
  const scores = [];
  for (
    const network of [
      { model: { name: "first.onnx" } },
      { model: { name: "trained.onnx" } },
      { model: { name: "last.onnx" }, weights: "w.safetensors" },
    ]
  ) {
    scores.push(
      await evaluateNetwork({
        network,
        store,
        ui: silentUi(),
        gpu: await testGpu(),
        loadPart: (input) => loadPart("digits", "test", { ...input, limit: 200 }),
      }),
    );
  }
  for (const { loss, shape } of scores) {
    assert.equal(shape, [1, 8, 8]);
    assert.ok(Math.abs(loss - scores[0].loss) <= 1e-5 * scores[0].loss, `${scores.map((score) => score.loss)}`);
  }
});

test.run();
