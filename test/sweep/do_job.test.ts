/** A run in jobs, wherever it is cut, and whatever is lost between them, comes to the bits of a run in one go. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import type { Recipe } from "../../src/recipe/schema.ts";
import type { PartEnd } from "../../src/run/pipeline.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { doJob, type JobMachine } from "../../src/sweep/do_job.ts";
import { markOf } from "../../src/sweep/data_mark.ts";
import type { DataMark, JobPayload } from "../../src/sweep/job.ts";
import { type JobResult, openResults } from "../../src/sweep/results.ts";
import type { Outcome } from "../../src/sweep/worker.ts";
import { testGpu } from "../gpu.ts";
import { abortedAt } from "../recipe/interrupt.ts";
import { admm, loadTiny, tinyRecipe, train } from "../recipe/tiny.ts";

const test = suite("sweep/do_job");

const NEVER = new AbortController().signal;

function machineOf(store: Store): JobMachine {
  return {
    store,
    results: openResults(store, "store"),
    work: "work",
    worker: "tests",
    contents: new Map(),
    gpu: testGpu,
    dropGpu() {},
    loadData: () => (request) => loadTiny(request),
    plansFolder: () => Promise.resolve(undefined),
    lockFolder: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
    async removeFolder(dir) {
      for (const path of await store.list(dir)) await store.remove(path);
    },
  };
}

async function work(
  machine: JobMachine,
  id: string,
  recipe: Recipe,
  until: PartEnd,
  before: readonly string[] = [],
  signal = NEVER,
  files: JobPayload["files"] = {},
  data: DataMark = { request: "", sha256: "" },
): Promise<Outcome> {
  const identity = { tool: "secateur 0.0.0", commit: "test", source: "" };
  const payload: JobPayload = { label: id, recipe, until, before, files, data, plans: "default", identity };
  return await doJob({ id, adapterUse: "shared", adapter: "", payload }, machine, { progress() {}, signal });
}

async function resultOf(machine: JobMachine, id: string): Promise<JobResult> {
  const result = await machine.results.read(id);
  assert.ok(result, `${id} has no result`);
  return result;
}

const STAGES = [train(2), admm({ steps: 1 }), { kind: "unused" }, { kind: "compact" }];
const FEW = { data: { name: "digits", limit: 100 } };
const recipe = tinyRecipe(STAGES, FEW);
/** What comes later is another recipe's affair. */
const other = tinyRecipe([train(2), { kind: "prune", constraints: [{ kind: "filter", keep: 0.3 }] }], FEW);
const whole = machineOf(memoryStore());
assert.equal(await work(whole, "whole", recipe, { stage: 4 }).then(({ is }) => is), "done");
const expected = await resultOf(whole, "whole");
const NETWORK = ["model.safetensors", "model.onnx"];

test("a run in one job has its report's numbers as metrics, and its files in the store", async () => {
  assert.equal([expected.stage, expected.epochs, expected.ended], [4, 5, true]);
  const report = JSON.parse(new TextDecoder().decode(await whole.results.get(expected.files["report.json"])));
  assert.is(expected.metrics.accuracy, report.final.accuracy.validation);
  assert.is(expected.metrics.macs, report.final.macs);
  assert.equal(await whole.store.list("work"), [], "the job's folder is gone");
});

test("cut between stages and within two trainings, stopped in between, and begun by another recipe: the same bits", async () => {
  const machine = machineOf(memoryStore());
  await work(machine, "shared", other, { stage: 1 });
  const cuts: [string, PartEnd][] = [["a", { stage: 4, epochs: 3 }], ["b", { stage: 4, epochs: 5 }], ["c", {
    stage: 4,
  }]];
  const before = ["shared"];
  for (const [id, until] of cuts) {
    if (id === "a") assert.is((await work(machine, id, recipe, until, before, abortedAt(3))).is, "stopped");
    assert.is((await work(machine, id, recipe, until, before)).is, "done");
    const { epochs, ended, metrics } = await resultOf(machine, id);
    assert.equal([epochs, ended], [until.epochs ?? 5, id === "c"]);
    assert.ok(metrics.accuracy > 0);
    before.push(id);
  }
  const found = await resultOf(machine, "c");
  assert.equal([found.bits, found.metrics], [expected.bits, expected.metrics]);
  for (const name of NETWORK) assert.is(found.files[name], expected.files[name], name);
});

