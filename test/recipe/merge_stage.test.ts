/** The stages merge and reparameterise in a run: the same function in fewer steps, proved, reported, and verified. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { formedNetworks } from "../../src/depth/forms/form_cost.ts";
import { readModel } from "../../src/formats/model_file.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { deviceRecord, handTable } from "./hand_table.ts";
import { DIR, prune, tinyRecipe, train, verify } from "./tiny.ts";

const test = suite("merge stages");

const convnext = { model: { name: "convnext-micro", width: 0.25 }, batch: 32 };
const gene = ["identity", "keep", "identity", "keep", "keep", "keep", "keep", "keep"];

test("blocks that took the identity form are merged: fewer multiply-adds, the same accuracy, and verify agrees", async () => {
  const { report, store } = await prune(tinyRecipe([
    train(1),
    { kind: "search", gene, images: 32 },
    { kind: "subnet", epochs: 0, images: 32 },
    { kind: "merge" },
    { kind: "compact" },
  ], convnext));
  const { depth, stages } = report;
  assert.equal(depth!.blocks.map(({ form }) => form), gene);
  for (const { form, macs } of depth!.blocks) {
    // Of a block 49·C + 8·C² multiply-adds a pixel, 49·C + C² are left.
    assert.ok(form === "keep" ? macs.after === macs.before : macs.after < 0.8 * macs.before, form);
  }
  assert.ok(depth!.merge!.inputs > 0 && depth!.merge!.maxRel <= 1e-5);
  const [subnet, merged] = ["subnet", "merged"].map((name) => stages.find((point) => point.name === name)!);
  assert.equal(merged.accuracy, subnet.accuracy);
  assert.ok(merged.macs < subnet.macs && merged.params < subnet.params);
  const { origin } = await readModel(store, DIR);
  assert.ok([...origin.values()].some((from) => "sources" in from));
  for (const { name, verdict } of await verify(store)) assert.is(verdict, "agrees", name);
});

for (const [border, told, op] of [["move", "moved", "Conv"], ["exact", "kernel", "RegionConv"]] as const) {
  test(`border: ${border}: the merged block is one ${op}, which the report tells, and verify agrees`, async () => {
    const { report, store } = await prune(tinyRecipe([
      train(1),
      { kind: "search", gene: ["identity", "keep", "identity"], images: 32 },
      { kind: "subnet", epochs: 1, images: 32, border, optimizer: { kind: "adam", lr: 0.01 } },
      { kind: "merge", layers: "one" },
    ], { model: { name: "resnet8", width: 0.125 }, batch: 32 }));
    assert.equal(report.depth!.blocks.map(({ border }) => border), [told, undefined, told]);
    assert.ok(report.depth!.merge!.maxRel <= 1e-5);
    const { model: { graph } } = await readModel(store, DIR);
    assert.is(graph.nodes.filter((node) => node.op === "RegionConv").length, border === "exact" ? 2 : 0);
    const html = new TextDecoder().decode(await store.read(`${DIR}/report.html`));
    assert.match(html, border === "exact" ? /kernels by region/ : /padding moved before training/);
    for (const { name, verdict } of await verify(store)) assert.is(verdict, "agrees", name);
  });
}

test("a block becomes one convolution by region where the device's table says that it is faster", async () => {
  const graph = createModel("resnet8", { width: 0.125, size: 8, inChannels: 1 });
  const networks = [{ graph }, ...formedNetworks(graph)].map(({ graph }) => ({ graph, params: initialise(graph, 1) }));
  for (const [regional, expected] of [[1.5, 1], [2.5, 0]] as const) {
    // Two layers of 1 ms each, or one.
    const table = handTable(networks, ({ probe }) => probe.regions ? regional : 1);
    const store = memoryStore();
    await store.write("phone.json", deviceRecord([table]));
    await prune(
      tinyRecipe([
        train(1),
        { kind: "search", gene: ["identity", "keep", "keep"], images: 32 },
        { kind: "subnet", epochs: 0, images: 32 },
        { kind: "merge" },
      ], { model: { name: "resnet8", width: 0.125 }, batch: 32, device: "phone.json" }),
      { store },
    );
    const { model } = await readModel(store, DIR);
    assert.is(model.graph.nodes.filter(({ op }) => op === "RegionConv").length, expected);
  }
});

test("convolutions and the batch norms behind them are one layer each after reparameterise", async () => {
  const { report, store } = await prune(tinyRecipe([train(1), { kind: "reparameterise" }], {
    model: { name: "resnet8", width: 0.125 },
    batch: 32,
  }));
  const { model } = await readModel(store, DIR);
  assert.equal(model.graph.nodes.filter(({ op }) => op === "BatchNormalization"), []);
  assert.is(report.final.macs, report.baseline.macs);
  assert.ok(report.final.params < report.baseline.params);
  assert.ok(!("notProved" in report.equivalence));
});

test("where nothing can be re-parameterised, it is said before anything is written", async () => {
  const b = builder("plain", ["N", 1, 8, 8]);
  const y = b.relu(b.conv(b.input, { name: "conv", out: 4, kernel: 3, pad: 1 }));
  b.gemm(b.flatten(b.globalAveragePool(y)), { name: "fc", out: 10 });
  const graph = b.graph();
  const store = memoryStore();
  await store.write("net.onnx", onnxBytes({ graph, params: initialise(graph, 1) }));
  const recipe = tinyRecipe([{ kind: "reparameterise" }], { model: { name: "net.onnx" } });
  const error = await prune(recipe, { store }).then(() => undefined, (error) => error);
  assert.instance(error, UserError);
  assert.match(error.message, /can't be re-parameterised: between its activations stand no two layers/);
  assert.is(await store.read(`${DIR}/checkpoint.safetensors`), undefined);
});

test("a merge before any block has a form is refused, with what to do", async () => {
  try {
    await prune(tinyRecipe([train(1), { kind: "merge" }], convnext));
    assert.unreachable();
  } catch (error) {
    assert.instance(error, UserError);
    assert.match(
      (error as Error).message,
      /stages\.1: merge makes layers of blocks .* put search and subnet before it/,
    );
  }
});

test.run();
