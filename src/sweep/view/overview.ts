/** A sweep as its page and the terminal show it: trials with their numbers, the front, and what to draw against what. */
import { keeps, type Objective } from "../objective.ts";
import { paretoFront } from "../pareto/fronts.ts";
import { type Aims, pointOf } from "../pareto/trial_points.ts";
import { isOver, latest, type Metrics, type Trial, type TrialState } from "../trial.ts";

export interface ShownTrial {
  readonly trial: Trial;
  /** Empty before its first rung. */
  readonly metrics: Metrics;
  /** Of those that are done and keep the bounds no other one is as good in every objective and better in one. */
  readonly front: boolean;
  readonly keepsBounds: boolean;
}

export interface Overview extends Aims {
  /** In the order of proposals. */
  readonly trials: readonly ShownTrial[];
  /** What is drawn upwards: the first objective. */
  readonly worth: Objective;
  /** What it is drawn against: the other objectives, and costs in which done trials differ. */
  readonly costs: readonly Objective[];
}

/** Names of metrics that cost something, in the order in which they are drawn. */
const COSTS = ["ms", "params", "macs"];

/** @throws RangeError without an objective */
export function overviewOf(trials: readonly Trial[], aims: Aims): Overview {
  const [worth, ...others] = aims.objectives;
  if (!worth) throw new RangeError("showed a sweep without an objective");
  const done = trials.filter(({ state }) => state === "done");
  const able = done.filter((trial) => keeps(latest(trial) ?? {}, aims.constraints));
  const front = new Set(paretoFront(able.map((trial) => pointOf(latest(trial), aims))).map((i) => able[i]));
  const shown = trials.map((trial): ShownTrial => {
    const metrics = latest(trial) ?? {};
    return { trial, metrics, front: front.has(trial), keepsBounds: keeps(metrics, aims.constraints) };
  });
  const varies = (metric: string) => new Set(done.map((trial) => latest(trial)?.[metric])).size > 1;
  const named = aims.objectives.map(({ metric }) => metric);
  const more = COSTS.filter((metric) => !named.includes(metric) && varies(metric));
  return {
    ...aims,
    trials: shown,
    worth,
    costs: [...others, ...more.map((metric): Objective => ({ metric, direction: "min" }))],
  };
}

/** How many trials are in each state. */
export function countStates(trials: readonly Trial[]): Readonly<Record<TrialState, number>> {
  const counts = { done: 0, running: 0, waiting: 0, stopped: 0, failed: 0 };
  for (const { state } of trials) counts[state]++;
  return counts;
}

/** Whether the sweep has come to its end, for all that is known of its trials. */
export function allOver(trials: readonly Trial[]): boolean {
  return trials.every(isOver);
}

/** Names of all metrics that trials have, objectives first. */
export function metricNames({ trials, objectives }: Pick<Overview, "trials" | "objectives">): string[] {
  const first = objectives.map(({ metric }) => metric);
  const all = new Set(trials.flatMap(({ metrics }) => Object.keys(metrics)));
  return [...first.filter((name) => all.has(name)), ...[...all].filter((name) => !first.includes(name)).sort()];
}
