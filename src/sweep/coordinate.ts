/**
 * The coordinator of a sweep: asks the sampler for trials, puts their jobs into the queue, and takes in what they came to. All that it
 * knows follows from the sweep's file and from finished results, so that it can be killed and started again at any moment.
 */
import { UserError } from "../errors.ts";
import type { GivenRecipe } from "../recipe/load.ts";
import { mapPaths } from "../recipe/paths.ts";
import { filesOf, type JobGround, jobId, type JobPayload } from "./job.ts";
import { type Course, firstVaried, measuresTime } from "./path.ts";
import type { Pruner } from "./pruner.ts";
import type { Identity, Job, Queue } from "./queue/queue.ts";
import type { JobResult, Results } from "./results.ts";
import type { Sampler } from "./sampler.ts";
import { type SweepFile, variedPaths } from "./sweep_file.ts";
import { isOver, type Trial, trialId } from "./trial.ts";
import { trialRecipe, TrialRun } from "./trial_run.ts";
import type { PartEnd } from "../run/pipeline.ts";
import type { Recipe } from "../recipe/schema.ts";
import { wait } from "./wait.ts";

export interface CoordinateOptions {
  readonly file: SweepFile;
  readonly given: GivenRecipe;
  readonly sampler: Sampler;
  readonly pruner: Pruner;
  readonly queue: Queue;
  readonly results: Results;
  readonly ground: Omit<JobGround, "files">;
  readonly identity: Identity;
  /** A path from the root. */
  absolute(path: string): string;
  /** Puts a file that a recipe names into the store, with those that it names itself. Gives SHA-256 of all, by their paths. */
  keepFile(path: string): Promise<Readonly<Record<string, string>>>;
  /** Is told when a trial is done, with its last job's result. */
  finish(trial: Trial, recipe: Recipe, result: JobResult): Promise<void>;
  /** Is told, now and then, how far the sweep is. */
  show(progress: SweepProgress): Promise<void>;
  /** Whether the time that the sweep may take is over. */
  isLate(): boolean;
  readonly signal: AbortSignal;
  readonly pollMs?: number;
}

/** How far a sweep is. */
export interface SweepProgress {
  readonly trials: readonly Trial[];
  /** Ids of the jobs that its trials went through, with the epochs of each. */
  readonly jobs: ReadonlyMap<string, number>;
  readonly ended: boolean;
}

/** So many trials are begun at a time, few enough to hold; with many workers twice as many as jobs are being done. */
const AHEAD = 256;

const POLL_MS = 200;
/** Where all trials are begun that may be, how many jobs are being done is looked at once in so many polls. */
const LOOK_POLLS = 25;

/** @throws what `signal` was aborted with, and UserError where queue or store fail */
export async function coordinate(options: CoordinateOptions): Promise<SweepProgress> {
  const sweep = new Coordinator(options);
  return await sweep.run();
}

interface Pending {
  readonly until: PartEnd;
  readonly runs: Set<TrialRun>;
}

class Coordinator {
  readonly #runs: TrialRun[] = [];
  readonly #pending = new Map<string, Pending>();
  readonly #jobs = new Map<string, number>();
  readonly #course: Course;
  readonly #kept = new Map<string, Promise<Readonly<Record<string, string>>>>();
  /** To be added to the queue together. */
  #added: Job[] = [];
  /** Every job that was over before this was so before its result was looked for. */
  #cursor = 0;
  #over = 0;
  #ahead = AHEAD;
  #lookedAt = -Infinity;

  constructor(readonly options: CoordinateOptions) {
    const { file, pruner } = options;
    this.#course = { firstVaried: firstVaried(variedPaths(file)), pruner };
  }

  async run(): Promise<SweepProgress> {
    const { queue, signal, show, isLate, pollMs = POLL_MS } = this.options;
    this.#cursor = (await queue.finished()).cursor;
    for (;;) {
      signal.throwIfAborted();
      if (isLate()) return await this.#giveUp();
      while (this.#propose() || await this.#decide());
      await this.#flush();
      await this.#widen();
      if (this.#isOver()) break;
      await show(this.#progress("running"));
      const finished = await queue.finished(this.#cursor);
      if (finished.jobs.length === 0) await wait(pollMs, signal);
      this.#cursor = finished.cursor;
      for (const { id, failed } of finished.jobs) await this.#finished(id, failed);
    }
    const progress = this.#progress("ended");
    await show(progress);
    return progress;
  }

  #isOver(): boolean {
    return this.#over === this.#runs.length && this.#proposed() === "ended";
  }

  #proposed(): "more" | "ended" {
    const { sampler, file: { budget } } = this.options;
    const enough = this.#runs.length >= (budget.trials ?? Infinity);
    return enough || sampler.exhausted(this.#trials()) ? "ended" : "more";
  }

  #trials(): Trial[] {
    return this.#runs.map(({ trial }) => trial);
  }

  #progress(state: "running" | "ended"): SweepProgress {
    return { trials: this.#trials(), jobs: this.#jobs, ended: state === "ended" };
  }

  /** Those that a pruner holds back wait for others to come, however many they are. */
  #begun(): number {
    return this.#runs.filter((run) => !isOver(run) && !run.isHeldBack).length;
  }

  /** Lets more trials begin where workers would soon find nothing to do: a trial has one job at a time. */
  async #widen(): Promise<void> {
    const { queue, pollMs = POLL_MS } = this.options;
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_POLLS * pollMs || this.#begun() < this.#ahead) return;
    this.#lookedAt = now;
    const { running } = await queue.state();
    this.#ahead = Math.max(this.#ahead, 2 * running.length);
  }

