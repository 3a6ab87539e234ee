/** Carries a sweep out in its folder: finds out what it runs on, opens its queue, works itself, and coordinates. */
import { formatRecipe, type GivenRecipe } from "../../recipe/load.ts";
import { mapPaths } from "../../recipe/paths.ts";
import type { Recipe } from "../../recipe/schema.ts";
import { absolutePath, seenFrom } from "../../store/deno_paths.ts";
import type { Store } from "../../store/types.ts";
import { coordinate, type SweepProgress } from "../coordinate.ts";
import { keepFile } from "../keep_file.ts";
import { prunerOf } from "../pruners/pruners.ts";
import { type Identity, type Queue, RULES } from "../queue/queue.ts";
import {
  type Asked,
  askedBy,
  requireSameAsked,
  SWEEP_GROUND,
  SWEEP_REPORT,
  type SweepGround,
  type SweepReport,
  trialFolder,
} from "../report.ts";
import { type JobResult, type KeptResults, openResults, type Results } from "../results.ts";
import { samplerOf } from "../samplers/samplers.ts";
import type { SweepFile } from "../sweep_file.ts";
import { isOver, type Trial } from "../trial.ts";
import { checkSweep, seedsOf } from "../trial_run.ts";
import { requireFit, requireIdentity, runWorker } from "../worker.ts";
import { openJournal } from "./journal.ts";
import { keepQueuePlace, openQueue } from "./open_queue.ts";
import { openWorkProcess } from "./work_process.ts";

export interface SweepOptions {
  /** The sweep's folder, which nobody else coordinates a sweep in. */
  readonly dir: string;
  readonly file: SweepFile;
  readonly given: GivenRecipe;
  readonly store: Store;
  /** What was fixed when the sweep began; undefined where it begins now. */
  readonly ground: SweepGround | undefined;
  /** Address of the Redis that keeps the queue; undefined: a journal in the folder. */
  readonly queue?: string;
  /** Where results are kept, for a sweep that begins. */
  readonly keep: string;
  readonly identity: Identity;
  /** Jobs that this process has done at a time; 0 leaves all to others. */
  readonly workers: number;
  /** The script of the process that does jobs. */
  readonly script: string;
  readonly dataDir?: string;
  readonly signal: AbortSignal;
  readonly ui: { note(text: string): void; warn(text: string): void };
  /** Is told how far the sweep is. */
  readonly show: (progress: SweepProgress) => void;
}

/** @throws UserError for what its user can mend; what `signal` was aborted with */
export async function runSweep(options: SweepOptions): Promise<SweepReport> {
  const { dir, file, given, store, signal, identity } = options;
  const recipe = checkSweep(file, given);
  const asked = askedBy(file, mapPaths(given.given as object, seenFrom(dir)));
  if (options.ground) {
    requireIdentity(`the sweep in ${dir}`, options.ground.identity, identity);
    requireSameAsked(dir, options.ground.asked, asked);
  }
  // A Redis that doesn't answer is told of before anything is written.
  const redis = options.queue === undefined ? undefined : await openQueue(options.queue);
  const work = openWork(options, 0);
  try {
    const probed = await work.probe({ recipe, ...file.plans === "kept" && { plans: "kept" } });
    const ground = options.ground ?? await begin(options, asked, probed);
    if (options.workers === 0) work.close();
    const results = openResults(store, ground.store);
    const queue = redis ?? await openJournal(dir);
    const stop = new AbortController();
    const all = AbortSignal.any([signal, stop.signal]);
    try {
      const header = {
        sweep: file.name,
        identity,
        adapter: ground.adapter,
        store: absolutePath(ground.store),
        mark: await results.put(encode(ground)),
        ended: false,
      };
      requireFit(header, { identity, adapter: probed.adapter });
      await queue.open(header);
      await keepQueuePlace(store, dir, options.queue);
      const workers = startWorkers(options, { queue, adapter: ground.adapter, first: work, signal: all });
      // A worker that can't go on ends the sweep, which can be gone on with.
      const failing = workers.catch((error) => {
        stop.abort(error);
        throw error;
      });
      failing.catch(() => {});
      try {
        const progress = await coordinate(coordination(options, { queue, results, ground, recipe, signal: all }));
        await queue.end();
        await failing;
        return await writeReport(options, ground, results, progress);
      } finally {
        stop.abort(stop.signal.reason ?? signal.reason ?? new Error("the sweep has ended"));
        await workers.catch(() => {});
      }
    } finally {
      queue.close();
    }
  } finally {
    redis?.close();
    work.close();
  }
}

/** Writes down what the sweep is fixed to, once the store has taken something. */
async function begin(
  { dir, store, keep, identity, file, ui }: SweepOptions,
  asked: Asked,
  { adapter, data, plans }: { readonly adapter: string; readonly data?: SweepGround["data"]; readonly plans?: string },
): Promise<SweepGround> {
  if (file.plans === "kept" && plans === undefined) {
    ui.warn(
      "plans: kept: none are kept for this adapter, so kernels are as planners choose them (secateur tune measures)",
    );
  }
  const results = openResults(store, keep);
  const kept = plans === undefined ? "default" : await results.put(new TextEncoder().encode(plans));
  const fixed = { identity, adapter, data: data!, plans: kept, store: absolutePath(keep) };
  const ground: SweepGround = { version: 1, ...fixed, asked };
  await results.put(encode(ground));
  await writeText(store, `${dir}/${SWEEP_GROUND}`, ground);
  return ground;
}

