/** What each kind of stage does to the network: masks that hold, budgets that are met, steps that are taken back. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { readModel } from "../../src/formats/model_file.ts";
import { scatterModel } from "../../src/graph/scatter.ts";
import type { Recipe } from "../../src/recipe/schema.ts";
import type { Report } from "../../src/report/types.ts";
import { trainingIdentity } from "../../src/run/tail.ts";
import { loadRun, type SavedRun } from "../../src/stages/run_state.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { silentUi } from "../../src/ui.ts";
import { onlyNightly } from "../long.ts";
import { admm, assertSound, DIR, prune, retrain, tinyRecipe, train } from "./tiny.ts";

const test = suite("stages");
const compact = { kind: "compact" };
const magnitude = (more: Record<string, unknown>) => ({ kind: "magnitude", retrain: retrain(), ...more });
/** Half of what the other runs have, for residual networks, which take longest. */
const FEW = { name: "digits", limit: 100 };
const decode = (bytes?: Uint8Array) => new TextDecoder().decode(bytes);

/** A run and every checkpoint that it wrote. */
async function watched(
  recipe: Recipe,
): Promise<{ report: Report; store: Store; saves: SavedRun[]; warnings: string[] }> {
  const store = memoryStore();
  const hash = await trainingIdentity(recipe);
  const saves: SavedRun[] = [];
  const warnings: string[] = [];
  const { report } = await prune(recipe, {
    ui: { ...silentUi(), warn: (text) => warnings.push(text) },
    store: {
      ...store,
      async write(path, bytes) {
        await store.write(path, bytes);
        if (path.endsWith("checkpoint.safetensors")) saves.push((await loadRun(store, DIR, hash))!);
      },
    },
  });
  return { report, store, saves, warnings };
}

function assertProved({ equivalence }: Report): void {
  assert.ok(!("notProved" in equivalence) && equivalence.inputs > 0 && equivalence.maxRel <= 1e-5);
}

const models = {
  "digits net, filters": tinyRecipe([train(), admm({ compact: false }), magnitude({ keep: 0.6, compact: false })]),
  "residual net with batch norm, weights and columns": tinyRecipe([
    train(1),
    admm({
      compact: false,
      updates: 1,
      constraints: [{ kind: "weight", keep: 0.5 }, { kind: "column", layers: "layer*", keep: 0.7 }],
    }),
    { kind: "random", steps: 2, compact: false, retrain: retrain(), constraints: [{ kind: "filter", keep: 0.5 }] },
  ], { model: { name: "resnet8", width: 0.125 }, data: FEW, batch: 32 }),
};

for (const [name, recipe] of Object.entries(models)) {
  const look = name.startsWith("residual") ? test : onlyNightly(test);
  look(`${name}: what is masked is exactly 0, momentum too, and stays masked`, async () => {
    const { saves, report, store } = await watched(recipe);
    let before = new Map<string, number[]>();
    const roles = new Set<string>();
    let trained = 0;
    for (const { state, progress } of saves) {
      const zeros = new Map<string, number[]>();
      for (const [param, mask] of state.masks) {
        const gone = [...mask.data.keys()].filter((i) => mask.data[i] === 0);
        zeros.set(param, gone);
        roles.add(state.model.graph.params[param].role);
        const holders = [state.model.params.get(param)!];
        for (const prefix of ["param", "momentum"]) {
          const tensor = progress?.tensors.get(`${prefix}/${param}`);
          if (tensor) trained++, holders.push(tensor);
        }
        for (const { data } of holders) {
          assert.ok(gone.every((i) => data[i] === 0), `${param} in stage ${state.stage}: a masked element is not 0`);
        }
      }
      for (const [param, gone] of before) {
        const now = new Set(zeros.get(param));
        assert.ok(gone.every((i) => now.has(i)), `${param} in stage ${state.stage}: a masked element came back`);
      }
      before = zeros;
    }
    assert.ok(trained > 0 && before.size > 0);
    assert.equal([...roles].sort(), name.startsWith("residual") ? ["beta", "gamma", "weight"] : ["bias", "weight"]);
    assert.is(report.final.params, report.baseline.params, "compact: false keeps the shape");
    assert.ok(report.final.nonzero < report.baseline.nonzero);
    await assertSound(store);
  });
}

onlyNightly(test)("several constraints on one layer: filters and columns, compact with gathered columns", async () => {
  const { report, store, saves } = await watched(tinyRecipe([
    train(),
    admm({
      compact: false,
      constraints: [{ kind: "filter", keep: 0.75 }, { kind: "column", layers: ["conv2", "fc1"], keep: 0.4 }],
    }),
    compact,
    { kind: "controls", methods: ["magnitude", "random"], epochs: 1 },
  ]));
  const { state } = saves[saves.length - 1];
  assert.ok(state.model.graph.nodes.some(({ op }) => op === "ColumnConv"));
  assertProved(report);
  assert.equal(Object.keys(report.requested), ["filter *", "column conv2 fc1"]);
  for (const [name, asked] of Object.entries(report.requested)) {
    assert.ok(report.achieved[name] <= asked + 0.01, `${name}: ${report.achieved[name]}`);
    assert.ok(report.achieved[name] > asked / 2, `${name}: ${report.achieved[name]}`);
  }
  for (const control of [report.controls.magnitude!, report.controls.random!]) {
    assert.ok(control.nonzero <= 1.1 * report.final.nonzero, `${control.name}: ${control.nonzero} numbers`);
    assert.ok(control.nonzero >= 0.5 * report.final.nonzero, `${control.name}: ${control.nonzero} numbers`);
  }
  await assertSound(store);
});

