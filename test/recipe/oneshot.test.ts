/** The stage `oneshot` in a run: filters go without labels or training, for a budget or by one ratio. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { readModel } from "../../src/formats/model_file.ts";
import type { DataRequest, Recipe } from "../../src/recipe/schema.ts";
import { silentUi } from "../../src/ui.ts";
import { drawn, onlyNightly } from "../long.ts";
import { abortedAt } from "./interrupt.ts";
import { assertSound, DIR, loadTiny, prune, threeBlocks, tinyRecipe, train, trainedBlocks } from "./tiny.ts";

const test = suite("oneshot in a run");
const oneshot = (more: Record<string, unknown> = {}) => ({
  kind: "oneshot",
  images: 64,
  ...("keep" in more ? {} : { budget: { macs: 0.8 } }),
  ...more,
});

const { freshStore, onWeights } = await trainedBlocks();

test("alone on given weights it meets the budget, is proved, and verified", async () => {
  const { report, store } = await onWeights([oneshot()]);
  assert.equal(report.stages.map(({ name }) => name), ["given", "pruned without labels"]);
  assert.ok(report.achieved.macs <= 0.8 && report.achieved.macs > 0.7, `${report.achieved.macs}`);
  assert.is(report.requested.macs, 0.8);
  assert.ok("inputs" in report.equivalence && report.equivalence.inputs > 0 && report.equivalence.maxRel <= 1e-5);
  await assertSound(store);
});

test("one ratio for all layers, which the report tells by its name; others stay", async () => {
  const { report, store } = await onWeights([oneshot({ keep: 0.5, layers: "layer*conv1" })]);
  assert.is(report.requested["filter layer*conv1"], 0.5);
  assert.is(report.achieved["filter layer*conv1"], 0.5);
  const { model: { graph } } = await readModel(store, DIR);
  assert.equal(graph.params["layer1.0.conv1.weight"].shape, [2, 4, 3, 3]);
  assert.equal(graph.params["conv1.weight"].shape, [4, 1, 3, 3]);
  await assertSound(store);
});

onlyNightly(test)("labels decide nothing: with others the network has the same bits", async () => {
  const turned = async (request: DataRequest) => {
    const data = await loadTiny(request);
    const labels = data.train.labels.map((label) => (label + 3) % 10);
    return { ...data, train: { ...data.train, labels } };
  };
  const [one, other] = [await onWeights([oneshot()]), await onWeights([oneshot()], { loadData: turned })];
  assert.equal(
    await other.store.read(`${DIR}/model.safetensors`),
    await one.store.read(`${DIR}/model.safetensors`),
  );
});

test("ways of choosing, and refits, then compaction and training on", async () => {
  const choices = [
    { select: "lasso", refit: "bias" },
    { select: "l2", refit: "none" },
    { select: "thinet" },
    { select: "alps" },
    { select: "reconstruction" },
  ];
  for (const more of choices.slice(0, drawn({ suite: 2, nightly: choices.length }))) {
    const { report } = await onWeights([oneshot({ keep: 0.75, ...more })]);
    assert.ok(report.final.macs < report.baseline.macs);
  }
  const { store } = await onWeights([oneshot(), { kind: "compact" }, train(1), { kind: "compact" }]);
  await assertSound(store);
});

test("what was pruned before stays 0 where layers are fitted anew", async () => {
  const sparse = { kind: "prune", constraints: [{ kind: "weight", keep: 0.5 }] };
  const { report, store } = await onWeights([sparse, oneshot({ keep: 0.75 })]);
  assert.ok(report.achieved["weight *"] <= 0.5, `${report.achieved["weight *"]}`);
  await assertSound(store);
});

onlyNightly(test)("stopped within it and taken up again, it ends in the same bits", async () => {
  const whole = await onWeights([oneshot(), { kind: "compact" }]);
  const store = await freshStore();
  const stopped = await prune(whole.recipe, { store, signal: abortedAt(3) }).then(() => "ran", (e: Error) => e.name);
  assert.is(stopped, "Interrupted");
  await prune(whole.recipe, { store, resume: true });
  assert.equal(
    await store.read(`${DIR}/model.safetensors`),
    await whole.store.read(`${DIR}/model.safetensors`),
  );
});

test("images that are too few are told once, with how many would do", async () => {
  const warnings: string[] = [];
  const ui = { ...silentUi(), warn: (text: string) => void warnings.push(text) };
  await onWeights([oneshot({ keep: 0.5, images: 1 })], { ui });
  assert.match(
    warnings.join("\n"),
    /oneshot\): 1 images tell too little of \d+ layers, .*"layer3.0.conv2" wants \d+: give/,
  );
});

test("what can't be is said before anything is looked at", async () => {
  const complaint = async (stage: Record<string, unknown>, more: Partial<Recipe> = {}): Promise<string> => {
    const error = await (async () => await prune({ ...tinyRecipe([train(1), stage], threeBlocks), ...more }))()
      .catch((e: unknown) => e);
    assert.instance(error, UserError);
    return (error as Error).message;
  };
  assert.match(await complaint({ kind: "oneshot" }), /expected one of keep and budget/);
  assert.match(await complaint(oneshot({ keep: 0.5, budget: { macs: 0.5 } })), /expected one of keep and budget/);
  assert.match(
    await complaint(oneshot({ select: "taylor" })),
    /select: expected obs, thinet, lasso, alps, l2.*got "taylor"/,
  );
  assert.match(await complaint(oneshot({ layers: "layer9" })), /no layer is named "layer9"/);
  assert.match(await complaint(oneshot({ layers: "linear" })), /"linear" can't be pruned by filter/);
  assert.match(await complaint(oneshot({ budget: { macs: 0.001 } })), /can't be reached/);
  assert.match(await complaint(oneshot({ images: 0 })), /images: expected a whole number of at least 1/);
  assert.match(await complaint(oneshot({ refit: "full" })), /refit: expected none, bias or affine/);
});

test.run();
