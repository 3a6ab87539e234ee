import { suite } from "uvu";
import * as assert from "uvu/assert";
import { plansName } from "../../src/measure/plans.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { defaultTuning, setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { silentUi } from "../../src/ui.ts";
import { complaint } from "../data/fixtures.ts";
import { testGpu } from "../gpu.ts";
import { onlyNightly } from "../long.ts";
import { outcome } from "./interrupt.ts";
import { admm, DIR, prune, tinyRecipe, train } from "./tiny.ts";

const test = suite("tuning of runs");
const recipe = tinyRecipe([train(1)]);

/** What the first test found out about this device: measuring it once is enough. */
let tuned: Uint8Array | undefined;

async function keepTuned(store: Store): Promise<void> {
  if (tuned) await store.write(`plans/${plansName((await testGpu()).info)}`, tuned);
}

test.after.each(async () => {
  const gpu = await testGpu();
  setTuning(gpu, defaultTuning(gpu));
});

test("a run keeps its plans in its folder and on the device, and the next one starts from them", async () => {
  const store = memoryStore();
  const shared = `plans/${plansName((await testGpu()).info)}`;
  await store.write(shared, new TextEncoder().encode("{"));
  const notes: string[] = [];
  const stages: string[] = [];
  const silent = silentUi();
  const ui = {
    ...silent,
    note: (text: string) => notes.push(text),
    stage: (name: string, steps: number) => (stages.push(name), silent.stage(name, steps)),
  };
  await prune(recipe, { store, ui, plansFolder: "plans", tune: "full" });
  assert.equal(notes, [`ignored the tuned plans in ${shared}: it isn't JSON`]);
  assert.ok(stages.includes("tune training"));
  const kept = await store.read(`${DIR}/plans.json`);
  tuned = await store.read(shared);
  const plansIn = (bytes?: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)).plans;
  assert.equal(plansIn(tuned), plansIn(kept));
  const winners = tuningFor(await testGpu()).winners!;
  assert.ok(Object.keys(winners).some((shapeClass) => shapeClass.startsWith("conv wgrad")), "convolutions are tuned");

  stages.length = 0;
  await prune(recipe, { store, ui, plansFolder: "plans", tune: "full" });
  assert.not(stages.includes("tune training"));
  assert.equal(await store.read(`${DIR}/plans.json`), kept);

  // Going on with a run replays its own plans, whatever the device has learnt since.
  await store.remove(shared);
  setTuning(await testGpu(), defaultTuning(await testGpu()));
  await prune(recipe, { store, ui, plansFolder: "plans", tune: "full", resume: true });
  assert.equal(tuningFor(await testGpu()).winners, winners);
});

test("forms that are left as they begin cost no measuring of training's kernels", async () => {
  const model = { name: "resnet8", width: 0.125 };
  const { store } = await prune(tinyRecipe([train(1)], { model }));
  await store.write("given.safetensors", (await store.read(`${DIR}/model.safetensors`))!);
  const stages: string[] = [];
  const silent = silentUi();
  const ui = { ...silent, stage: (name: string, steps: number) => (stages.push(name), silent.stage(name, steps)) };
  const untrained = [{ kind: "search", gene: [1, 0, 0], images: 32 }, { kind: "subnet", epochs: 0, images: 32 }];
  await prune(tinyRecipe(untrained, { model, weights: "given.safetensors" }), {
    store,
    ui,
    plansFolder: null,
    tune: "full",
  });
  assert.ok(stages.includes("subnet"));
  assert.not(stages.includes("tune training"));
});

test("a run that isn't tuned leaves no plans, and isn't tuned when it goes on", async () => {
  const { store } = await prune(recipe);
  assert.is(await store.size(`${DIR}/plans.json`), undefined);
  await prune(recipe, { store, resume: true, plansFolder: "plans", tune: "full" });
  assert.equal(await store.list("plans"), []);
  assert.is(tuningFor(await testGpu()).winners, undefined);
});

