/** Runs on images of which nobody says what they show: what they do, what their reports tell, and what is refused. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset } from "../../src/data/deno.ts";
import type { Splits } from "../../src/data/types.ts";
import { UserError } from "../../src/errors.ts";
import { readModel } from "../../src/formats/model_file.ts";
import { formatSummary } from "../../src/cli/summary.ts";
import type { DataRequest, Recipe } from "../../src/recipe/schema.ts";
import type { Report } from "../../src/report/types.ts";
import { verifyRun } from "../../src/run/verify.ts";
import type { Store } from "../../src/store/types.ts";
import { silentUi } from "../../src/ui.ts";
import { complaint, withFolder } from "../data/fixtures.ts";
import { pngFile } from "../../scripts/png_file.ts";
import { testGpu } from "../gpu.ts";
import { abortedAt } from "./interrupt.ts";
import { DIR, loadTiny, prune, retrain, threeBlocks, tinyRecipe, train, trainedBlocks } from "./tiny.ts";

const test = suite("runs without labels");

const oneshot = (more: Record<string, unknown> = {}) => ({ kind: "oneshot", images: 64, keep: 0.75, ...more });
/** Labels that would be wrong if anybody looked at them. */
const unlabelled = async (request: DataRequest): Promise<Splits> => {
  const { train, validation, test, ...data } = await loadTiny(request);
  const [a, b, c] = [train, validation, test].map((part) => ({
    ...part,
    classes: 1,
    labels: part.labels.map(() => 0),
  }));
  return { ...data, classes: 1, classNames: undefined, train: a, validation: b, test: c, labels: "absent" };
};

const trained = await trainedBlocks();
const { freshStore } = trained;
/** In the run's folder, too, which its recipe is relative to. */
const onWeights: typeof trained.onWeights = async (stages, options) => {
  const run = await trained.onWeights(stages, options);
  await run.store.write(`${DIR}/weights.safetensors`, (await run.store.read("weights.safetensors"))!);
  return run;
};

const verdicts = async (store: Store, loadData: (request: DataRequest) => Promise<Splits> = unlabelled) => {
  const checks = await verifyRun({ dir: DIR, store, ui: silentUi(), gpu: await testGpu(), loadData });
  return new Map(checks.map(({ name, verdict }) => [name, verdict]));
};

test("the network is that of the same run with labels; the report tells agreement, is proved, written and verified", async () => {
  const { report, store } = await onWeights([oneshot(), { kind: "compact" }], { loadData: unlabelled });
  const labelled = await onWeights([oneshot(), { kind: "compact" }]);
  assert.equal((await readModel(store, DIR)).model.params, (await readModel(labelled.store, DIR)).model.params);
  assert.ok(await store.read(`${DIR}/model.onnx`));
  assert.ok("inputs" in report.equivalence && report.equivalence.maxRel <= 1e-5);
  const points = [report.baseline, ...report.stages, report.final];
  assert.ok(points.every(({ accuracy, agreement }) => accuracy === undefined && agreement !== undefined));
  const { images } = report.final.agreement!;
  assert.equal(report.baseline.agreement, { images, sameClass: 1, outputLoss: 0 });
  const { sameClass, outputLoss } = report.final.agreement!;
  assert.ok(sameClass! > 0.3 && sameClass! < 1 && outputLoss > 0 && outputLoss < 1, `${sameClass} ${outputLoss}`);
  assert.match(formatSummary(report, "x"), /no accuracy was measured: the images have no labels/);
  const html = new TextDecoder().decode(await store.read(`${DIR}/report.html`));
  assert.match(html, /No accuracy was measured: the images have no labels/);
  assert.not.match(html, /test accuracy/);
  const found = await verdicts(store);
  assert.equal([...found.values()].filter((verdict) => verdict === "differs"), []);
  assert.equal(found.get("accuracy"), "not proved");
  assert.equal([found.get("the dense network's class"), found.get("outputs off by")], ["agrees", "agrees"]);
});

test("a report that claims another agreement is found out, and one whose dense network is gone isn't believed", async () => {
  const { report, store } = await onWeights([oneshot()], { loadData: unlabelled });
  const claimed = async (change: Partial<NonNullable<Report["final"]["agreement"]>>) => {
    const final = { ...report.final, agreement: { ...report.final.agreement!, ...change } };
    const text = JSON.stringify({ ...report, final, stages: [...report.stages.slice(0, -1), final] });
    await store.write(`${DIR}/report.json`, new TextEncoder().encode(text));
    return await verdicts(store);
  };
  assert.is((await claimed({ sameClass: 1 })).get("the dense network's class"), "differs");
  assert.is((await claimed({ outputLoss: 1.1 * report.final.agreement!.outputLoss })).get("outputs off by"), "differs");
  assert.is((await claimed({ images: 1000 })).get("held-out images"), "differs");
  await claimed({});
  await store.remove(`${DIR}/weights.safetensors`);
  const gone = await verdicts(store);
  assert.is(gone.get("agreement with the dense network"), "not proved");
  assert.equal([...gone.values()].filter((verdict) => verdict === "differs"), []);
});

