/** Why groups stayed or went in a run, by what the run's own stage had. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel } from "../../src/formats/model_file.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { KeptOrigin } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { criterionNamed } from "../../src/prune/criteria/criteria.ts";
import { gatherFor } from "../../src/prune/criteria/gather.ts";
import { prune as pruneModel } from "../../src/prune/prune_model.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { formatRecipe } from "../../src/recipe/load.ts";
import { explainOnData } from "../../src/run/explain_on_data.ts";
import { explainRun } from "../../src/run/explain_run.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { silentUi } from "../../src/ui.ts";
import { testGpu } from "../gpu.ts";
import { DIR, loadTiny, prune, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("a run's stage explained");

const BUDGET = { macs: 0.5, rule: "global", protect: 0.25 };
const byActivation = { kind: "prune", criterion: "activation", images: 64, budget: BUDGET, retrain: retrain() };

async function explained(store: Store, name: string, stage = 1) {
  return await explainRun({ dir: DIR, stage, name, store, ui: silentUi(), gpu: await testGpu(), loadData: loadTiny });
}

async function refusal(store: Store, stage: number): Promise<string> {
  return await explained(store, "conv1", stage).then(() => "nothing", ({ message }: Error) => message);
}

test("what stays by the explanation is what the run has left, by its own criterion, images and budget", async () => {
  const { store } = await prune(tinyRecipe([train(1), byActivation, { kind: "compact" }]));
  const { origin } = await readModel(store, DIR);
  let gone = 0;
  for (const layer of ["conv1", "conv2", "fc1"]) {
    const found = await explained(store, layer);
    const stays = found.ranking.filter(({ stays }) => stays).map(({ group }) => group).sort((a, b) => a - b);
    const { keep } = origin.get(`${layer}.weight`) as KeptOrigin;
    assert.equal(stays, keep[0] ?? found.ranking.map((_, group) => group));
    gone += found.groups - found.keep;
    assert.is(found.criterion, "activation");
    assert.equal(found.budget!.requested, { macs: 0.5 });
    assert.is(found.least, Math.ceil(0.25 * found.groups));
  }
  assert.ok(gone > 0);
  const one = await explained(store, "conv1:0");
  assert.is(one.ranking.length, 1);
  assert.ok(one.cost!.macs.amount > 0 && one.ranking[0].why.length > 0);
  assert.match(
    await refusal(store, 0),
    /stages\.0 \(train\) can't be explained: it doesn't choose groups.*explain one of stages 1$/,
  );
  assert.match(await refusal(store, 3), /^--stage 3: the run has stages 0 to 2; explain one of stages 1$/);
});

test("of a network alone, what stays by a criterion that looks at images is what prune leaves", async () => {
  const gpu = await testGpu();
  const { test: data } = await loadTiny({ name: "digits", limit: 200, validation: 0.15 });
  const graph = createModel("digits", { width: 0.25 });
  const model = { graph, params: initialise(graph, 1) };
  const store = memoryStore();
  await store.write("net.onnx", onnxBytes(model));
  const options = { criterion: "activation", budget: { macs: 0.5 } };
  const constraints = coupledConstraints(graph, { granularity: "filter", keep: 1 });
  const evidence = await gatherFor({
    gpu,
    model,
    data,
    images: 16,
    criterion: criterionNamed("activation"),
    constraints,
  });
  const { masks } = pruneModel(model, { ...options, evidence });
  let gone = 0;
  for (const layer of ["conv1", "conv2", "fc1"]) {
    const found = await explainOnData({
      network: { model: { name: "net.onnx" } },
      name: layer,
      prune: options,
      images: 16,
      store,
      ui: silentUi(),
      gpu,
      loadPart: () => Promise.resolve({ part: "test", data }),
    });
    // A layer that loses nothing has no mask.
    const mask = masks.get(`${layer}.bias`)?.data ?? Array<number>(found.groups).fill(1);
    const stays = found.ranking.filter(({ stays }) => stays).map(({ group }) => group).sort((a, b) => a - b);
    assert.equal(stays, [...mask.keys()].filter((group) => mask[group] === 1));
    gone += found.groups - found.keep;
  }
  assert.ok(gone > 0);
});

test("stages that one choice by scores doesn't explain are refused with the reason", async () => {
  const refused = async (stages: readonly unknown[], index: number) => {
    const store = memoryStore();
    await store.write(`${DIR}/recipe.yaml`, new TextEncoder().encode(formatRecipe(tinyRecipe(stages))));
    return await refusal(store, index);
  };
  const groups = { constraints: [{ kind: "filter", keep: 0.5 }], retrain: retrain() };
  const prune = { kind: "prune", ...groups };
  assert.match(await refused([train(1), { ...prune, steps: 2 }], 1), /it prunes in 2 steps, and scores anew in each$/);
  assert.match(await refused([train(1), { ...prune, floor: 0.5 }], 1), /its floor of accuracy may have taken back/);
  assert.match(await refused([train(1), prune, prune], 2), /goes on from what stages\.1 \(prune\) has left.*stages 1$/);
  const snip = { ...train(1), prepare: { snip: { keep: 0.5 } } };
  assert.match(await refused([snip, prune], 1), /the training of stages\.0 has chosen groups already$/);
  assert.match(
    await refused([train(1), prune], 1),
    /hasn't come to stages\.1 yet: go on with it by --resume runs\/tiny$/,
  );
  assert.match(await refusal(memoryStore(), 1), /^runs\/tiny is no run's folder/);
});

test.run();