onlyNightly(test)(
  "a folder for plans that can't be used, or none at all, costs the kept plans and not the run",
  async () => {
    for (const plansFolder of ["taken", null]) {
      const store = memoryStore();
      await store.write("taken", Uint8Array.of(1));
      const warnings: string[] = [];
      const stop = new AbortController();
      const silent = silentUi();
      const ui = {
        ...silent,
        warn: (text: string) => warnings.push(text),
        stage: (name: string, steps: number) => {
          // Tuning has begun, which is all that this test wants to see.
          if (name.startsWith("tune")) stop.abort(new Error("seen"));
          return silent.stage(name, steps);
        },
      };
      await prune(recipe, { store, ui, plansFolder, tune: "full", signal: stop.signal }).catch(() => {});
      assert.ok(stop.signal.aborted, "kernels are measured");
      assert.is(warnings.length, plansFolder === null ? 0 : 1, warnings.join("; "));
      for (const text of warnings) assert.match(text, /^tuned plans aren't kept for the next run: .*taken is a file/);
      assert.ok(await store.size(`${DIR}/plans.json`), "the run's own plans are there");
    }
  },
);

/** A tuned run, as a process left it that was killed in its second stage. */
async function killed(): Promise<Store> {
  const store = memoryStore();
  await keepTuned(store);
  const two = { ...recipe, stages: [recipe.stages[0], recipe.stages[0]] };
  const append: Store["append"] = async (path, text) => {
    await store.append(path, text);
    if (text.includes('"stage":1')) throw new Error("killed");
  };
  await prune(two, { store: { ...store, append }, plansFolder: "plans", tune: "full" }).then(
    () => assert.unreachable(),
    () => {},
  );
  return store;
}

const goOn = (store: Store, ui = silentUi(), plansFolder: string | undefined = "plans") =>
  prune({ ...recipe, stages: [recipe.stages[0], recipe.stages[0]] }, {
    store,
    resume: true,
    plansFolder,
    tune: "full",
    ui,
  });

test("plans that aren't those of the checkpoint are refused, and the way out is told", async () => {
  const store = await killed();
  const file = `${DIR}/plans.json`;
  const whole = new TextDecoder().decode(await store.read(file));
  const parsed = JSON.parse(whole);
  const [first, second] = Object.keys(parsed.plans);
  const { [first]: _, ...fewer } = parsed.plans;
  const damages: readonly (readonly [string | undefined, RegExp])[] = [
    [undefined, /is missing/],
    ["", /isn't JSON/],
    [whole.slice(0, whole.length >> 1), /isn't JSON/],
    ["{}", /can't be used/],
    [JSON.stringify({ ...parsed, kernels: "00000000" }), /can't be used/],
    [JSON.stringify({ ...parsed, plans: {} }), /can't be used|isn't what the checkpoint/],
    [JSON.stringify({ ...parsed, plans: fewer }), /can't be used|isn't what the checkpoint/],
    [
      JSON.stringify({ ...parsed, plans: { ...parsed.plans, [second]: { ...parsed.plans[second], winner: "other" } } }),
      /can't be used|isn't what the checkpoint/,
    ],
  ];
  for (const [text, words] of damages) {
    if (text === undefined) await store.remove(file);
    else await store.write(file, new TextEncoder().encode(text));
    const said = await complaint(() => goOn(store));
    assert.match(said, /^runs\/tiny\/plans\.json: [^\n]+: restore the file as it was, [^\n]*--tune none/);
    assert.match(said, words);
  }
  await store.write(file, new TextEncoder().encode(whole));
  await goOn(store);
});

onlyNightly(test)(
  "a tuned run goes on with default plans where that is asked for, and says what it means",
  async () => {
    const store = await killed();
    await store.remove(`${DIR}/plans.json`);
    const warnings: string[] = [];
    const ui = { ...silentUi(), warn: (text: string) => warnings.push(text) };
    await prune({ ...recipe, stages: [recipe.stages[0], recipe.stages[0]] }, { store, resume: true, ui });
    assert.is(warnings.length, 1);
    assert.match(warnings[0], /was begun with tuned plans and goes on without/);
    assert.is(tuningFor(await testGpu()).winners, undefined);
  },
);

onlyNightly(test)(
  "a run that goes on from before a later tuning ends in the same bits, and measures nothing",
  async () => {
    const store = memoryStore();
    await keepTuned(store);
    const stages = [train(1), admm({ steps: 1, updates: 1, compact: true }), { kind: "compact" }];
    const whole = tinyRecipe(stages, { batch: 25 });
    const before = memoryStore();
    const append: Store["append"] = async (path, text) => {
      // As a process leaves its folder that is killed in the second stage.
      if (text.includes('"stage":1') && (await before.list(DIR)).length === 0) {
        for (const file of await store.list(DIR)) await before.write(file, (await store.read(file))!);
      }
      await store.append(path, text);
    };
    await prune(whole, { store: { ...store, append }, plansFolder: "plans", tune: "full" });
    const plans = (await store.read(`${DIR}/plans.json`))!;
    const classes = (bytes: Uint8Array) => Object.keys(JSON.parse(new TextDecoder().decode(bytes)).plans).length;
    assert.ok(
      classes(plans) > classes((await before.read(`${DIR}/plans.json`))!),
      "the network that was pruned is tuned",
    );
    await before.write(`${DIR}/plans.json`, plans);
    const stagesShown: string[] = [];
    const silent = silentUi();
    const ui = {
      ...silent,
      stage: (name: string, steps: number) => (stagesShown.push(name), silent.stage(name, steps)),
    };
    await prune(whole, { store: before, plansFolder: "plans", tune: "full", resume: true, ui });
    assert.not(stagesShown.some((name) => name.startsWith("tune")), stagesShown.join());
    assert.equal(await outcome(before), await outcome(store));
  },
);

test("plans are in the folder before the first epoch, and the checkpoint knows them", async () => {
  const store = memoryStore();
  const order: string[] = [];
  const note = (path: string) => path.startsWith(DIR) && order.push(path.slice(DIR.length + 1));
  await keepTuned(store);
  await prune(recipe, {
    store: {
      ...store,
      write: (path, bytes) => (note(path), store.write(path, bytes)),
      append: (path, text) => (note(path), store.append(path, text)),
    },
    plansFolder: "plans",
    tune: "full",
  });
  assert.equal(order.slice(0, 3), ["recipe.yaml", "plans.json", "checkpoint.safetensors"]);
  assert.ok(order.lastIndexOf("plans.json") < order.indexOf("log.jsonl"), order.join());
});

test.run();