test("patterns with connectivity, blocks and 2:4: the final weights have the structure, and the report names it", async () => {
  const { report, store, saves } = await watched(tinyRecipe([
    train(2),
    admm({
      constraints: [
        { kind: "pattern", layers: "conv2", keep: 0.5, library: 4 },
        { kind: "n:m", layers: "fc1" },
        { kind: "block", layers: "fc2", keep: 0.5 },
      ],
    }),
    { kind: "compact", columns: "never" },
    { kind: "controls", methods: ["magnitude", "random"], epochs: 1 },
  ]));
  const { state } = saves[saves.length - 1];
  const whole = scatterModel(state.model, state.origin, state.dense)!;
  const weight = (name: string) => whole.params.get(`${name}.weight`)!;
  const kernels = chunks(weight("conv2").data, 9).map((kernel) => kernel.reduce((s, w, k) => w ? s | 1 << k : s, 0));
  assert.ok(kernels.filter((bits) => bits > 0).length <= kernels.length / 2);
  assert.ok(kernels.every((bits) => bits.toString(2).replaceAll("0", "").length <= 4));
  assert.ok(new Set(kernels.filter((bits) => bits > 0)).size <= 4);
  const runs = chunks(weight("fc1").data, 4);
  assert.ok(runs.every((run) => run.filter((w) => w !== 0).length <= 2));
  assert.ok(runs.some((run) => run.filter((w) => w !== 0).length === 2));
  const { shape: [F, C], data } = weight("fc2");
  const tiles = new Set<number>();
  data.forEach((w, e) => w !== 0 && tiles.add((Math.floor(e / C) >> 2) * Math.ceil(C / 4) + (e % C >> 2)));
  assert.ok(tiles.size <= Math.ceil(F / 4) * Math.ceil(C / 4) / 2);
  assert.equal(report.requested, { "pattern of 4 conv2": 0.5, "2:4 fc1": 0.5, "block 4×4 fc2": 0.5 });
  for (const [name, asked] of Object.entries(report.requested)) {
    assert.ok(report.achieved[name] > 0 && report.achieved[name] <= asked, `${name}: ${report.achieved[name]}`);
  }
  assertProved(report);
  assert.ok(report.final.nonzero < report.final.params);
  for (const { nonzero } of [report.controls.magnitude!, report.controls.random!]) {
    assert.ok(nonzero <= 1.1 * report.final.nonzero, `${nonzero} numbers, ${report.final.nonzero} by ADMM`);
  }
  await assertSound(store);
});

function chunks(data: Float32Array, size: number): Float32Array[] {
  return Array.from({ length: Math.ceil(data.length / size) }, (_, i) => data.subarray(i * size, (i + 1) * size));
}

test("single weights: exactly so many are left, and they cost no storage less", async () => {
  const { report, store } = await watched(tinyRecipe([
    train(1),
    magnitude({ steps: 2, constraints: [{ kind: "weight", keep: 0.25 }] }),
  ]));
  assert.ok(Math.abs(report.achieved["weight *"] - 0.25) < 0.001, String(report.achieved["weight *"]));
  assert.is(report.final.params, report.baseline.params);
  await assertSound(store);
});

test("a budget of multiply-adds; a second one counts from the baseline as well", async () => {
  const { report, store } = await watched(tinyRecipe([
    train(),
    magnitude({ budget: { macs: 0.6 } }),
    magnitude({ budget: { macs: 0.4 } }),
    compact,
  ]));
  assert.equal(report.requested, { macs: 0.4 });
  assert.ok(report.achieved.macs <= 0.4 && report.achieved.macs > 0.25, String(report.achieved.macs));
  await assertSound(store);
});

for (const shortcut of ["A", "projection"]) {
  const look = shortcut === "A" ? onlyNightly(test) : test;
  look(`residual net, shortcut ${shortcut}: the streams shrink, through every stage`, async () => {
    const { report, store } = await watched(tinyRecipe([
      train(1),
      admm({ steps: 2, updates: 1 }),
      { kind: "purify", tolerance: 0.02 },
      { kind: "unused" },
      compact,
      { kind: "controls", epochs: 1 },
    ], { model: { name: "resnet8", width: 0.25, shortcut }, data: FEW, batch: 32 }));
    const { model, dense } = await readModel(store, DIR);
    // Shortcut A pads a narrow stream to a wide one: all are one class, which the widest tells.
    const streams = shortcut === "A" ? ["layer3.0.conv2"] : ["conv1", "layer2.0.conv2", "layer3.0.conv2"];
    for (const stream of streams) {
      const [now, before] = [model.graph, dense].map(({ params }) => params[`${stream}.weight`].shape[0]);
      assert.ok(now <= before / 2, `${stream}: ${now} of ${before}`);
    }
    assertProved(report);
    assert.equal(Object.keys(report.controls).sort(), ["magnitude", "random", "scratch"]);
    await assertSound(store);
  });
}

