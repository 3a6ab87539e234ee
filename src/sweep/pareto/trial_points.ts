/** Trials as points, by a sweep's objectives and constraints. */
import { type Constraint, gain, type Objective } from "../objective.ts";
import type { Metrics } from "../trial.ts";
import type { Point } from "./dominance.ts";

/** What a sweep is after. */
export interface Aims {
  readonly objectives: readonly Objective[];
  readonly constraints: readonly Constraint[];
}

/** @param metrics undefined for a trial that has none, such as a failed one: everything that has some dominates it */
export function pointOf(metrics: Metrics | undefined, { objectives, constraints }: Aims): Point {
  const values = objectives.map((objective) => -gain(metrics ?? {}, objective));
  const known = metrics !== undefined && values.every(Number.isFinite);
  return { values, violation: known ? violationOf(metrics, constraints) : Infinity };
}

/**
 * By how much constraints are missed, each as a fraction of its bound (of 1 for a bound of 0), added up; ∞ where a metric is
 * missing.
 */
export function violationOf(metrics: Metrics, constraints: readonly Constraint[]): number {
  return constraints.reduce((sum, { metric, relation, value }) => {
    const has = metrics[metric];
    if (has === undefined || Number.isNaN(has)) return Infinity;
    const missed = relation === ">=" ? value - has : has - value;
    return sum + Math.max(0, missed) / (Math.abs(value) || 1);
  }, 0);
}
