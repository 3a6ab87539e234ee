/** Networks whose exporter folded their batch norms away get them back for their training. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel } from "../../src/formats/model_file.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { hasNoNorms } from "../../src/graph/rewrite/insert_norms.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { wantsNorms } from "../../src/stages/restored_norms.ts";
import { parseRecipe } from "../../src/recipe/schema.ts";
import { restoreNorms } from "../../src/train/restore_norms.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { silentUi } from "../../src/ui.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { runPlan } from "../../src/graph/equivalence.ts";
import { firstImages } from "../../src/data/proof_inputs.ts";
import { testGpu } from "../gpu.ts";
import { Crash, crashing, outcome } from "./interrupt.ts";
import { DIR, loadTiny, prune, retrain, verify } from "./tiny.ts";

const test = suite("restored norms");

function folded(): Graph {
  const b = builder("folded", ["N", 1, 8, 8]);
  const stem = b.relu(b.conv(b.input, { name: "stem", out: 8, kernel: 3, pad: 1 }));
  const inner = b.relu(b.conv(stem, { name: "inner", out: 8, kernel: 3, pad: 1 }));
  const sum = b.relu(b.add(b.conv(inner, { name: "outer", out: 8, kernel: 3, pad: 1 }), stem));
  b.gemm(b.flatten(b.globalAveragePool(sum)), { name: "fc", out: 10 });
  return b.graph();
}

const graph = folded();
const given: Model = { graph, params: initialise(graph, 1) };
const prunes = [
  { kind: "prune", criterion: "l2", constraints: [{ kind: "filter", keep: 0.5 }], retrain: retrain(2) },
  { kind: "compact" },
  { kind: "controls", runs: ["random"], epochs: 1 },
  { kind: "measure", batches: [1], seconds: 0.01 },
];

function recipeOf(more: Record<string, unknown> = {}, stages: readonly unknown[] = prunes) {
  const data = { name: "digits", limit: 200 };
  return parseRecipe(
    { version: 1, name: "own", model: { name: "net.onnx" }, data, batch: 16, stages, ...more },
    "test",
  );
}

async function run(more: Record<string, unknown> = {}) {
  const notes: string[] = [];
  const store = memoryStore();
  await store.write("net.onnx", onnxBytes(given));
  const { report } = await prune(recipeOf(more), { store, ui: { ...silentUi(), note: (text) => notes.push(text) } });
  return { notes, store, report, ...await readModel(store, DIR) };
}

test("a trained network of three convolutions without norms gets them, unless the recipe says otherwise", () => {
  assert.is(wantsNorms(graph, recipeOf()), true);
  assert.is(wantsNorms(graph, recipeOf({ norms: "keep" })), false);
  assert.is(wantsNorms(graph, recipeOf({}, [{ kind: "measure", batches: [1] }])), false, "nothing is trained");
  const evolving = (epochs: number) =>
    recipeOf({}, [{ kind: "search", k: 1 }, { kind: "subnet", epochs }, { kind: "merge" }]);
  assert.is(wantsNorms(graph, evolving(1)), true);
  assert.is(wantsNorms(graph, evolving(0)), false, "forms are left as they begin");
  const untrained = recipeOf({ model: { name: "digits" } });
  assert.is(wantsNorms(graph, untrained), false, "a network of the zoo begins untrained");
  assert.is(wantsNorms(graph, { ...untrained, norms: "restore" }), true);
});

test("on the images whose moments were measured, the network gives what it gave", async () => {
  const gpu = await testGpu();
  const { train: data } = await loadTiny({ name: "digits", validation: 0.15, limit: 200 });
  const { model, norms } = await restoreNorms({ gpu, model: given, data });
  assert.equal(norms, ["stem.norm", "inner.norm", "outer.norm"]);
  const { inputs, batch } = firstImages(data, 32);
  const [before, after] = await Promise.all([given, model].map((net) => runPlan(gpu, net, inputs, batch)));
  assert.ok(compareOutputs(before, after).maxRel < 1e-5);
});

test("what is written has its norms folded, counts as it is, and proves itself", async () => {
  const { notes, store, report, model, dense } = await run();
  assert.ok(notes.some((text) => text.includes("3 batch norms") && text.includes("TrainingMode.PRESERVE")));
  assert.ok(hasNoNorms(model.graph) && hasNoNorms(dense));
  const written = await loadOnnx((await store.read(`${DIR}/model.onnx`))!, "model.onnx");
  assert.ok(hasNoNorms(written.graph));
  assert.is(report.final.params, graphCost(model.graph).params);
  assert.is(report.baseline.params, graphCost(graph).params);
  assert.is(model.graph.params["stem.weight"].shape[0], 4);
  const differing = (await verify(store)).filter(({ verdict }) => verdict !== "agrees");
  assert.equal(differing, []);
});

test("a run that was killed ends in the bytes of one that wasn't", async () => {
  const { store: whole } = await run();
  const store = memoryStore();
  await store.write("net.onnx", onnxBytes(given));
  const recipe = recipeOf();
  const killed = await prune(recipe, { store: crashing(store, 5, "after") }).then(() => undefined, (error) => error);
  assert.instance(killed, Crash);
  await prune(recipe, { store, resume: true });
  assert.equal(await outcome(store), await outcome(whole));
});

test("a network that is kept as it is trains without norms", async () => {
  const { notes, report } = await run({ norms: "keep" });
  assert.not(notes.some((text) => text.includes("batch norms")));
  assert.is(report.baseline.params, graphCost(graph).params);
});

test.run();
