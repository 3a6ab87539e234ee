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
  refuseDevice("objective", text);
  const found = /^\s*(max|min)\s+([A-Za-z]\w*)\s*$/.exec(text);
  if (!found) throw new UserError(`objective ${show(text)}: expected max or min and a metric, such as "max accuracy"`);
  return { direction: found[1] as Objective["direction"], metric: found[2] };
}

/** @throws UserError for anything but "<metric> >= <number>" and "<metric> <= <number>" */
export function parseConstraint(text: string): Constraint {
  refuseDevice("constraint", text);
  const found = /^\s*([A-Za-z]\w*)\s*(>=|<=)\s*(\S+)\s*$/.exec(text);
  const value = Number(found?.[3]);
  if (!found || !Number.isFinite(value)) {
    throw new UserError(
      `constraint ${show(text)}: expected a metric, >= or <=, and a number, such as "accuracy >= 0.98"`,
    );
  }
  return { metric: found[1], relation: found[2] as Constraint["relation"], value };
}

/** "ms on device live" and its like are what people try; a sweep knows a device's times by its table alone. */
function refuseDevice(what: string, text: string): void {
  const device = /\bms\s+on\s+(?:device\s+)?(\S+)/.exec(text)?.[1];
  if (device === undefined) return;
  const record = device === "live" ? "a record in runs/devices" : device;
  throw new UserError(
    `${what} ${
      show(text)
    }: a sweep times nothing on another device: give the recipe device: ${record} and a budget in ms and ` +
      `write tableMs for its times, or let a phone time what is tried by secateur prune --ms N --search N --device live`,
  );
}

/**
 * Refuses what has no effect beside the rest, or can't be kept with it.
 * @throws UserError where two objectives are after the same metric, two bounds are alike, or two exclude each other
 */
export function checkAims(objectives: readonly Objective[], constraints: readonly Constraint[]): void {
  const twice = objectives.find(({ metric }, i) => objectives.findIndex((other) => other.metric === metric) < i);
  if (twice) throw new UserError(`objectives: ${twice.metric} is asked for twice: leave one out`);
  constraints.forEach((one, i) => {
    const words = ({ metric, relation, value }: Constraint) => `${metric} ${relation} ${value}`;
    for (const other of constraints.slice(0, i).filter(({ metric }) => metric === one.metric)) {
      const both = `constraints: ${words(other)} and ${words(one)}`;
      if (other.relation === one.relation) throw new UserError(`${both} are bounds of one kind: leave one out`);
      const [least, most] = one.relation === ">=" ? [one.value, other.value] : [other.value, one.value];
      if (least > most) throw new UserError(`${both} exclude each other: no trial keeps both`);
    }
  });
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
