/** Runs that begin with a network of one's own. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadPart } from "../../src/data/deno.ts";
import { formatMetadata } from "../../src/formats/metadata.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { readOnnx } from "../../src/formats/onnx/read.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model, Node } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { evaluateNetwork } from "../../src/train/evaluate_network.ts";
import { readModel } from "../../src/formats/model_file.ts";
import { checkOrder } from "../../src/recipe/order.ts";
import { parseRecipe, type Recipe } from "../../src/recipe/schema.ts";
import { inputOptions, readGiven, startModel } from "../../src/models/given.ts";
import { silentUi, type Ui } from "../../src/ui.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { complaint } from "../data/fixtures.ts";
import { testGpu } from "../gpu.ts";
import { DIR, prune, retrain, train, verify } from "./tiny.ts";

const test = suite("networks of one's own");

/** A network that has learnt the digits, as its first run left it: the store with that run, and the network. */
let learnt: { store: Store; model: Model; accuracy: number };

const recipeOf = (
  more: Record<string, unknown>,
  stages: readonly unknown[] = [{ kind: "measure", batches: [1], seconds: 0.01 }],
) =>
  parseRecipe({
    version: 1,
    name: "own",
    model: { name: "digits", width: 0.25 },
    data: { name: "digits", limit: 200 },
    batch: 16,
    stages,
    ...more,
  }, "test");

async function storeWith(files: Record<string, Uint8Array>): Promise<Store> {
  const store = memoryStore();
  for (const [name, bytes] of Object.entries(files)) await store.write(name, bytes);
  return store;
}

function weightsOf({ params }: Model, metadata: Record<string, string> = {}): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { shape, data }] of params) tensors.set(name, { dtype: "F32", shape, data });
  return writeSafetensors(tensors, metadata);
}

test.before(async () => {
  const { store, report } = await prune(recipeOf({}, [train(3)]));
  learnt = { store, model: (await readModel(store, DIR)).model, accuracy: report.final.accuracy!.test };
});

test("weights, an ONNX file and a run's file start where training ended", async () => {
  const run = (await learnt.store.read(`${DIR}/model.safetensors`))!;
  const onnx = (await learnt.store.read(`${DIR}/model.onnx`))!;
  const own: readonly (readonly [Partial<Recipe>, Record<string, Uint8Array>])[] = [
    [{ weights: "w.safetensors" }, { "w.safetensors": weightsOf(learnt.model) }],
    [{ model: { name: "net.onnx" } }, { "net.onnx": onnx }],
    [{ model: { name: "runs/a.safetensors" } }, { "runs/a.safetensors": run }],
    [{ model: { name: "net.onnx" }, weights: "w.safetensors" }, {
      "net.onnx": onnxBytes({ graph: learnt.model.graph, params: initialise(learnt.model.graph, 9) }),
      "w.safetensors": weightsOf(learnt.model),
    }],
  ];
  for (const [recipe, files] of own) {
    const { report } = await prune(recipeOf(recipe), { store: await storeWith(files) });
    assert.is(report.baseline.name, "given");
    assert.is(report.baseline.accuracy!.test, learnt.accuracy, JSON.stringify(recipe));
    assert.equal(report.files, ["model.onnx", "model.safetensors"]);
  }
});

