/** The coordinator and its workers on the real queue, with jobs that only take time: whoever does them, the same trials. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { readRecipe } from "../../src/recipe/load.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { coordinate, type SweepProgress } from "../../src/sweep/coordinate.ts";
import { openJournal } from "../../src/sweep/deno/journal.ts";
import type { JobPayload } from "../../src/sweep/job.ts";
import { ashaPruner } from "../../src/sweep/pruners/asha.ts";
import { noPruner, type Pruner } from "../../src/sweep/pruner.ts";
import type { Job } from "../../src/sweep/queue/queue.ts";
import { type JobResult, openResults, type Results } from "../../src/sweep/results.ts";
import { gridSampler } from "../../src/sweep/samplers/grid.ts";
import { parseSweepFile } from "../../src/sweep/sweep_file.ts";
import { seedsOf } from "../../src/sweep/trial_run.ts";
import { type Outcome, runWorker } from "../../src/sweep/worker.ts";
import { SWEEP } from "./cells.ts";

const test = suite("sweep/coordinate");

const IDENTITY = { tool: "secateur 0.0.0", commit: "test", source: "s" };
const DATA = { request: "digits", sha256: "d" };

interface Fake {
  readonly workers: number;
  readonly pruner?: () => Pruner;
  /** Draws how long jobs take, and which go wrong. */
  readonly seed?: number;
  /** What a job comes to instead of being done. */
  readonly goesWrong?: (job: JobPayload, lot: number) => Outcome | undefined;
  readonly results?: Results;
  readonly stopAfter?: number;
}

/** How often each job was done, by its label. */
type Done = Map<string, number>;

async function sweep(
  fake: Fake,
  done: Done = new Map(),
): Promise<SweepProgress & { readonly finished: readonly string[] }> {
  const dir = await Deno.makeTempDir();
  const store = memoryStore();
  await store.write("cell.yaml", new TextEncoder().encode(SWEEP.recipe));
  const file = parseSweepFile(SWEEP.file, "sweep.yaml");
  const given = await readRecipe("cell.yaml", store);
  const results = fake.results ?? openResults(store, "store");
  const rules = { leaseMs: 5000, attempts: 3, crashes: 8, backoffMs: 1 };
  const queue = await openJournal(dir, { rules });
  const stop = new AbortController();
  const finished: string[] = [];
  const rng = random(fake.seed ?? 1, "fake work");
  let step = 0;
  const run = async (job: Job): Promise<Outcome> => {
    const payload = job.payload as JobPayload;
    const own = step++;
    await new Promise((resolve) => setTimeout(resolve, 3 * rng.uniform(own, 0)));
    const wrong = fake.goesWrong?.(payload, rng.uniform(own, 1));
    if (wrong) return wrong;
    done.set(payload.label, (done.get(payload.label) ?? 0) + 1);
    await results.write(resultOf(job.id, payload));
    return { is: "done", seconds: 0 };
  };
  try {
    await queue.open({ sweep: "cells", identity: IDENTITY, adapter: "gpu", store: "", ended: false });
    const workers = Array.from({ length: fake.workers }, (_, i) =>
      runWorker({
        queue,
        info: { name: `${i}`, machine: "here", adapter: "gpu" },
        work: { run, stop() {}, kill() {}, close() {} },
        signal: stop.signal,
        ui: { note() {}, warn() {} },
        renewMs: 1000,
        idleMs: 2,
      }));
    const progress = await coordinate({
      file,
      given,
      sampler: gridSampler(file.space, seedsOf(file, given)),
      pruner: fake.pruner?.() ?? noPruner(),
      queue,
      results,
      ground: { source: "s", adapter: "gpu", plans: "default", data: DATA },
      identity: IDENTITY,
      absolute: (path) => path,
      keepFile: () => Promise.reject(new Error("no file was expected")),
      finish: ({ id }) => Promise.resolve(void finished.push(id)),
      show: () => Promise.resolve(),
      isLate: () => step >= (fake.stopAfter ?? Infinity),
      signal: stop.signal,
      pollMs: 2,
    });
    await queue.end();
    await Promise.all(workers);
    return { ...progress, finished: finished.sort() };
  } finally {
    stop.abort();
    queue.close();
    await Deno.remove(dir, { recursive: true });
  }
}