function openWork({ script, dir, ground, keep, dataDir }: SweepOptions, index: number) {
  const settings = {
    store: absolutePath(ground?.store ?? keep),
    work: absolutePath(`${dir}/work`),
    dataDir,
    worker: workerName(index),
  };
  return openWorkProcess({ script, settings });
}

/** Of this process. */
export function workerName(index: number): string {
  return `${Deno.hostname()}-${Deno.pid}-${index}`;
}

interface Working {
  readonly queue: Queue;
  readonly adapter: string;
  readonly first: ReturnType<typeof openWorkProcess>;
  readonly signal: AbortSignal;
}

async function startWorkers(options: SweepOptions, { queue, adapter, first, signal }: Working): Promise<void> {
  const works = Array.from({ length: options.workers }, (_, i) => i === 0 ? first : openWork(options, i));
  try {
    await Promise.all(works.map((work, i) => {
      const info = { name: workerName(i), machine: Deno.hostname(), adapter };
      return runWorker({ queue, info, work, signal, ui: options.ui, renewMs: RULES.leaseMs / 3 });
    }));
  } finally {
    for (const work of works) work.close();
  }
}

interface Coordinated {
  readonly queue: Queue;
  readonly results: Results;
  readonly ground: SweepGround;
  readonly recipe: Recipe;
  readonly signal: AbortSignal;
}

function coordination(options: SweepOptions, { queue, results, ground, signal }: Coordinated) {
  const { file, given, store, identity, dir } = options;
  const seeds = seedsOf(file, given);
  const { space, objectives, constraints, budget } = file;
  const deadline = performance.now() + (budget.hours ?? Infinity) * 3_600_000;
  let written = -Infinity;
  return {
    file,
    given,
    sampler: samplerOf(file.sampler, { space, seeds, objectives, constraints, compared: file.pruner.kind !== "none" }),
    pruner: prunerOf(file.pruner, { objectives, constraints }),
    queue,
    results,
    ground: { source: identity.source, adapter: ground.adapter, plans: ground.plans, data: ground.data },
    identity,
    absolute: absolutePath,
    keepFile: (path: string) => keepFile(store, results, path),
    finish: (trial: Trial, recipe: Recipe, result: JobResult) => writeTrial(options, results, trial, recipe, result),
    async show(progress: SweepProgress) {
      options.show(progress);
      if (performance.now() - written < WRITE_MS) return;
      await writeText(store, `${dir}/${SWEEP_REPORT}`, reportOf(options, ground, progress, []));
      written = performance.now();
    },
    isLate: () => performance.now() > deadline,
    signal,
  };
}

/** Between two versions of the report while the sweep goes on. */
const WRITE_MS = 1000;

/** A trial's folder is that of a run: its last job's files, and its recipe. */
async function writeTrial(
  { dir, store, ui }: SweepOptions,
  results: Results,
  { id }: Trial,
  recipe: Recipe,
  { files }: JobResult,
): Promise<void> {
  const folder = trialFolder(dir, id);
  if (await store.size(`${folder}/recipe.yaml`) !== undefined) return;
  for (const [name, hash] of Object.entries(files)) {
    const bytes = await results.get(hash);
    if (bytes) await store.write(`${folder}/${name}`, bytes);
    else {ui.warn(
        `${folder}/${name}: its content is damaged in the store; delete the store's file ${hash} and run the sweep anew`,
      );}
  }
  await store.write(
    `${folder}/recipe.yaml`,
    new TextEncoder().encode(formatRecipe(mapPaths(recipe, seenFrom(folder)))),
  );
}

async function writeReport(
  options: SweepOptions,
  ground: SweepGround,
  results: KeptResults,
  progress: SweepProgress,
): Promise<SweepReport> {
  const differences = await results.differences(new Set(progress.jobs.keys()));
  const report = reportOf(options, ground, progress, differences);
  await writeText(options.store, `${options.dir}/${SWEEP_REPORT}`, report);
  return report;
}

function reportOf(
  { file }: SweepOptions,
  { identity: { tool, commit }, adapter, plans }: SweepGround,
  { trials, jobs, ended }: SweepProgress,
  differences: SweepReport["differences"],
): SweepReport {
  const { name, space, objectives, constraints, recipe } = file;
  return {
    version: 1,
    sweep: name,
    tool,
    commit,
    adapter,
    plans,
    recipe,
    space,
    objectives,
    constraints,
    ended,
    jobs: jobs.size,
    epochs: [...jobs.values()].reduce((sum, epochs) => sum + epochs, 0),
    trials: [...trials].sort((a, b) => (a.id < b.id ? -1 : 1)),
    differences,
  };
}

async function writeText(store: Store, path: string, value: unknown): Promise<void> {
  await store.write(path, encode(value));
}

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value, null, 2) + "\n");
}

/** Trials by what became of them. */
export function countsOf(
  trials: readonly Trial[],
): { readonly over: number; readonly failed: number; readonly running: number } {
  return {
    over: trials.filter(isOver).length,
    failed: trials.filter(({ state }) => state === "failed").length,
    running: trials.filter(({ state }) => state === "running").length,
  };
}