test("training alone, measured: one network, nothing to compare it with", async () => {
  const { report, store } = await watched(
    tinyRecipe([train(1), train(1), { kind: "measure", batches: [2], seconds: 0.01 }]),
  );
  assert.equal(report.stages.map(({ name }) => name), ["train", "tuned"]);
  assert.equal(report.baseline, report.final);
  assert.equal(report.latency.map(({ variant, batch }) => `${variant} ${batch}`), ["dense 2"]);
  await assertSound(store);
});

test("measured before compact: dense and masked; after it, all three", async () => {
  const measure = { kind: "measure", batches: [1], seconds: 0.01 };
  const before = await watched(tinyRecipe([train(1), magnitude({ keep: 0.5, compact: false }), measure, compact]));
  assert.equal(before.report.latency.map(({ variant }) => variant), ["dense", "masked"]);
  assert.equal(before.report.speedup, []);
  await assertSound(before.store);
  const after = await watched(tinyRecipe([train(1), magnitude({ keep: 0.5 }), compact, measure]));
  assert.equal(after.report.latency.map(({ variant }) => variant), ["dense", "masked", "compact"]);
  assert.equal(after.report.speedup.map(({ batch }) => batch), [1]);
  await assertSound(after.store);
});

onlyNightly(test)(
  "a floor that can't be reached: the steps are taken back, half as far each time, and the network stays",
  async () => {
    const { report, warnings, store, saves } = await watched(tinyRecipe([
      train(1),
      magnitude({ keep: 0.25, steps: 2, floor: 1, backoffs: 2 }),
      compact,
    ]));
    assert.equal(report.stages.map(({ name }) => name), ["train", "compact"]);
    assert.is(report.final.params, report.baseline.params);
    assert.is(report.final.accuracy!.test, report.baseline.accuracy!.test);
    assert.equal(report.achieved["filter *"], 1);
    assert.is(warnings.length, 1);
    assert.match(
      warnings[0],
      /stages\.1 \(magnitude\).*accuracy of 1, the floor: conv1:filter 1 of 4 asked, 4 reached; /,
    );
    const log = decode(await store.read(`${DIR}/log.jsonl`)).split("\n").filter((line) => line.includes("taken back"));
    assert.equal(log.map((line) => JSON.parse(line).phase), [
      "taken back 1/2",
      "taken back 1/2, back-off 1",
      "taken back 1/2, back-off 2",
    ]);
    // 1/4 of 4, 8 and 16 filters: half of the way in two steps, then a quarter and an eighth, geometrically.
    const widths = saves.filter(({ state }) => state.stage === 1 && state.fallback).map(({ state: { model } }) =>
      ["conv1", "conv2", "fc1"].map((layer) => model.graph.params[`${layer}.weight`].shape[0]).join()
    );
    assert.equal([...new Set(widths)], ["2,4,8", "3,6,11", "3,7,13"]);
  },
);

test("a floor that holds changes nothing", async () => {
  const run = async (floor?: number) => {
    const stages = [train(1), admm({ updates: 1, ...(floor === undefined ? {} : { floor }) })];
    const { spent: _, ...report } = (await watched(tinyRecipe(stages))).report;
    return report;
  };
  const [without, held] = [await run(), await run(0.01)];
  assert.equal(held, without);
});

test("stages in an order that can't work are refused before anything is done", async () => {
  for (
    const [stages, words] of [
      [[admm()], /stages\.0 is admm, expected train/],
      [
        [{ ...train(), schedule: { kind: "restart" } }],
        /stages\.0: the schedule restart begins at the rate of the train stage before it, and there is none: give its rate$/,
      ],
      [
        [train(), { kind: "controls" }, admm()],
        /stages\.1: controls repeat the pruning before them, and there is none/,
      ],
      [
        [train(), admm(), admm({ constraints: [{ kind: "n:m" }] })],
        /stages\.2: n:m is counted off along the dense network's weights, and stages\.1 \(admm\) makes them smaller/,
      ],
    ] as const
  ) {
    const store = memoryStore();
    const error = await prune(tinyRecipe(stages), { store }).then(() => undefined, (error) => error);
    assert.instance(error, UserError);
    assert.match(error.message, words);
    assert.not.match(error.message, /\n/);
    assert.equal(await store.list(""), [`${DIR}/recipe.yaml`]);
  }
});

test.run();
