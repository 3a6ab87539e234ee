/** From the measurement of what a network loses by each layer to a run whose budget goes by it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { imagesLoader } from "../../src/cli/data.ts";
import { UserError } from "../../src/errors.ts";
import { prune as pruneModel } from "../../src/prune/prune_model.ts";
import { measureTraining } from "../../src/data/splits.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { parseModel } from "../../src/formats/model_file.ts";
import { loadRecipe } from "../../src/recipe/load.ts";
import type { SensitivityFile } from "../../src/report/sensitivity/sensitivity_file.ts";
import { runSensitivity, type SensitivityRunOptions } from "../../src/run/measure_sensitivity.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { silentUi } from "../../src/ui.ts";
import { withFolder, writeFolder } from "../data/fixtures.ts";
import { pngFile } from "../../scripts/png_file.ts";
import { testGpu } from "../gpu.ts";
import { abortedAt } from "./interrupt.ts";
import { DIR, loadTiny, prune, threeBlocks, tinyRecipe, trainedBlocks } from "./tiny.ts";

const test = suite("sensitivity and budgets by it");
const { freshStore, onWeights } = await trainedBlocks();
const OUT = "s.json";

async function measure(store: Store, more: Partial<SensitivityRunOptions> = {}): Promise<SensitivityFile> {
  return await runSensitivity({
    network: { model: { name: "weights.safetensors" } },
    loadPart: async (input) => ({
      part: "test",
      data: (await loadTiny({ name: "digits", validation: 0.15, ...input })).test,
    }),
    ratios: [0.25, 0.5, 0.75],
    labels: "use",
    batch: 64,
    limit: 200,
    out: OUT,
    store,
    ui: silentUi(),
    gpu: await testGpu(),
    tool: "secateur 0.0.0",
    commit: "test",
    command: "secateur sensitivity weights.safetensors",
    ...more,
  });
}

async function said(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, UserError);
    return (error as Error).message;
  }
  return "nothing";
}

test("a measurement is kept batch by batch, and the same command goes on from where it was stopped", async () => {
  const whole = await measure(await freshStore());
  assert.is(whole.images, 200);
  assert.is(whole.tally, undefined);
  assert.ok(whole.dense.accuracy! > 0.2);
  const store = await freshStore();
  assert.match(
    await said(measure(store, { signal: abortedAt(30) })),
    /^interrupted; (64|128) of 200 images are kept in s.json: the same command goes on/,
  );
  const kept = JSON.parse(new TextDecoder().decode(await store.read(OUT)));
  assert.ok(kept.images < 200 && kept.tally.images === kept.images);
  assert.equal(await measure(store), whole);
  const notes: string[] = [];
  const ui = { ...silentUi(), note: (text: string) => notes.push(text) };
  assert.equal(await measure(store, { ui, signal: abortedAt(1) }), whole);
  assert.ok(notes.includes("s.json holds this measurement already"));
  assert.match(
    await said(measure(await freshStore(), { signal: abortedAt(1) })),
    /before the first batch.*nothing is kept/,
  );
});

test("a file of another network, other data, another criterion or other ratios is refused by what it says of itself", async () => {
  const store = await freshStore();
  await measure(store, { limit: 64, ratios: [0.5] });
  const same = { limit: 64, ratios: [0.5] };
  const cases: [Partial<SensitivityRunOptions>, RegExp][] = [
    [{ ...same, criterion: "l1" }, /another measurement: its criterion is l2, not l1; choose another --out/],
    [{ ...same, limit: 65 }, /it is of 64 images of digits \(test, with labels\), not of 65 images/],
    [{ ...same, labels: "ignore" }, /with labels\), not of 64 images of digits \(test, without labels\)/],
    [{ ...same, ratios: [0.25] }, /its ratios are 0.5, not 0.25/],
    [{ ...same, seed: 2 }, /its seed is 1, not 2/],
    [{ ...same, batch: 32 }, /its batch is 64, not 32/],
    [{ ...same, layers: ["layer1*"] }, /it is of 6 layers \(conv1:filter.*\), not of 2 layers|it is of \d+ layers/],
    [{ ...same, network: { model: { name: "weights.safetensors" }, preprocess: { mean: [0.1] } } }, /normalisation/],
  ];
  for (const [more, expected] of cases) assert.match(await said(measure(store, more)), expected);
  const other = await prune(
    tinyRecipe([{ kind: "train", epochs: 1, optimizer: { kind: "adam", lr: 0.01 } }], threeBlocks),
  );
  await store.write("weights.safetensors", (await other.store.read(`${DIR}/model.safetensors`))!);
  assert.match(await said(measure(store, same)), /of the network weights.safetensors with other weights/);
});

test("wrong files, layers and criteria are told in a line", async () => {
  const store = await freshStore();
  assert.match(await said(measure(store, { layers: ["conv9"] })), /no layer is named "conv9"/);
  assert.match(await said(measure(store, { criterion: "best" })), /unknown criterion "best": known are/);
  assert.match(await said(measure(store, { criterion: "taylor", labels: "ignore" })), /learns from labels/);
  await store.write(OUT, new TextEncoder().encode("{"));
  assert.match(await said(measure(store)), /s.json: not valid JSON/);
  await store.write(OUT, new TextEncoder().encode(`{"kind":"sensitivity","version":2}`));
  assert.match(await said(measure(store)), /version: expected 1, the version that this Secateur reads, got 2|missing/);
});

test("without labels any images do, in the shape that the network takes", async () => {
  const asked: unknown[] = [];
  const file = await measure(await freshStore(), {
    labels: "ignore",
    limit: 40,
    loadPart: () => Promise.reject(new Error("no classes are looked for")),
    loadImages: async (wanted) => {
      asked.push(wanted);
      const { test } = await loadTiny({ name: "digits", validation: 0.15 });
      return { ...test, classes: 1, labels: new Uint16Array(test.count) };
    },
  });
  assert.equal(asked, [{ shape: [1, 8, 8], most: 40 }]);
  assert.equal([file.identity.data.part, file.images, file.identity.data.labels], ["all", 40, false]);
  assert.equal(file.dense, {});
  assert.ok(file.curves.every(({ points }) => points.every(({ outputLoss }) => outputLoss >= 0)));
});

test("where nothing says how inputs were normalised, images without labels are by their own mean, as is told", async () => {
  const { test: digits } = await loadTiny({ name: "digits", validation: 0.15 });
  const images = { ...digits, normalization: { scale: 16, mean: [0], std: [1] } };
  const store = memoryStore();
  const graph = createModel("resnet8", { width: 0.25, size: 8, inChannels: 1 });
  await store.write("net.onnx", onnxBytes({ graph, params: initialise(graph, 1) }));
  const lossOf = async (mean?: number[], std?: number[]) => {
    const warnings: string[] = [];
    const { curves: [{ points: [{ outputLoss }] }] } = await measure(store, {
      labels: "ignore",
      network: { model: { name: "net.onnx" }, ...mean && { preprocess: { mean, std } } },
      loadPart: () => Promise.reject(new Error("no classes are looked for")),
      loadImages: () => Promise.resolve(images),
      ui: { ...silentUi(), warn: (text) => void warnings.push(text) },
      out: `${mean}.json`,
    });
    return { outputLoss, warning: warnings.join() };
  };
  const { mean, std } = measureTraining({ train: images }, 0);
  const own = await lossOf();
  assert.is(own.outputLoss, (await lossOf([...mean], [...std])).outputLoss);
  assert.match(own.warning, `the data's own mean ${Number(mean[0].toFixed(4))}, std ${Number(std[0].toFixed(4))} of`);
});

test("a folder's images need no classes, spread over as many as are wanted", async () => {
  await withFolder(async (folder) => {
    for (const factor of [3, 5, 7]) {
      const image = await pngFile(8, 8, (row, column, channel) => factor * (8 * row + column + channel) % 256);
      await writeFolder({ [`${factor}.png`]: image }, `${folder}/some`);
    }
    const { count, images, name } = await imagesLoader(`folder:${folder}`)!({ shape: [3, 8, 8], most: 2 }, silentUi());
    assert.equal([count, name], [2, folder]);
    // Of the paths in order the first and the second: red of the second pixel.
    assert.equal([images[1], images[3 * 64 + 1]], [3, 5]);
  });
  assert.is(imagesLoader("digits"), undefined);
});

const byCurves = (more: Record<string, unknown> = {}) => [
  { kind: "prune", budget: { macs: 0.6, sensitivity: OUT, ...more } },
  { kind: "compact" },
];

test("a run's budget goes by the curves, which are kept with the run", async () => {
  const store = await freshStore();
  const file = await measure(store);
  const { report } = await onWeights(byCurves(), { store });
  assert.ok(report.achieved.macs <= 0.6 && report.achieved.macs > 0.5, `${report.achieved.macs}`);
  assert.is(report.requested.macs, 0.6);
  assert.equal(JSON.parse(new TextDecoder().decode(await store.read(`${DIR}/sensitivity-0.json`))), file);
  // The library takes the same record, and decides the same.
  const { model } = await parseModel((await store.read("weights.safetensors"))!, "weights.safetensors");
  const { kept } = pruneModel(model, { budget: { macs: 0.6, sensitivity: file } });
  const widths = new Map(kept.map(({ name, keep }) => [name, keep]));
  const least = new Map(file.curves.map(({ name, points }) => [name, points.at(-1)!.keep]));
  assert.ok([...widths].every(([name, keep]) => keep >= least.get(name)!));
  assert.throws(
    () => pruneModel(model, { budget: { macs: 0.6, rule: "global", sensitivity: file } }),
    /rule and sensitivity exclude each other/,
  );
  await onWeights([{ kind: "oneshot", images: 32, budget: { macs: 0.8, sensitivity: OUT } }], {
    store: await withFile(file),
  });
});

async function withFile(file: unknown): Promise<Store> {
  const store = await freshStore();
  await store.write(OUT, new TextEncoder().encode(JSON.stringify(file)));
  return store;
}

test("a file that isn't whole, isn't there, or is of another network is refused before anything is computed", async () => {
  const store = await freshStore();
  assert.match(await said(onWeights(byCurves(), { store })), /stages.0.budget: s.json: no such file/);
  const file = await measure(store, { limit: 64 });
  const half = { ...file, images: 10 };
  assert.match(
    await said(onWeights(byCurves(), { store: await withFile(half) })),
    /was measured on 10 of 64 images; end it first with: secateur sensitivity weights/,
  );
  const narrower = { ...file, curves: file.curves.map((curve) => ({ ...curve, groups: curve.groups + 1 })) };
  assert.match(
    await said(onWeights(byCurves(), { store: await withFile(narrower) })),
    /of a network whose conv1:filter has \d+ groups, here it has/,
  );
  assert.match(
    await said(onWeights(byCurves({ macs: 0.001 }), { store: await withFile(file) })),
    /0.001 of the macs can't be reached/,
  );
});

test("its path is relative to the recipe's file, and it goes with macs or params alone", async () => {
  const store = memoryStore();
  const recipe = (budget: string) =>
    store.write(
      "recipes/r.yaml",
      new TextEncoder().encode(
        `version: 1\nname: r\nmodel: ../net.onnx\ndata: digits\nstages: [{ kind: prune, budget: ${budget} }]`,
      ),
    );
  await recipe("{ macs: 0.5, sensitivity: s.json }");
  const [stage] = (await loadRecipe("recipes/r.yaml", store)).stages;
  assert.is((stage as { budget: { sensitivity: string } }).budget.sensitivity, "recipes/s.json");
  await recipe("{ ms: 0.5, sensitivity: s.json }");
  assert.match(await said(loadRecipe("recipes/r.yaml", store)), /a sensitivity is set against macs or params/);
  await recipe("{ macs: 0.5, sensitivity: s.json, rule: global }");
  assert.match(await said(loadRecipe("recipes/r.yaml", store)), /rule and sensitivity exclude each other; remove one/);
});

test.run();
