import { suite } from "uvu";
import * as assert from "uvu/assert";
import { plansName } from "../../src/measure/plans.ts";
import { silentUi } from "../../src/ui.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { defaultTuning, setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { testGpu } from "../gpu.ts";
import { DIR, prune, tinyRecipe, train } from "./tiny.ts";

const test = suite("tuning of runs");
const recipe = tinyRecipe([train(1)]);

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
  await prune(recipe, { store, ui, plansFolder: "plans" });
  assert.equal(notes, [`ignored the tuned plans in ${shared}: it isn't JSON`]);
  assert.ok(stages.includes("tune training"));
  const kept = await store.read(`${DIR}/plans.json`);
  assert.equal(await store.read(shared), kept);
  const winners = tuningFor(await testGpu()).winners!;
  assert.ok(Object.keys(winners).some((shapeClass) => shapeClass.startsWith("conv wgrad")), "convolutions are tuned");

  stages.length = 0;
  await prune(recipe, { store, ui, plansFolder: "plans" });
  assert.not(stages.includes("tune training"));
  assert.equal(await store.read(`${DIR}/plans.json`), kept);

  // Going on with a run replays its own plans, whatever the device has learnt since.
  await store.remove(shared);
  setTuning(await testGpu(), defaultTuning(await testGpu()));
  await prune(recipe, { store, ui, plansFolder: "plans", resume: true });
  assert.equal(tuningFor(await testGpu()).winners, winners);
});

test("a run that isn't tuned leaves no plans, and isn't tuned when it goes on", async () => {
  const { store } = await prune(recipe);
  assert.is(await store.size(`${DIR}/plans.json`), undefined);
  await prune(recipe, { store, resume: true, plansFolder: "plans" });
  assert.equal(await store.list("plans"), []);
  assert.is(tuningFor(await testGpu()).winners, undefined);
});

test.run();