test("a job whose predecessors are lost does their part as well; done again, it is compared with the first time", async () => {
  const machine = machineOf(memoryStore());
  await work(machine, "a", recipe, { stage: 1 });
  const { files } = await resultOf(machine, "a");
  const path = `store/files/${files["checkpoint.safetensors"].slice(0, 2)}/${files["checkpoint.safetensors"]}`;
  await machine.store.write(path, new Uint8Array(3));
  await work(machine, "b", recipe, { stage: 4 }, ["a"]);
  assert.is((await resultOf(machine, "b")).bits, expected.bits);
  const again = await work(machine, "b", recipe, { stage: 4 });
  assert.equal([again.is, again.is === "done" && again.warning], ["done", undefined]);
  // Another seed stands for an adapter that adds in another order each time.
  const wrong = await work(machine, "b", { ...recipe, seed: 2 }, { stage: 4 });
  assert.match(wrong.is === "done" && wrong.warning || "", /done twice, and bits came out as \w{12} and \w{12}/);
  const [difference] = await openResults(machine.store, "store").differences(new Set(["a", "b"]));
  assert.equal([difference.job, difference.what], ["b", "bits"]);
  assert.is((await resultOf(machine, "b")).bits, expected.bits, "the first one stays");
});

test("files that a recipe names come from the store, as they were when the sweep began, and a lost store is the machine's", async () => {
  const machine = { ...whole, store: memoryStore() };
  const path = "/elsewhere/network.onnx";
  await machine.store.write(path, new TextEncoder().encode("changed since"));
  const given = { ...tinyRecipe([train(1)], FEW), model: { name: path } };
  const files = { [path]: expected.files["model.onnx"] };
  assert.is((await work(machine, "given", given, { stage: 1 }, [], NEVER, files)).is, "done");
  const gone = () => Promise.reject(new UserError("the store can't be used"));
  const lost = { ...machine, results: { ...whole.results, get: gone }, contents: new Map() };
  assert.equal(await work(lost, "lost", given, { stage: 1 }, [], NEVER, files), {
    is: "unable",
    reason: "the store can't be used",
  });
});

test("what can't be done is final, what the machine can't write is the machine's, and neither leaves a result", async () => {
  const machine = machineOf(memoryStore());
  const missing = tinyRecipe([train(1), admm({ constraints: [{ kind: "filter", layers: ["conv9"], keep: 0.5 }] })]);
  const outcome = await work(machine, "missing", missing, { stage: 2 });
  assert.is(outcome.is === "failed" && outcome.failure.kind, "final");
  assert.match(outcome.is === "failed" ? outcome.failure.reason : "", /conv9/);
  const store = memoryStore();
  const full = { ...store, write: () => Promise.reject(new UserError("cannot write x: no space left on the device")) };
  assert.equal(await work(machineOf(full), "full", recipe, { stage: 1 }), {
    is: "unable",
    reason: "cannot write x: no space left on the device",
  });
  const { results } = machineOf(memoryStore());
  const gone = { ...results, put: () => Promise.reject(new UserError("cannot write y: no space left on the device")) };
  const last = await work({ ...machineOf(memoryStore()), results: gone }, "gone", tinyRecipe([train(1)], FEW), {
    stage: 1,
  });
  assert.equal(last, { is: "unable", reason: "cannot write y: no space left on the device" });
  assert.is(await machine.results.read("missing"), undefined);
  assert.is(await openResults(store, "store").read("full"), undefined);
});

test("a machine without a folder to work in, or without the sweep's data, gives the job back to others", async () => {
  const machine = machineOf(memoryStore());
  const unlockable = { ...machine, lockFolder: () => Promise.reject(new UserError("cannot lock work/.lock")) };
  assert.equal(await work(unlockable, "a", recipe, { stage: 1 }), { is: "unable", reason: "cannot lock work/.lock" });
  let asked: Parameters<typeof markOf>[0] | undefined;
  const without: JobMachine = {
    ...machine,
    loadData: () => (request) => {
      asked = request;
      return Promise.reject(new UserError("images: no such folder"));
    },
  };
  // Data that another trial's recipe names instead are its own affair.
  const varied = await work(without, "b", recipe, { stage: 1 });
  assert.equal(varied, { is: "failed", failure: { kind: "final", reason: "images: no such folder" } });
  const mark = await markOf(asked!, await loadTiny(asked!));
  const missing = await work(without, "c", recipe, { stage: 1 }, [], NEVER, {}, mark);
  assert.equal(missing, { is: "unable", reason: "images: no such folder" });
});

test.run();
