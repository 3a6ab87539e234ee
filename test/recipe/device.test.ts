/** Pruning for a device: a budget in ms, solved by its latency table, kept with the run. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Model } from "../../src/graph/types.ts";
import { latencyEstimate } from "../../src/measure/latency/estimate.ts";
import type { LatencyTable } from "../../src/measure/latency/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { readModel } from "../../src/formats/model_file.ts";
import { formatRecipe, loadRecipe } from "../../src/recipe/load.ts";
import { silentUi } from "../../src/ui.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { complaint } from "../data/fixtures.ts";
import { deviceRecord, handTable } from "./hand_table.ts";
import { abortedAt } from "./interrupt.ts";
import { admm, DIR, prune, tinyRecipe, train, verify } from "./tiny.ts";

const test = suite("pruning for a device");

/** As `timed` trains it. */
const tiny = (): Model => {
  const graph = createModel("digits");
  return { graph, params: initialise(graph, 1) };
};

/** Convolutions cost by their channels, linear layers nothing: so the budget must take the former. */
const table = (batch = 1): LatencyTable =>
  handTable([tiny()], (step, i, o) => step.shape.startsWith("linear") ? 0.01 : 0.1 * i * o, { batch });

const FILE = "devices/pixel8.json";
const timed = (budget: Record<string, number>, device: string | null = FILE) =>
  tinyRecipe([
    train(1),
    admm({ steps: 1, updates: 1, constraints: [{ kind: "filter", minKeep: 1 }], budget }),
    { kind: "compact" },
  ], { model: { name: "digits" }, ...device === null ? {} : { device } });

test("the network that comes out takes no more than was asked for, by the table; verify recomputes it", async () => {
  const estimate = latencyEstimate(table());
  const whole = estimate(tiny());
  const asked = 0.4 * whole;
  const store = memoryStore();
  await store.write(FILE, deviceRecord([table(8), table()]));
  const warned: string[] = [];
  const ui = { ...silentUi(), warn: (text: string) => warned.push(text) };
  const { report } = await prune(timed({ ms: asked }), { store, ui });
  assert.ok(warned.some((text) => /add up to [\d.]+ ms, and the whole took 3 ms/.test(text)), warned.join("\n"));
  assert.is(report.requested.ms, asked);
  assert.ok(report.achieved.ms <= asked && report.achieved.ms > 0.2 * whole, `${report.achieved.ms} of ${whole}`);
  const { model } = await readModel(store, DIR);
  assert.is(report.achieved.ms, estimate(model));
  const widths = (name: string) => model.graph.params[`${name}.weight`].shape[0];
  assert.ok(widths("conv2") < createModel("digits").params["conv2.weight"].shape[0]);
  assert.ok(graphCost(model.graph).macs < report.baseline.macs);
  assert.equal((await verify(store)).filter(({ verdict }) => verdict === "differs"), []);
});

test("the run keeps its own copy of the record: it goes on when the phone has been measured again", async () => {
  const store = memoryStore();
  await store.write(FILE, deviceRecord([table()]));
  const recipe = timed({ ms: 0.5 * latencyEstimate(table())(tiny()) });
  await prune(recipe, { store, signal: abortedAt(3) }).then(() => assert.unreachable("it was to stop"), () => {});
  await store.write(FILE, new TextEncoder().encode("measured anew"));
  const { report } = await prune(recipe, { store, resume: true });
  assert.ok(report.achieved.ms <= report.requested.ms);
});

test("what is missing or can't be reached is said before the first epoch", async () => {
  const said = async (budget: Record<string, number>, bytes?: Uint8Array, device?: string) => {
    const store = memoryStore();
    if (bytes) await store.write(FILE, bytes);
    return await complaint(() => prune(device === "" ? timed(budget, null) : timed(budget), { store }));
  };
  assert.match(
    await said({ ms: 1 }, undefined, ""),
    /^stages\.1: a budget in ms needs a device's latency table: .*--device/,
  );
  assert.match(await said({ ms: 1 }), /^devices\/pixel8\.json: no such file/);
  assert.match(await said({ ms: 1 }, deviceRecord()), /has no latency tables/);
  assert.match(await said({ ms: 1 }, new TextEncoder().encode("{")), /not valid JSON/);
  assert.match(await said({ ms: 1, batch: 4 }, deviceRecord([table()])), /at batch 4 \(there are: digits at batch 1\)/);
  assert.match(
    await said({ ms: 0.001 }, deviceRecord([table()])),
    /^budget: 0\.001 ms by the table can't be reached, the constraints leave at least [\d.e-]+ ms by the table/,
  );
});

test("budgets name one thing; the device's path follows the recipe's file", async () => {
  assert.throws(() => timed({ ms: 1, macs: 0.5 }), /expected one of params, macs, peakBytes, groups and ms/);
  assert.throws(() => timed({ macs: 0.5, batch: 2 }), /batch belongs to ms/);
  const store = memoryStore();
  await store.write("recipes/x.yaml", new TextEncoder().encode(formatRecipe(timed({ ms: 1 }, "../devices/a.json"))));
  assert.is((await loadRecipe("recipes/x.yaml", store)).device, "devices/a.json");
  assert.is((await loadRecipe("recipes/x.yaml", store, { device: "b.json" })).device, "b.json");
});

test.run();
