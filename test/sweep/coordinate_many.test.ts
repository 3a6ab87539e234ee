/** Sweeps of more trials than are begun at a time: those that a pruner holds back make room for others. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readRecipe } from "../../src/recipe/load.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { coordinate, type SweepProgress } from "../../src/sweep/coordinate.ts";
import type { JobPayload } from "../../src/sweep/job.ts";
import { prunerOf } from "../../src/sweep/pruners/pruners.ts";
import type { Finished, Job, Queue } from "../../src/sweep/queue/queue.ts";
import { openResults, type Results } from "../../src/sweep/results.ts";
import { samplerOf } from "../../src/sweep/samplers/samplers.ts";
import { parseSweepFile, type SweepFile } from "../../src/sweep/sweep_file.ts";

const test = suite("sweeps of many trials");

/** A result that follows from the job's recipe. */
async function finish(results: Results, { id, payload }: Job): Promise<void> {
  const { label, until, recipe: { stages } } = payload as JobPayload;
  const lr = (stages[0] as unknown as { optimizer: { lr: number } }).optimizer.lr;
  const [stage, epochs] = until.epochs === undefined ? [stages.length, 20] : [0, until.epochs];
  await results.write({
    version: 1,
    id,
    label,
    stage,
    epochs,
    ended: until.epochs === undefined || epochs >= 64,
    metrics: { accuracy: 1 - Math.abs(Math.log10(lr / 0.02)) / 10 - 0.1 / epochs },
    bits: "",
    spread: {},
    files: {},
    seconds: 0,
    worker: "",
  });
}

async function carryOut(file: SweepFile, queue: Queue, results: Results): Promise<SweepProgress> {
  const given = await readRecipe("digits", memoryStore());
  const aims = { objectives: file.objectives, constraints: [] };
  return await coordinate({
    file,
    given,
    sampler: samplerOf(file.sampler, { ...aims, space: file.space, seeds: [1], compared: file.pruner.kind !== "none" }),
    pruner: prunerOf(file.pruner, aims),
    queue,
    results,
    ground: { source: "", adapter: "gpu", plans: "default", data: { request: "", sha256: "" } },
    identity: { tool: "", commit: "", source: "" },
    absolute: (path) => path,
    keepFile: () => Promise.reject(new Error("no file was expected")),
    finish: () => Promise.resolve(),
    show: () => Promise.resolve(),
    isLate: () => false,
    signal: AbortSignal.timeout(30_000),
    pollMs: 1,
  });
}

test("with ASHA each of 600 trials comes to the first rung, and a part of them to the end", async () => {
  const file = parseSweepFile(
    `{ version: 1, name: many, recipe: digits, objectives: [max accuracy], seeds: [1], sampler: random, pruner: asha,
    vary: { stages.0.optimizer.lr: { from: 0.001, to: 0.1, scale: log } }, budget: { trials: 600 } }`,
    "many.yaml",
  );
  const results = openResults(memoryStore(), "store");
  const over: Finished[] = [];
  const queue = {
    /** Jobs are done as soon as they are asked for. */
    async add(jobs: readonly Job[]) {
      for (const job of jobs) {
        await finish(results, job);
        over.push({ id: job.id });
      }
    },
    finished: (cursor = 0) => Promise.resolve({ jobs: over.slice(cursor), cursor: over.length }),
    state: () => Promise.resolve({ running: [] }),
  } as unknown as Queue;
  const { trials } = await carryOut(file, queue, results);
  assert.is(trials.length, 600);
  assert.ok(trials.every(({ rungs }) => rungs.length > 0));
  const done = trials.filter(({ state }) => state === "done").length;
  assert.ok(done >= 5 && done < 60, `${done} of 600 trials were trained to the end`);
  assert.is(trials.filter(({ state }) => state === "stopped").length, 600 - done);
});

test("more workers than trials that are begun at a time have more begun, and change nothing in what comes of them", async () => {
  const file = parseSweepFile(
    `{ version: 1, name: wide, recipe: digits, objectives: [max accuracy], seeds: [1], sampler: random,
    vary: { stages.0.optimizer.lr: { from: 0.001, to: 0.1, scale: log } }, budget: { trials: 600 } }`,
    "wide.yaml",
  );
  const by = async (workers: number) => {
    const results = openResults(memoryStore(), "store");
    const over: Finished[] = [];
    const waiting: Job[] = [];
    let most = 0;
    const queue = {
      add: (jobs: readonly Job[]) => Promise.resolve(void waiting.push(...jobs)),
      state: () => Promise.resolve({ running: waiting.slice(0, workers) }),
      async finished(cursor = 0) {
        most = Math.max(most, waiting.length);
        // The first ones take long.
        if (over.length > 0 || most >= Math.min(600, 2 * workers)) {
          for (const job of waiting.splice(0, workers)) {
            await finish(results, job);
            over.push({ id: job.id });
          }
        }
        return { jobs: over.slice(cursor), cursor: over.length };
      },
    } as unknown as Queue;
    const { trials } = await carryOut(file, queue, results);
    return { most, metrics: trials.map(({ choices, rungs }) => [choices, rungs.map(({ metrics }) => metrics)]) };
  };
  const [few, many] = [await by(10), await by(290)];
  assert.equal([few.most, many.most], [256, 580]);
  assert.equal(many.metrics, few.metrics);
});

test("NSGA-II with a pruner is refused, since each would wait for the other", () => {
  const text = (pruner: string) =>
    `{ version: 1, name: both, recipe: digits, objectives: [max accuracy, min macs], sampler: nsga2, pruner: ${pruner},
    vary: { stages.0.optimizer.lr: { from: 0.001, to: 0.1 } }, budget: { trials: 60 } }`;
  assert.throws(() => parseSweepFile(text("asha"), "both.yaml"), /^both.yaml: pruner asha: nsga2 breeds from trials/);
  const { sampler } = parseSweepFile(text("none"), "both.yaml");
  assert.equal(sampler, { kind: "nsga2", population: 50, seed: 1 });
});

test.run();