test("weights: an ONNX file whose numbers lie in a file beside it", async () => {
  const onnx = readOnnx(onnxBytes(learnt.model), "net.onnx");
  const pieces: Uint8Array[] = [];
  let offset = 0;
  const initialisers = onnx.graph.initialisers.map(({ raw, ...tensor }) => {
    if (!raw) return tensor;
    pieces.push(raw);
    offset += raw.length;
    return { ...tensor, external: { location: "w.onnx.data", offset: offset - raw.length, length: raw.length } };
  });
  assert.ok(pieces.length > 5);
  const bytes = writeOnnx({ ...onnx, graph: { ...onnx.graph, initialisers } });
  const data = new Uint8Array(await new Blob(pieces as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  const options = recipeOf({ weights: "nets/w.onnx" });

  const { weights } = await readGiven(options, await storeWith({ "nets/w.onnx": bytes, "nets/w.onnx.data": data }));
  for (const [name, tensor] of learnt.model.params) assert.equal(weights!.get(name)?.data, tensor.data, name);

  const alone = await storeWith({ "nets/w.onnx": bytes });
  assert.match(
    await complaint(() => readGiven(options, alone)),
    /^nets\/w\.onnx: its numbers are in "w\.onnx\.data", which isn't beside it: put it there/,
  );
});

test("training goes on from the given weights, and what it ends with is the baseline; verify agrees", async () => {
  const store = await storeWith({ "w.safetensors": weightsOf(learnt.model) });
  const { report } = await prune(
    recipeOf({ weights: "w.safetensors" }, [
      { kind: "train", epochs: 1, optimizer: { kind: "sgd", lr: 1e-6 } },
      { kind: "magnitude", constraints: [{ kind: "filter", keep: 0.5 }], retrain: retrain() },
      { kind: "compact" },
    ]),
    { store },
  );
  assert.equal(report.stages.slice(0, 2).map(({ name }) => name), ["given", "train"]);
  assert.is(report.baseline.name, "train");
  // At such a rate nothing moves, but for the running statistics of batch norms, which digits hasn't.
  assert.is(report.baseline.accuracy!.test, report.stages[0].accuracy!.test);
  assert.ok(report.final.params < report.baseline.params);
  assert.equal((await verify(store)).filter(({ verdict }) => verdict === "differs"), []);
});

test("a run without a train stage needs weights", () => {
  assert.throws(() => checkOrder(recipeOf({})), /expected train: what it trains is the baseline; or give the trained/);
  checkOrder(recipeOf({ weights: "w.safetensors" }));
  checkOrder(recipeOf({ model: { name: "./net.onnx" } }));
});

test("an interrupted run goes on from its checkpoint, its file still beside it", async () => {
  const files = { "w.safetensors": weightsOf(learnt.model) };
  const recipe = recipeOf({ weights: "w.safetensors" }, [{ kind: "unused" }, train(2)]);
  const [whole, store] = [await storeWith(files), await storeWith(files)];
  const { report } = await prune(recipe, { store: whole });
  const stop = new AbortController();
  const ui: Ui = { ...silentUi(), stage: () => ({ update: () => stop.abort(), done() {}, abandon() {} }) };
  await prune(recipe, { store, ui, signal: stop.signal }).then(() => assert.unreachable(), () => {});
  const resumed = await prune(recipe, { store, resume: true });
  assert.equal(resumed.report.stages, report.stages);
  assert.equal(await store.read(`${DIR}/model.onnx`), await whole.read(`${DIR}/model.onnx`));
});

test("mean and std: the recipe's before the file's before the data's; the exported files say what was used", async () => {
  const said = formatMetadata({ mean: [0.25], std: [0.5] });
  const store = await storeWith({
    "net.onnx": onnxBytes(learnt.model, said),
    "w.safetensors": weightsOf(learnt.model),
  });
  const asked = async (more: Record<string, unknown>) => {
    const recipe = recipeOf(more);
    const { mean, std, size, channels } = inputOptions(recipe, await readGiven(recipe, store));
    return [mean, std, size, channels];
  };
  assert.equal(await asked({ weights: "w.safetensors" }), [undefined, undefined, undefined, undefined]);
  assert.equal(await asked({ model: { name: "./net.onnx" } }), [[0.25], [0.5], 8, 1]);
  const preprocess = { mean: [0.125] };
  assert.equal(await asked({ model: { name: "./net.onnx" }, preprocess }), [[0.125], [0.5], 8, 1]);
  await prune(recipeOf({ model: { name: "./net.onnx" }, preprocess }), { store });
  const { metadata } = await readModel(store, DIR);
  assert.equal([metadata.mean, metadata.std, metadata.size], [[0.125], [0.5], [8, 8]]);
  const { properties } = readOnnx((await store.read(`${DIR}/model.onnx`))!, "x");
  assert.equal(properties.map(({ key, value }) => `${key}=${value}`), [
    "secateur.mean=0.125",
    "secateur.std=0.5",
    "secateur.size=8,8",
  ]);
});

test("what doesn't fit together is said", async () => {
  const graph = createModel("resnet8", { classes: 10, inChannels: 3, size: 16 });
  const other = { graph, params: initialise(graph, 1) };
  const store = await storeWith({
    "net.onnx": onnxBytes(other),
    "w.safetensors": weightsOf(other),
    "named.onnx": onnxBytes(other, formatMetadata({ classes: ["a", "b", "d"] })),
    "notes.onnx": new TextEncoder().encode("this is no model"),
    "bare.pth": Uint8Array.of(0x80, 2, 0x7d, 0x2e),
    "bare.safetensors": weightsOf(learnt.model),
  });
  const data = { name: "d", classes: 3, classNames: ["a", "b", "c"] };
  const start = (more: Record<string, unknown>, size = 16) => async () => {
    const recipe = recipeOf(more);
    return startModel(await readGiven(recipe, store), recipe, { ...data, shape: [3, size, size] }, 1);
  };
  const onnx = { model: { name: "./net.onnx" } };
  assert.match(await complaint(start(onnx)), /net\.onnx: its output is \[N, 10\], expected \[N, 3\].*"d" \(a, b, c\)/);
  assert.match(await complaint(start(onnx, 8)), /takes images of 3×16×16, data set "d" has 3×8×8/);
  assert.match(
    await complaint(start({ model: { name: "resnet8" }, weights: "w.safetensors" })),
    /w\.safetensors: has 10 outputs, expected 3: one for each class of data set "d" \(a, b, c\)/,
  );
  assert.match(
    await complaint(start({ model: { name: "named.onnx" } })),
    /output 2 is "d", class 2 of data set "d" is "c"/,
  );
  assert.match(await complaint(start({ model: { name: "notes.onnx" } })), /^notes\.onnx: /);
  assert.match(await complaint(start({ model: { name: "none.onnx" } })), /none\.onnx: no such file/);
  for (const name of ["bare.safetensors", "bare.pth"]) {
    assert.match(await complaint(start({ model: { name } })), /holds weights and no graph/);
  }
  assert.match(
    await complaint(start({ model: { name: "net.onnx", width: 2 } })),
    /model\.width is for networks of the zoo/,
  );
});

test("a network is scored on a part of the data, with a warning where nothing says how its inputs are normalised", async () => {
  const store = await storeWith({
    "w.safetensors": weightsOf(learnt.model),
    "net.onnx": (await learnt.store.read(`${DIR}/model.onnx`))!,
  });
  const score = async (network: Pick<Recipe, "model"> & Partial<Recipe>) => {
    const warnings: string[] = [];
    const result = await evaluateNetwork({
      network,
      store,
      gpu: await testGpu(),
      ui: { ...silentUi(), warn: (text) => warnings.push(text) },
      loadPart: (input) => loadPart("digits", "test", { ...input, limit: 200 }),
    });
    return { ...result, warnings };
  };
  const { accuracy, images, correct, part, classes, warnings } = await score({
    model: { name: "digits", width: 0.25 },
    weights: "w.safetensors",
  });
  assert.equal([accuracy, part, classes, correct], [learnt.accuracy, "test", 10, accuracy * images]);
  assert.is(warnings.length, 1);
  assert.match(warnings[0], /nothing says how the inputs of w\.safetensors were normalised/);
  const own = await score({ model: { name: "net.onnx" } });
  assert.equal([own.accuracy, own.warnings], [learnt.accuracy, []]);

  // The same classes win, but its loss is a softmax's softmax.
  const { graph, params } = learnt.model;
  const [logits] = graph.outputs;
  const end: Node[] = [
    { name: "prob", op: "Softmax", inputs: [logits], outputs: ["p"], attrs: { axis: -1 } },
    { name: "end", op: "Identity", inputs: ["p"], outputs: ["q"], attrs: {} },
  ];
  const soft = { graph: { ...graph, nodes: [...graph.nodes, ...end], outputs: ["q"] }, params };
  const said = formatMetadata({ mean: [0.25], std: [0.5] });
  await store.write("soft.onnx", onnxBytes(soft, said));
  await store.write("hard.onnx", onnxBytes(learnt.model, said));
  const warned = await score({ model: { name: "soft.onnx" } });
  const plain = await score({ model: { name: "hard.onnx" } });
  assert.equal([warned.accuracy, plain.warnings], [plain.accuracy, []]);
  assert.is(warned.warnings.length, 1);
  assert.match(warned.warnings[0], /^soft\.onnx ends in a Softmax \("prob"\), .*export it without its last Softmax/);
  assert.equal(loadOnnx((await store.read("net.onnx"))!, "x").graph.params["fc2.bias"].shape, [10]);
});

test.run();