/** Cells are better the more they keep and the longer they are trained. */
function resultOf(id: string, { label, recipe: { stages, seed }, until }: JobPayload): JobResult {
  const prune = stages[1] as unknown as { criterion: string; constraints: { keep: number }[] };
  const epochs = Math.min(6, until.epochs ?? (until.stage === 1 ? 4 : 6));
  const stage = until.epochs === undefined || epochs >= 6 ? until.stage : 1;
  const quality = { l2: 0.5, taylor: 0.6, random: 0.2 }[prune.criterion]!;
  const accuracy = quality + prune.constraints[0].keep * 0.1 + seed * 0.001 + epochs * 0.01;
  const ended = stage === stages.length;
  const metrics = { accuracy, macs: 1000 * prune.constraints[0].keep };
  return {
    version: 1,
    id,
    label,
    stage,
    epochs,
    ended,
    metrics,
    bits: id,
    spread: {},
    files: {},
    seconds: 0,
    worker: "",
  };
}

const text = ({ trials, jobs }: SweepProgress) => JSON.stringify([trials, [...jobs].sort()]);
const plain = await sweep({ workers: 1 });

test("sixty cells share the dense training of each seed: 65 jobs, each done once", async () => {
  const done: Done = new Map();
  const { trials, jobs, finished, ended } = await sweep({ workers: 3, seed: 2 }, done);
  assert.equal([trials.length, jobs.size, finished.length, ended], [60, 65, 60, true]);
  assert.is([...jobs.values()].reduce((sum, epochs) => sum + epochs, 0), 5 * 4 + 60 * 2);
  assert.equal(new Set(done.values()), new Set([1]));
  assert.is(done.size, 65);
  assert.equal(
    [...done.keys()].filter((label) => label.endsWith(" train")).sort(),
    [1, 2, 3, 4, 5].map((n) => `0000${n} train`),
  );
  assert.is(text({ trials, jobs, ended }), text(plain));
});

test("errors, crashes and workers that come and go change nothing in the end", async () => {
  const found = await sweep({
    workers: 3,
    seed: 3,
    goesWrong: (_, lot) =>
      lot < 0.1
        ? { is: "failed", failure: { kind: "crash", reason: "killed" } }
        : lot < 0.15
        ? { is: "failed", failure: { kind: "error", reason: "no luck" } }
        : lot < 0.2
        ? { is: "stopped" }
        : undefined,
  });
  assert.is(text(found), text(plain));
});

test("a job that fails takes its own trials with it and no others", async () => {
  const reason = "no such layer";
  const found = await sweep({
    workers: 2,
    goesWrong: ({ recipe: { seed }, until }) =>
      seed === 3 && until.stage === 1 ? { is: "failed", failure: { kind: "final", reason } } : undefined,
  });
  const failed = found.trials.filter(({ state }) => state === "failed");
  assert.equal(failed.map(({ seed, reason }) => [seed, reason]), Array(12).fill([3, reason]));
  assert.is(found.trials.filter(({ state }) => state === "done").length, 48);
});

test("what is in the store isn't done again, and what was lost from it is", async () => {
  const results = openResults(memoryStore(), "store");
  await sweep({ workers: 2, results });
  const done: Done = new Map();
  assert.is(text(await sweep({ workers: 2, results }, done)), text(plain));
  assert.is(done.size, 0);
  // A store that forgets each result the first time that it is asked for it.
  const asked = new Set<string>();
  const forgetful: Results = {
    ...results,
    read: (id) => asked.has(id) ? results.read(id) : Promise.resolve(void asked.add(id)),
  };
  assert.is(text(await sweep({ workers: 2, results: forgetful }, done)), text(plain));
  assert.is(done.size, 65);
});

test("with ASHA the same trials are stopped and trained on, whoever comes first", async () => {
  const { objectives } = parseSweepFile(SWEEP.file, "sweep.yaml");
  const pruner = () => ashaPruner({ objectives: objectives.slice(0, 1), constraints: [], reduction: 3, grace: 1 });
  const one = await sweep({ workers: 1, pruner });
  for (const seed of [4, 5]) assert.is(text(await sweep({ workers: 4, seed, pruner })), text(one));
  const states = one.trials.map(({ state }) => state);
  assert.equal(new Set(states), new Set(["done", "stopped"]));
  const first = one.trials.map(({ rungs }) => rungs[0]);
  assert.ok(first.every(({ rung, epochs }) => rung === 0 && epochs === 5), "one epoch behind the four that are shared");
  const trained = [...one.jobs.values()].reduce((sum, epochs) => sum + epochs, 0);
  assert.is(trained, 5 * 4 + 60 + states.filter((state) => state === "done").length);
});

test("when the time is over, what isn't finished is stopped and nothing new begins", async () => {
  const { trials, ended } = await sweep({ workers: 2, stopAfter: 20 });
  assert.is(ended, true);
  assert.equal(new Set(trials.map(({ state }) => state)), new Set(["done", "stopped"]));
});

test.run();
