/** One budget for depth and width in a run: what the search chooses, what the subnet becomes, and what the report tells. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { formedNetworks } from "../../src/depth/forms/form_cost.ts";
import { innerLayers } from "../../src/depth/joint/narrow.ts";
import { UserError } from "../../src/errors.ts";
import { readModel } from "../../src/formats/model_file.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { latencyEstimate } from "../../src/measure/latency/estimate.ts";
import type { LatencyTable } from "../../src/measure/latency/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { formatRecipe, loadRecipe } from "../../src/recipe/load.ts";
import type { Recipe } from "../../src/recipe/schema.ts";
import type { Report } from "../../src/report/types.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { complaint } from "../data/fixtures.ts";
import { onlyNightly } from "../long.ts";
import { deviceRecord, handTable } from "./hand_table.ts";
import { DIR, prune, tinyRecipe, train, verify } from "./tiny.ts";

const test = suite("joint budget of a run");

const FILE = "devices/pixel8.json";
const small = { model: { name: "resnet8", width: 0.25 }, batch: 32 };
const search = (more: Record<string, unknown>) => ({ kind: "search", images: 64, ...more });
const subnet = (epochs = 1) => ({ kind: "subnet", epochs, images: 64, optimizer: { kind: "adam", lr: 0.01 } });
const withNumbers = (graph: Graph): Model => ({ graph, params: initialise(graph, 1) });

let weights: Uint8Array, dense: Graph, table: LatencyTable;

test.before(async () => {
  const { store } = await prune(tinyRecipe([train(2)], small));
  weights = (await store.read(`${DIR}/model.safetensors`))!;
  dense = (await readModel(store, DIR)).model.graph;
  // As long as its multiply-adds are many.
  const networks = [{ graph: dense }, ...formedNetworks(dense)].map(({ graph }) => withNumbers(graph));
  table = handTable(networks, ({ probe: { conv, extent } }, i, o) => {
    const taps = conv ? conv.kernel[0] * conv.kernel[1] : 1;
    return 1e-5 * i * o * taps * extent.reduce((product, side) => product * side, 1);
  });
});

/** On the trained network, for the device. */
const recipe = (stages: readonly unknown[], more: Record<string, unknown> = { device: FILE }) =>
  tinyRecipe(stages, { ...small, weights: "weights.safetensors", ...more });

async function run(asked: Recipe, record?: Uint8Array): Promise<{ report: Report; store: Store }> {
  const store = memoryStore();
  await store.write("weights.safetensors", weights);
  await store.write(FILE, record ?? deviceRecord([table]));
  return await prune(asked, { store });
}

const forms = ({ depth }: Report) => depth!.blocks.map(({ form }) => form);
const ms = (model: Pick<Model, "graph">) => latencyEstimate(table)(model);

async function assertMeets(limit: number, { report, store }: { report: Report; store: Store }): Promise<Model> {
  const { model } = await readModel(store, DIR);
  assert.is(report.requested.ms, limit);
  assert.is(report.achieved.ms, ms(model));
  assert.ok(report.achieved.ms <= limit, `${report.achieved.ms} ms of ${limit}`);
  assert.is(report.depth!.search!.cost, "ms");
  assert.equal((await verify(store)).filter(({ verdict }) => verdict === "differs"), []);
  return model;
}

test("a budget in ms over forms alone is met by the table of the phone's record", async () => {
  const limit = 0.7 * ms({ graph: dense });
  const made = await run(recipe([search({ budget: { ms: limit } }), subnet()]));
  await assertMeets(limit, made);
  assert.is(made.report.depth!.search!.method, "exhaustive");
  assert.ok(forms(made.report).every((form) => form === "keep" || form === "linear"));
});

test("with widths the knapsack chooses among blocks, narrower blocks and forms, and the subnet is trained of its choice", async () => {
  const limit = 0.75 * ms({ graph: dense });
  const stages = [
    search({ budget: { ms: limit, batch: 1 }, widths: [0.75, 0.5], forms: ["linear", "skip"] }),
    subnet(),
    { kind: "merge" },
    { kind: "compact" },
  ];
  const made = await run(recipe(stages));
  const model = await assertMeets(limit, made);
  const { method, value, candidates, chosen } = made.report.depth!.search!;
  assert.equal([method, value], ["knapsack", "score"]);
  assert.equal(candidates[chosen].gene, forms(made.report));
  const known = ["keep", "width 0.75", "width 0.5", "linear", "skip"];
  assert.ok(forms(made.report).every((form) => known.includes(form)));
  assert.ok(graphCost(model.graph).macs < graphCost(dense).macs);
  const log = new TextDecoder().decode(await made.store.read(`${DIR}/log.jsonl`));
  assert.match(log, new RegExp(`"gene":${JSON.stringify(forms(made.report)).replaceAll(/[[\]]/g, "\\$&")}`));
});

