/** The page's worker in Chromium, from the real server, asked as the page asks it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { digitsSplits } from "../../src/data/digits.ts";
import { parseModel } from "../../src/formats/model_file.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { DATA_TYPE } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { runPlan } from "../../src/graph/equivalence.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { model as onnxModel, node } from "../formats/onnx-models.ts";
import { testGpu } from "../gpu.ts";
import { onlyNightly } from "../long.ts";
import { openPhone, type Phone, type PhoneServer, servePage } from "./phone.ts";
import { pageWithShortRecipe } from "./short_recipe.ts";
import { smallOnnx } from "./small_networks.ts";
import { startWorker, type WorkerCalls } from "./worker_calls.ts";

const test = suite("the page's worker");
const root = new URL("../../", import.meta.url);
let server: PhoneServer, phone: Phone, worker: WorkerCalls;

/** As when the page is loaded anew. */
async function reload(): Promise<void> {
  await phone.page.goto(`${server.address}app/style.css`);
  worker = await startWorker(phone.page, server.token);
}

test.before(async () => {
  server = await servePage({ files: await pageWithShortRecipe() });
  phone = await openPhone();
  await reload();
});
test.after(async () => {
  await phone.close();
  await server.stop();
});

test("lists the bundled networks", async () => {
  const { answer = [] } = await worker.call("networks", {});
  assert.equal(answer.map(({ id }) => id), [
    "digits",
    "lenet5",
    "resnet20",
    "resnet20:linear",
    "resnet56",
    "mobilenetv2-cifar",
    "mobilenetv2-cifar:linear",
    "mobilenetv2",
    "mobilenetv2:linear",
  ]);
  const [digits] = answer;
  assert.equal(digits.input, [1, 8, 8]);
  assert.equal(digits.variants.map(({ variant }) => variant), ["dense", "pruned"]);
  assert.ok(digits.accuracy!.pruned > 0.95 && digits.variants[1].params < digits.variants[0].params / 5);
});

test("classifies test images, with the probabilities that Deno computes", async () => {
  prepareEnvironment();
  const gpu = await testGpu();
  const { test: images } = await digitsSplits(await Deno.readFile(new URL("src/data/digits/digits.csv.gz", root)));
  const files = await Promise.all(["digits-dense", "digits"].map(async (name) => {
    const file = new URL(`src/web/models/${name}.safetensors`, root);
    return await parseModel(await Deno.readFile(file), name);
  }));
  const { scale, mean: [mean], std: [std] } = images.normalization;
  let right = 0, worst = 0;
  for (let i = 0; i < 20; i++) {
    const pixels = [...images.images.subarray(64 * i, 64 * (i + 1))];
    const { answer = [], error } = await worker.call("classify", { pixels });
    assert.is(error, undefined);
    assert.equal(answer.map(({ variant }) => variant), ["dense", "pruned"]);
    const input = Float32Array.from(pixels, (pixel) => (pixel / scale - mean) / std);
    for (const [form, { probabilities, ms }] of answer.entries()) {
      const logits = await runPlan(gpu, files[form].model, input, 1);
      const powers = Array.from(logits, Math.exp);
      const sum = powers.reduce((a, b) => a + b);
      worst = Math.max(worst, ...probabilities.map((found, k) => Math.abs(found - powers[k] / sum)));
      if (probabilities.indexOf(Math.max(...probabilities)) === images.labels[i]) right++;
      assert.ok(ms! > 0 && ms! < 1000, `${ms} ms by itself`);
    }
  }
  assert.ok(right >= 38, `${right} of 40 right`);
  assert.ok(worst <= 1e-4, `differs by ${worst}`);
});

const resnet = () => {
  const graph = createModel("resnet8", { width: 0.5 });
  return { graph, params: initialise(graph, 1) };
};

test("adds a dropped ONNX file and the weights of a network of the zoo, and prunes both", async () => {
  const onnx = await worker.call("addFile", { name: "mine.onnx", bytes: onnxBytes(resnet()) });
  const graph = createModel("resnet20");
  const weights = [...initialise(graph, 1)].map(([name, { shape, data }]) =>
    [name, { dtype: "F32", shape, data }] as const
  );
  const zoo = await worker.call("addFile", { name: "weights.safetensors", bytes: writeSafetensors(new Map(weights)) });
  for (const { answer, error } of [onnx, zoo]) {
    assert.is(error, undefined);
    const [dense, pruned] = answer!.variants;
    assert.equal([dense.variant, pruned.variant, answer!.input], ["dense", "pruned", [3, 32, 32]]);
    assert.ok(pruned.macs <= dense.macs / 2 && pruned.macs > dense.macs / 4, `${pruned.macs} of ${dense.macs}`);
  }
  const ids = (await worker.call("networks", {})).answer!.map(({ id }) => id);
  assert.equal(ids.slice(-2), ["file:mine.onnx", "file:weights.safetensors"]);
});