test("stopped within it and taken up again, it ends in the same bits", async () => {
  const whole = await onWeights([oneshot(), { kind: "compact" }], { loadData: unlabelled });
  const store = await freshStore();
  const options = { store, loadData: unlabelled };
  const stopped = await prune(whole.recipe, { ...options, signal: abortedAt(3) }).catch((e: Error) => e.name);
  assert.is(stopped, "Interrupted");
  const { report } = await prune(whole.recipe, { ...options, resume: true });
  assert.equal(
    await store.read(`${DIR}/model.safetensors`),
    await whole.store.read(`${DIR}/model.safetensors`),
  );
  assert.equal(report.final, whole.report.final);
});

test("what prunes without training or labels runs too", async () => {
  const pruned = { kind: "prune", criterion: "l2", constraints: [{ kind: "filter", keep: 0.75 }] };
  const stages = [pruned, { kind: "unused" }, { kind: "compact" }, { kind: "measure", batches: [1], seconds: 0.01 }];
  const { report } = await onWeights(stages, { loadData: unlabelled });
  assert.ok(report.final.macs < report.baseline.macs && report.final.agreement!.outputLoss > 0);
});

test("stages that need labels are refused before anything runs, each with its reason", async () => {
  const constraints = [{ kind: "filter", keep: 0.5 }];
  const refusal = async (stage: Record<string, unknown>, more: Record<string, unknown> = {}) => {
    const recipe = tinyRecipe([oneshot(), stage], { ...threeBlocks, weights: "weights.safetensors", ...more });
    const store = await freshStore();
    const error = await prune(recipe, { store, loadData: unlabelled }).catch((error) => error);
    assert.instance(error, UserError);
    assert.is(await store.read(`${DIR}/checkpoint.safetensors`), undefined);
    return (error as Error).message;
  };
  const prunes = (more: Record<string, unknown>) => ({ kind: "prune", constraints, ...more });
  const without = (keep: Record<string, unknown>) => ({ kind: "prune", constraints: [{ kind: "filter" }], ...keep });
  const cases: [Record<string, unknown>, RegExp][] = [
    [train(1), /stages\.1 \(train\) learns from labels/],
    [{ kind: "admm", constraints }, /stages\.1 \(admm\) trains with labels/],
    [prunes({ retrain: retrain() }), /stages\.1 \(prune\) retrain learns from labels/],
    [{ kind: "magnitude", constraints, retrain: retrain() }, /stages\.1 \(magnitude\) retrain learns from labels/],
    [prunes({ criterion: "taylor" }), /stages\.1 \(prune\) the criterion taylor looks at labels/],
    [prunes({ steps: 2, floor: 0.5 }), /stages\.1 \(prune\) floor is an accuracy/],
    [without({ until: { drop: 0.1 } }), /stages\.1 \(prune\) until holds a floor of accuracy/],
    [prunes({ gradual: { epochs: 1 } }), /stages\.1 \(prune\) gradual trains with labels/],
    [{ kind: "purify" }, /stages\.1 \(purify\) goes by the loss on validation data/],
  ];
  for (const [stage, message] of cases) {
    const text = await refusal(stage);
    assert.match(text, message);
    assert.match(
      text,
      /the images of digits have no labels.*: lay them out as <class>\/<image>, or prune by a stage that/,
    );
    assert.not.match(text, /\n/);
  }
  const ignored = await refusal(train(1), { data: { name: "digits", limit: 200, labels: "ignore" } });
  assert.match(
    ignored,
    /digits are to be taken without labels \(data\.labels: ignore, --no-labels\): leave that out, or/,
  );
});

test("a run with an accuracy isn't verified on images that can't tell it", async () => {
  const { store } = await onWeights([oneshot()]);
  const message = await complaint(() => verdicts(store));
  assert.match(
    message,
    /report\.json: has an accuracy, and the images of digits have no labels to measure it by: name/,
  );
});

test("a folder of images alone is enough; one image less than can be divided isn't", () =>
  withFolder(async (dir) => {
    const { train } = await loadTiny({ name: "digits", limit: 200, validation: 0.15 });
    for (let i = 0; i < 40; i++) {
      await Deno.writeFile(
        `${dir}/${i}.png`,
        await pngFile(8, 8, (row, column) => train.images[64 * i + 8 * row + column], 1),
      );
    }
    const recipe = (data: Record<string, unknown>): Recipe =>
      tinyRecipe([oneshot()], { ...threeBlocks, weights: "weights.safetensors", data });
    const loadData = ({ name, ...options }: DataRequest) => loadDataset(name, options);
    const warnings: string[] = [];
    const ui = { ...silentUi(), warn: (text: string) => void warnings.push(text) };
    const data = { name: `folder:${dir}` };
    const { report } = await prune(recipe(data), { store: await freshStore(), loadData, ui });
    assert.is(report.final.agreement!.images, 6);
    assert.match(
      warnings.join("\n"),
      /oneshot\): 34 images tell too little of \d+ layers, .* wants \d+: give that many/,
    );
    for (let i = 7; i < 40; i++) await Deno.remove(`${dir}/${i}.png`);
    const few = await complaint(async () => void await prune(recipe(data), { store: await freshStore(), loadData }));
    assert.match(few, /found 7 images, expected 8 at least: give more/);
    for (let i = 0; i < 7; i++) await Deno.remove(`${dir}/${i}.png`);
    const none = await complaint(async () => void await prune(recipe(data), { store: await freshStore(), loadData }));
    assert.match(none, /found no PNG or JPEG files/);
  }));

test.run();