  /** More trials, where there is room for them. True if there were. */
  #propose(): boolean {
    const { sampler, file, given } = this.options;
    const room = Math.min(
      this.#ahead - this.#begun(),
      (file.budget.trials ?? Infinity) - this.#runs.length,
    );
    if (room <= 0) return false;
    const proposals = sampler.ask(this.#trials(), room);
    for (const proposal of proposals) {
      const named = { ...proposal, id: trialId(this.#runs.length) };
      try {
        const recipe = trialRecipe(file, given, proposal.choices, proposal.seed);
        this.#runs.push(new TrialRun(named, mapPaths(recipe, this.options.absolute), this.#course));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        const run = new TrialRun(named, undefined, this.#course);
        this.#runs.push(run);
        this.#fail(run, error.message);
      }
    }
    return proposals.length > 0;
  }

  /** Goes on with, or gives up, trials that wait. True if one was. */
  async #decide(): Promise<boolean> {
    if (!this.#runs.some(({ state }) => state === "waiting")) return false;
    const decisions = this.options.pruner.decide(this.#trials(), this.#proposed());
    let changed = false;
    for (const run of this.#runs) {
      const decision = run.state === "waiting" ? decisions.get(run.proposal.id) : undefined;
      if (decision === "stop") {
        run.stop();
        this.#over++;
      } else if (decision === "promote") await this.#advance(run);
      changed ||= decision === "stop" || decision === "promote";
    }
    return changed;
  }

  /** Goes through jobs whose results are there, up to one that has to be done, a rung, or the end. */
  async #advance(run: TrialRun): Promise<void> {
    const { results, ground } = this.options;
    run.run();
    while (run.state === "running") {
      const until = run.next();
      const files = await this.#filesOf(run.recipe!);
      const id = await jobId(run.recipe!, until, run.before, { ...ground, files });
      const pending = this.#pending.get(id);
      const result = pending ? undefined : await results.read(id);
      if (result) await this.#take(run, until, result);
      else {
        if (pending) pending.runs.add(run);
        else this.#ask(run, id, until, files);
        return;
      }
    }
  }

  #ask(run: TrialRun, id: string, until: PartEnd, files: JobPayload["files"]): void {
    const { ground: { adapter, data, plans }, identity } = this.options;
    const recipe = run.recipe!;
    const kinds = recipe.stages.slice(run.stage, until.stage).map(({ kind }) => kind).join(", ");
    const payload: JobPayload = {
      label: `${run.proposal.id} ${kinds}${until.epochs === undefined ? "" : ` to epoch ${until.epochs}`}`,
      recipe,
      until,
      before: [...run.before],
      files,
      data,
      plans,
      identity,
    };
    const adapterUse = measuresTime(recipe, run.stage, until) ? "alone" : "shared";
    this.#pending.set(id, { until, runs: new Set([run]) });
    this.#added.push({ id, adapter, adapterUse, payload });
  }

  async #flush(): Promise<void> {
    if (this.#added.length === 0) return;
    const jobs = this.#added;
    this.#added = [];
    await this.options.queue.add(jobs, this.#cursor);
  }

  async #finished(id: string, failed: string | undefined): Promise<void> {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    const runs = [...pending.runs].sort((a, b) => (a.proposal.id < b.proposal.id ? -1 : 1));
    if (failed !== undefined) return runs.forEach((run) => this.#fail(run, failed));
    const result = await this.options.results.read(id);
    for (const run of runs) {
      // A result that was lost since is asked for again.
      if (result) await this.#take(run, pending.until, result);
      if (run.state === "running") await this.#advance(run);
    }
  }

  async #take(run: TrialRun, until: PartEnd, result: JobResult): Promise<void> {
    this.#jobs.set(result.id, result.epochs - run.epochs);
    const recipe = run.recipe!;
    run.take(until, result);
    if (run.state !== "done") return;
    this.#over++;
    await this.options.finish(run.trial, recipe, result);
  }

  #fail(run: TrialRun, reason: string): void {
    run.fail(reason);
    this.#over++;
  }

  /** The time is over: what isn't finished stays so. */
  async #giveUp(): Promise<SweepProgress> {
    await this.options.queue.cancel([...this.#pending.keys()]);
    for (const run of this.#runs) if (!isOver(run)) run.stop();
    const progress = this.#progress("ended");
    await this.options.show(progress);
    return progress;
  }

  async #filesOf(recipe: Recipe): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const path of filesOf(recipe)) {
      const kept = this.#kept.get(path) ?? this.options.keepFile(path);
      this.#kept.set(path, kept);
      Object.assign(found, await kept);
    }
    return found;
  }
}