const whole = onnxBytes(resnet());
const external = writeOnnx(onnxModel([node("Mul", ["x", "w"])], {
  initialisers: [{
    name: "w",
    dims: [4, 1, 1],
    dataType: DATA_TYPE.float,
    external: { location: "net.data", offset: 0 },
  }],
}));
const strange = writeSafetensors(new Map([["w", { dtype: "F32", shape: [3], data: Float32Array.of(1, 2, 3) }]]));
const refused: [string, string, Uint8Array<ArrayBuffer>, RegExp][] = [
  ["a truncated ONNX file", "cut.onnx", whole.slice(0, whole.length / 2), /^cut\.onnx: /],
  ["an ONNX file whose numbers lie elsewhere", "net.onnx", external, /another file, "net\.data"/],
  ["weights of no network that is known", "w.safetensors", strange, /fit no network of the zoo/],
  ["truncated weights", "w.safetensors", strange.slice(0, -3), /^w\.safetensors: /],
  ["an empty file", "empty.onnx", new Uint8Array(), /^empty\.onnx: /],
  ["a picture", "photo.jpg", Uint8Array.from({ length: 999 }, (_, i) => i * 7), /^photo\.jpg: /],
];

test("refuses what it can't read, in a sentence", async () => {
  for (const [what, name, bytes, message] of refused) {
    const { error } = await worker.call("addFile", { name, bytes });
    assert.ok(error && !error.internal, `${what}: ${error?.message}`);
    assert.match(error!.message, message);
    assert.not.match(error!.message, /\n/);
  }
});

// What people see of it is in page_flow.test.ts.
onlyNightly(test)("times both forms of a network, and ends early when it is stopped", async () => {
  await worker.call("addFile", { name: "small.onnx", bytes: smallOnnx() });
  const request = { networks: ["file:small.onnx"], batches: [1], mode: "burst", seconds: 0.2, detail: false } as const;
  const { answer, events } = await worker.call("measure", request);
  assert.equal(answer, { complete: true });
  const rows = events.filter(({ kind }) => kind === "row").map(({ row }) => row as Record<string, unknown>);
  assert.equal(rows.map(({ network, variant, status }) => `${network} ${variant} ${status}`), [
    "small.onnx dense measured",
    "small.onnx pruned measured",
  ]);
  assert.equal((await worker.call("measure", { ...request, seconds: 60 }, 1)).answer, { complete: false });
  const { error } = await worker.call("measure", { ...request, networks: ["nothing"] });
  assert.match(error!.message, /^no network is called "nothing" here: there are digits, /);
});

onlyNightly(test)("builds a latency table until it is stopped", async () => {
  const { error, events } = await worker.call("buildTable", { network: "digits", batch: 1 }, 4);
  assert.equal(error, { message: "stopped", internal: false });
  assert.equal(events.slice(0, 4).map(({ kind, done }) => `${kind} ${done}`), [
    "device undefined",
    "progress 0",
    "progress 1",
    "progress 2",
  ]);
  const missing = await worker.call("buildTable", { network: "none", batch: 1 });
  assert.match(missing.error!.message, /^no network is called "none"/);
});

onlyNightly(test)("trains and prunes by a shorter recipe, stopped and resumed by another worker", async () => {
  assert.equal((await worker.call("trainState", {})).answer, { resumable: false, finished: false });
  const stopped = await worker.call("train", { resume: false }, 6);
  assert.equal(stopped.answer, {});
  assert.equal((await worker.call("trainState", {})).answer, { resumable: true, finished: false });
  const early = await worker.call("trainFile", { name: "model.onnx" });
  assert.match(early.error!.message, /^the run has no file "model\.onnx"/);
  await reload();

  const { answer, error, events } = await worker.call("train", { resume: true });
  assert.is(error, undefined);
  const { accuracy, params } = answer!.report!;
  // One image of ten would be right by chance.
  assert.ok(accuracy.dense >= 0.3 && accuracy.pruned >= 0.2, JSON.stringify(accuracy));
  assert.ok(params.pruned < params.dense / 4, JSON.stringify(params));
  assert.ok(events.some(({ loss }) => loss !== undefined) && events.some(({ accuracy }) => accuracy !== undefined));

  assert.equal((await worker.call("trainState", {})).answer, { resumable: false, finished: true });
  const [onnx, report] = await Promise.all(
    ["model.onnx", "report.html"].map(async (name) => (await worker.call("trainFile", { name })).answer!.bytes),
  );
  assert.match(new TextDecoder().decode(Uint8Array.from(Object.values(report))), /^<!doctype html>/);
  const again = await worker.call("addFile", { name: "trained.onnx", bytes: Uint8Array.from(Object.values(onnx)) });
  assert.is(again.answer!.variants[0].params, params.pruned);
});

test.run();
