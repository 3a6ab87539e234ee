/** A run's tuner that decides by itself: what it writes before anything is computed, and what it takes up again. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { emptyPlans, readPlans } from "../../src/measure/plans.ts";
import { openTuner, pointName, type RunTuner, type TuningOptions } from "../../src/measure/run_tuner.ts";
import { createModel } from "../../src/models/zoo.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { defaultTuning, setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { silentUi } from "../../src/ui.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";

const test = suite("tuner of a run");
const graph = createModel("digits");
const model = { graph, params: randomParams(graph, 1) };
const [FIRST, SECOND] = [pointName(0, { kind: "train" }), pointName(1, { kind: "train" })];
/** So many steps are worth measuring something for, and so few aren't. */
const [MANY, FEW] = [1000, 1];

test.after.each(async () => {
  const gpu = await testGpu();
  setTuning(gpu, defaultTuning(gpu));
});

async function open(store: Store, change: Partial<TuningOptions> = {}): Promise<RunTuner & { measured: string[] }> {
  const measured: string[] = [];
  const silent = silentUi();
  const ui = { ...silent, stage: (name: string, steps: number) => (measured.push(name), silent.stage(name, steps)) };
  const tuner = await openTuner({
    gpu: await testGpu(),
    store,
    dir: "run",
    mode: "auto",
    plansFolder: null,
    saved: undefined,
    ui,
    signal: undefined,
    ...change,
  });
  return { ...tuner, measured };
}

const kept = async (store: Store) =>
  await readPlans(store, "run/plans.json", (await testGpu()).info, (line) => assert.unreachable(line));
const winners = async () => tuningFor(await testGpu()).winners ?? {};

test("nothing is measured for work that is soon done, and the decision is written", async () => {
  const store = memoryStore();
  const tuner = await open(store);
  await tuner.training(FIRST, [model], 64, FEW);
  assert.equal(tuner.measured, []);
  assert.equal(await kept(store), { ...emptyPlans((await testGpu()).info), points: { [FIRST]: 0 } });
  assert.equal(await winners(), {});
});

test("what was measured is written before it is used, and a run that goes on takes it at the same point", async () => {
  const store = memoryStore();
  const tuner = await open(store);
  await tuner.training(FIRST, [model], 64, FEW);
  const atFirst = await tuner.mark();
  await tuner.training(SECOND, [model], 64, MANY);
  const found = await winners();
  const classes = Object.keys(found).length;
  assert.ok(classes > 0, "something is measured");
  assert.equal(tuner.measured, ["tune training"]);
  const plans = await kept(store);
  assert.equal(plans.points, { [FIRST]: 0, [SECOND]: classes });
  assert.equal(Object.keys(plans.plans), Object.keys(found));
  const atSecond = await tuner.mark();

  // From a checkpoint before the second point: the plans of then, and those of the second when it is there again.
  const again = await open(store, { saved: atFirst });
  assert.equal(await winners(), {});
  await again.training(SECOND, [model], 64, MANY);
  assert.equal(await winners(), found);
  assert.equal([again.measured, await again.mark()], [[], atSecond]);

  // From one after it: the plans are there at once, and known shapes are never measured again.
  const later = await open(store, { saved: atSecond });
  assert.equal(await winners(), found);
  await later.training(pointName(2, { kind: "train" }), [model], 50, FEW);
  assert.equal(later.measured, []);
  assert.equal(await winners(), found);
});

test("a stop amid the tuning keeps what was found for the run that goes on", async () => {
  const store = memoryStore();
  const begun = await (await open(store)).mark();
  const stop = new AbortController();
  const silent = silentUi();
  const stage = (name: string, steps: number) => {
    const shown = silent.stage(name, steps);
    return { ...shown, update: () => stop.abort() };
  };
  const stopped = await open(store, { ui: { ...silent, stage }, signal: stop.signal });
  let message = "";
  await stopped.training(FIRST, [model], 64, MANY).catch((error) => message = error.message);
  assert.is(message, "stopped");
  const { plans, points } = await kept(store);
  assert.equal([Object.keys(plans).length, points], [1, undefined]);
  const again = await open(store, { saved: begun });
  assert.equal(await winners(), {});
  await again.training(FIRST, [model], 64, FEW);
  assert.equal([again.measured, Object.keys(await winners())], [[], Object.keys(plans)]);
});

test.run();
