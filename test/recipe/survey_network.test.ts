/** A network that comes without a recipe: what is found out of it, and the run that is chosen by that. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { wishOf } from "../../src/one_line/asked.ts";
import { chooseRecipe } from "../../src/one_line/choose_recipe.ts";
import { changedRecipe } from "../../src/recipe/load.ts";
import { applyOverrides } from "../../src/recipe/overrides.ts";
import { surveyNetwork } from "../../src/run/survey_network.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { evaluateModel } from "../../src/train/evaluate.ts";
import { silentUi } from "../../src/ui.ts";
import { testGpu } from "../gpu.ts";
import { assertSound, loadTiny, prune } from "./tiny.ts";

const test = suite("a network without a recipe, from survey to report");

const b = builder("own", ["N", 1, 8, 8]);
const layer = (x: string, name: string, out: number) =>
  b.relu(b.batchNorm(b.conv(x, { name, out, kernel: 3, pad: 1, stride: 2, bias: false }), { name: `${name}.bn` }));
b.gemm(b.flatten(layer(layer(b.input, "conv1", 32), "conv2", 96)), { name: "fc", out: 10 });
const model = { graph: b.graph(), params: initialise(b.graph(), 1) };

const store = memoryStore();
await store.write("own.onnx", onnxBytes(model));

const survey = async (labels: "use" | "ignore" = "use", name = "own.onnx") =>
  await surveyNetwork({
    network: { model: { name } },
    data: { name: "digits", validation: 0.15, limit: 200, ...labels === "ignore" && { labels } },
    store,
    ui: silentUi(),
    gpu: await testGpu(),
    loadData: loadTiny,
  });

test("sizes, counts and what the weights are worth are those of the network and its data", async () => {
  const found = await survey();
  const { train, validation, test } = await loadTiny({ name: "digits", validation: 0.15, limit: 200 });
  const { params, macs } = graphCost(model.graph);
  assert.equal(
    [found.params, found.macs, found.images, found.validation, found.test, found.norms, found.shortcuts],
    [params, macs, train.count, validation.count, test.count, "batch", "none"],
  );
  const { accuracy } = await evaluateModel(await testGpu(), model, train);
  assert.is(found.known!.accuracy, accuracy);
  assert.is(found.known!.scored, train.count);
  assert.ok(found.known!.chance >= 0.1 && found.known!.chance < 0.15);
  assert.ok(found.imageMs > 0);
});

test("a sum of two layers' values is a shortcut", async () => {
  const b = builder("residual", ["N", 1, 8, 8]);
  const stem = b.relu(b.conv(b.input, { name: "stem", out: 4, kernel: 3, pad: 1, bias: true }));
  const sum = b.add(b.conv(stem, { name: "inner", out: 4, kernel: 3, pad: 1, bias: true }), stem, "sum");
  b.gemm(b.flatten(sum), { name: "fc", out: 10 });
  await store.write("residual.onnx", onnxBytes({ graph: b.graph(), params: initialise(b.graph(), 1) }));
  assert.is((await survey("use", "residual.onnx")).shortcuts, "some");
});

test("the chosen recipe runs, meets the budget within a hundredth, and is verified", async () => {
  const { recipe } = chooseRecipe(await survey(), wishOf({ labels: "use", macs: 0.5 }));
  const kinds = (recipe.stages as { kind: string }[]).map(({ kind }) => kind);
  assert.equal(kinds, ["train", "prune", "compact", "measure"], "its weights know nothing");
  const short = applyOverrides(recipe, [
    "stages.0.epochs=3",
    "stages.1.retrain.epochs=2",
    "stages.3.batches=[1]",
    "stages.3.seconds=0.02",
    "data.limit=200",
  ]);
  const { report, store: kept } = await prune(changedRecipe(short, "chosen", {}), { store });
  assert.ok(report.achieved.macs <= 0.5 && report.achieved.macs >= 0.49, `${report.achieved.macs}`);
  await assertSound(kept);
});

test.run();