onlyNightly(test)(
  "widths alone leave a network that is put back into the dense one's shape and proved equal there",
  async () => {
    const limit = 0.75 * ms({ graph: dense });
    const made = await run(
      recipe([search({ budget: { ms: limit }, widths: [0.75, 0.5], forms: [] }), subnet(), { kind: "compact" }]),
    );
    const model = await assertMeets(limit, made);
    assert.ok(forms(made.report).some((form) => form.startsWith("width")), forms(made.report).join());
    assert.ok((made.report.equivalence as { inputs: number }).inputs > 0);
    assert.ok((await verify(made.store)).some(({ name }) => name.startsWith("compact = masked")));
    const { blocks } = findBlocks(dense);
    for (const [b, form] of forms(made.report).entries()) {
      const kept = form === "keep" ? 1 : Number(form.slice("width ".length));
      const [inner] = innerLayers(dense, blocks[b]).map((layer) => `${layer}.weight`);
      assert.is(model.graph.params[inner].shape[0], kept * dense.params[inner].shape[0], inner);
    }
  },
);

test("a gene names widths as well, and a budget may be in MACs", async () => {
  const { report, store } = await run(
    recipe([
      search({ gene: ["width 0.50", 0, 1] }),
      subnet(0),
      { kind: "controls", runs: ["naive", "skip"], epochs: 1 },
    ], {}),
  );
  assert.equal(forms(report), ["width 0.5", "keep", "linear"]);
  // Controls have the narrower block as narrow.
  assert.is(report.controls.naive.macs, report.final.macs);
  assert.ok(report.controls.skip.macs < report.final.macs);
  const { model } = await readModel(store, DIR);
  const filters = ({ params }: Graph) => params["layer1.0.conv1.weight"].shape[0];
  assert.is(filters(model.graph), filters(dense) / 2);
  assert.equal((await verify(store)).filter(({ verdict }) => verdict === "differs"), []);
  const counted = await run(recipe([search({ budget: { macs: 0.8 }, widths: [0.5] }), subnet(0)], {}));
  assert.ok(counted.report.achieved.macs <= 0.8 && counted.report.requested.macs === 0.8);
});

test("the command line's device is the one that is searched for", async () => {
  const store = memoryStore();
  const asked = recipe([search({ budget: { ms: 1 }, widths: [0.5] }), subnet()], {});
  await store.write("my.yaml", new TextEncoder().encode(formatRecipe(asked)));
  const loaded = await loadRecipe("my.yaml", store, { device: FILE });
  await store.write("weights.safetensors", weights);
  await store.write(FILE, deviceRecord([handTable([withNumbers(createModel("digits"))], () => 1)]));
  assert.match(
    await complaint(() => prune({ ...loaded, weights: "weights.safetensors" }, { store })),
    /no latency table for "resnet8" at batch 1 \(there are: digits at batch 1\): layer ".*" .* isn't in the latency table/,
  );
});

test("what can't be is refused before anything is trained, in one line", async () => {
  const refused = async (stages: readonly unknown[], expected: RegExp, more?: Record<string, unknown>) => {
    const error = await (async () => await run(recipe(stages, more)))().then(() => undefined, (error) => error);
    assert.instance(error, UserError);
    assert.match(error.message, expected);
    assert.not.match(error.message, /\n/);
  };
  const widths = [0.5];
  await refused(
    [search({ budget: { ms: 1e-6 }, widths, forms: ["linear"] }), subnet()],
    /a budget of 0\.000001 ms can't be met: with every block in its cheapest form .* give at least/,
  );
  await refused(
    [search({ budget: { ms: 1 }, widths }), subnet()],
    /^stages\.0: a budget in ms needs a device's latency table: .*--device/,
    {},
  );
  await refused([search({ budget: { ms: 1, batch: 8 }, widths }), subnet()], /at batch 8 \(there are: .* at batch 1\)/);
  for (const wrong of [0, 1, 1.5, -0.5]) {
    await refused([search({ budget: { ms: 1 }, widths: [wrong] }), subnet()], /stages\.0\.widths.*above 0 and below 1/);
  }
  await refused([search({ k: 1, widths }), subnet()], /give a budget beside them/);
  await refused([search({ budget: { ms: 1 }, forms: [] }), subnet()], /without forms there are widths to be given/);
  await refused([search({ gene: ["width 2", 0, 0] }), subnet()], /expected 0, 1, keep, the name of a form, or a width/);
  await refused(
    [
      { kind: "supernet", epochs: 1, images: 64, optimizer: { kind: "adam", lr: 0.01 } },
      search({ budget: { ms: 1 }, widths }),
      subnet(),
    ],
    /a supernet holds the forms of blocks and none of their widths/,
  );
});

test.run();
