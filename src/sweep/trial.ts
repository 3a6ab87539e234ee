/** What a sweep is made of: trials, each a recipe with some of its keys chosen, and how far each has come. */

/** A value that a sweep chooses for something that varies. */
export type Value = number | string | boolean;

/** What was chosen, by the name of what varies. */
export type Choices = Readonly<Record<string, Value>>;

/** Numbers that a trial's network was measured to have, by the name of the metric (metrics.ts). */
export type Metrics = Readonly<Record<string, number>>;

/** A place where a trial's training stops, and is compared with others that have come as far. */
export interface Rung {
  /** 0 for the first place. A trial that is run in one go has this one rung. */
  readonly rung: number;
  /** Training epochs that lead to here, over all stages. */
  readonly epochs: number;
  readonly metrics: Metrics;
  /** Id of the job that ended here. */
  readonly job: string;
}

/**
 * - `waiting`: more of it may be done, and nothing of it is asked for.
 * - `running`: a job of it is in the queue or at a worker.
 * - `done`: its recipe has been carried out to the end.
 * - `failed`: a job of it has failed for good, `reason` says why.
 * - `stopped`: the pruner has given it up, or the budget has ended before it.
 */
export type TrialState = "waiting" | "running" | "done" | "failed" | "stopped";

export interface Trial {
  /** Its number in the order of proposals, with leading zeros: "00001". Sorting by id is sorting by number. */
  readonly id: string;
  readonly choices: Choices;
  /** The recipe's seed. */
  readonly seed: number;
  /** Ids of the trials that it was bred from, for samplers that breed. */
  readonly parents?: readonly string[];
  /** Finished ones, in order. */
  readonly rungs: readonly Rung[];
  readonly state: TrialState;
  readonly reason?: string;
}

/** The id of the trial that was proposed as number `index`, from 0 on. */
export function trialId(index: number): string {
  return String(index + 1).padStart(5, "0");
}

/** Whether nothing more will be done for it. */
export function isOver({ state }: Pick<Trial, "state">): boolean {
  return state === "done" || state === "failed" || state === "stopped";
}

/** The metrics of the furthest place that it has come to; undefined before the first. */
export function latest({ rungs }: Pick<Trial, "rungs">): Metrics | undefined {
  return rungs.at(-1)?.metrics;
}
