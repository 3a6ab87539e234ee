/** What a sweep is after, as its file and `--best` write it: "max accuracy", "min ms", "accuracy >= 0.98". */
import { show, UserError } from "../errors.ts";
import type { Metrics } from "./trial.ts";

export interface Objective {
  readonly metric: string;
  readonly direction: "max" | "min";
}

/** A bound that a trial must keep to be chosen; trials beyond it are shown all the same. */
export interface Constraint {
  readonly metric: string;
  readonly relation: ">=" | "<=";
  readonly value: number;
}

/** @throws UserError for anything but "max <metric>" and "min <metric>" */
export function parseObjective(text: string): Objective {
  const found = /^\s*(max|min)\s+([A-Za-z]\w*)\s*$/.exec(text);
  if (!found) throw new UserError(`objective ${show(text)}: expected max or min and a metric, such as "max accuracy"`);
  return { direction: found[1] as Objective["direction"], metric: found[2] };
}

/** @throws UserError for anything but "<metric> >= <number>" and "<metric> <= <number>" */
export function parseConstraint(text: string): Constraint {
  const found = /^\s*([A-Za-z]\w*)\s*(>=|<=)\s*(\S+)\s*$/.exec(text);
  const value = Number(found?.[3]);
  if (!found || !Number.isFinite(value)) {
    throw new UserError(
      `constraint ${show(text)}: expected a metric, >= or <=, and a number, such as "accuracy >= 0.98"`,
    );
  }
  return { metric: found[1], relation: found[2] as Constraint["relation"], value };
}

/** Whether the numbers keep every bound; one that they don't have is not kept. */
export function keeps(metrics: Metrics, constraints: readonly Constraint[]): boolean {
  return constraints.every(({ metric, relation, value }) => {
    const has = metrics[metric];
    return has !== undefined && (relation === ">=" ? has >= value : has <= value);
  });
}

/** The number as something that is to be large: a metric that is missing or no number is the worst there can be. */
export function gain(metrics: Metrics, { metric, direction }: Objective): number {
  const value = metrics[metric];
  if (value === undefined || Number.isNaN(value)) return -Infinity;
  return direction === "max" ? value : -value;
}
