/** Sweeps of more trials than are begun at a time: those that a pruner holds back make room for others. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readRecipe } from "../../src/recipe/load.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { coordinate } from "../../src/sweep/coordinate.ts";
import type { JobPayload } from "../../src/sweep/job.ts";
import { prunerOf } from "../../src/sweep/pruners/pruners.ts";
import type { Finished, Job, Queue } from "../../src/sweep/queue/queue.ts";
import { openResults } from "../../src/sweep/results.ts";
import { samplerOf } from "../../src/sweep/samplers/samplers.ts";
import { parseSweepFile } from "../../src/sweep/sweep_file.ts";

const test = suite("sweeps of many trials");

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
      for (const { id, payload } of jobs) {
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
        over.push({ id });
      }
    },
    finished: (cursor = 0) => Promise.resolve({ jobs: over.slice(cursor), cursor: over.length }),
  } as unknown as Queue;
  const given = await readRecipe("digits", memoryStore());
  const aims = { objectives: file.objectives, constraints: [] };
  const { trials } = await coordinate({
    file,
    given,
    sampler: samplerOf(file.sampler, { ...aims, space: file.space, seeds: [1], compared: true }),
    pruner: prunerOf(file.pruner, aims),
    queue,
    results,
    ground: { source: "", adapter: "gpu", plans: "default", data: { request: "", sha256: "" } },
    identity: { tool: "", commit: "", source: "" },
    absolute: (path) => path,
    fileHash: () => Promise.reject(new Error("no file was expected")),
    finish: () => Promise.resolve(),
    show: () => Promise.resolve(),
    isLate: () => false,
    signal: AbortSignal.timeout(30_000),
    pollMs: 1,
  });
  assert.is(trials.length, 600);
  assert.ok(trials.every(({ rungs }) => rungs.length > 0));
  const done = trials.filter(({ state }) => state === "done").length;
  assert.ok(done >= 5 && done < 60, `${done} of 600 trials were trained to the end`);
  assert.is(trials.filter(({ state }) => state === "stopped").length, 600 - done);
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
