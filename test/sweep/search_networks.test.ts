/** Networks that a search makes: within the time by the table, scored, and made once more by the recipe that is written of them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { digitsSplits } from "../../src/data/digits.ts";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { formedNetworks } from "../../src/depth/forms/form_cost.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Graph } from "../../src/graph/types.ts";
import { askedTable } from "../../src/measure/latency/asked_table.ts";
import { LAYER } from "../../src/measure/latency/probe.ts";
import { WHOLE } from "../../src/measure/asked/types.ts";
import { latencyEstimate } from "../../src/measure/latency/estimate.ts";
import { createModel } from "../../src/models/zoo.ts";
import { searchedStages } from "../../src/one_line/searched_network.ts";
import { constraintsOf } from "../../src/prune/structures/constraints.ts";
import { optionsOf } from "../../src/recipe/constraints.ts";
import { parseRecipe } from "../../src/recipe/schema.ts";
import { type FoundNetwork, MIN_KEEP, searchNetworks } from "../../src/sweep/device_search/networks.ts";
import { testGpu } from "../gpu.ts";

const test = suite("networks of a search");
const gpu = await testGpu();
const graph = createModel("resnet8", { inChannels: 1, size: 8, shortcut: "projection" });
const model = { graph, params: initialise(graph, 1) };
const FILE = new URL("../../src/data/digits/digits.csv.gz", import.meta.url);
const data = await digitsSplits(await Deno.readFile(FILE), { limit: 128 });

/** A launch takes 1 µs, and 50 M multiply-adds a millisecond. */
const asked = await askedTable({ graph }, { name: "r8", batch: 1, also: formedNetworks(graph), mostPoints: 120 });
const table = asked.table(({ graph, timed }) => ({
  times: timed.map((name) => 0.001 + (name === WHOLE || name === LAYER ? graphCost(graph).macs / 5e7 : 0)),
  clock: "played",
  quantumMs: 0,
}));
const networks = searchNetworks({
  gpu,
  model,
  restored: [],
  data,
  batch: 32,
  table,
  seed: 1,
  signal: new AbortController().signal,
});
const choices = { criterion: "taylor", rule: "isomorphic", round: 4, protect: 0, tilt: 0.5 };

/** The recipe's constraints on a graph, as [layer's class, how many stay]. */
function written(found: FoundNetwork, on: Graph): [string, number][] {
  const stages = searchedStages(
    { ...found, criterion: "taylor", words: "", looked: 1, ms: 1, device: "d" },
    { steps: 2, retrain: { epochs: 1, optimizer: { kind: "sgd", lr: 0.1 }, schedule: { kind: "constant" } } },
  );
  const recipe = parseRecipe(
    { version: 1, name: "r", model: { name: "a.onnx" }, data: { name: "digits" }, stages },
    "r",
  );
  const prune = recipe.stages.find((stage) => stage.kind === "prune");
  return prune ? constraintsOf(on, prune.constraints.map(optionsOf)).map(({ name, keep }) => [name, keep]) : [];
}

test("a network is as small as the time by the table wants it, and no smaller than it has to be", async () => {
  const aim = 0.6 * networks.denseMs;
  const found = (await networks.build(choices, aim))!;
  assert.ok(found.predictedMs <= aim && found.predictedMs > 0.9 * aim, `${found.predictedMs} of ${aim}`);
  assert.is(found.predictedMs, latencyEstimate(table)({ graph: found.graph }));
  assert.ok(found.widths.length > 0 && found.widths.every(({ keep, groups }) => keep % 4 === 0 && keep < groups));
  assert.is((await networks.build(choices, aim))!.key, found.key, "the same choices make the same network");
  const { accuracy, loss } = await networks.score(found);
  assert.ok(accuracy >= 0 && accuracy <= 1 && Number.isFinite(loss));
  assert.is(await networks.build(choices, 0.01 * networks.denseMs), undefined, "nothing is as small as that");
});

test("the smallest network keeps four filters of each layer", async () => {
  const least = await networks.smallest();
  assert.ok(least.widths.every(({ keep }) => keep === MIN_KEEP));
  assert.ok(least.predictedMs < 0.5 * networks.denseMs);
});

test("the recipe that is written of it keeps as many filters of the same layers", async () => {
  const found = (await networks.build(choices, 0.6 * networks.denseMs))!;
  const counts = written(found, graph);
  assert.equal(counts.map(([, keep]) => keep).sort(), found.widths.map(({ keep }) => keep).sort());
  for (const { layer, keep } of found.widths) {
    const own = constraintsOf(graph, [{ granularity: "filter", keep: 1, layers: [layer] }])[0];
    assert.is(new Map(counts).get(own.name), keep);
  }
});

test("blocks that become linear layers save time, and the recipe names them and only layers that the network has", async () => {
  assert.ok(networks.blocks >= 2);
  const found = (await networks.build({ ...choices, linear: 1 }, 0.5 * networks.denseMs))!;
  assert.is(found.linear.length, 1);
  assert.ok(findBlocks(graph).blocks.some(({ name }) => name === found.linear[0]));
  assert.ok(found.widths.every(({ layer }) => graph.nodes.some(({ name }) => name === layer)));
  assert.is(written(found, graph).length, found.widths.length);
});

test.run();
