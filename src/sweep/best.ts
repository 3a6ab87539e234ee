/** One trial of a sweep, chosen by a sentence such as "accuracy >= 0.98, min ms". */
import { show, UserError } from "../errors.ts";
import type { Recipe } from "../recipe/schema.ts";
import { producedMetrics } from "./metrics.ts";
import {
  checkAims,
  type Constraint,
  gain,
  keeps,
  type Objective,
  parseConstraint,
  parseObjective,
} from "./objective.ts";
import { violationOf } from "./pareto/trial_points.ts";
import { latest, type Metrics, type Trial } from "./trial.ts";

/** Bounds that the trial must keep, and by what it is the best: of equals in the first the next one decides. */
export interface Wish {
  readonly constraints: readonly Constraint[];
  /** One at least. */
  readonly objectives: readonly Objective[];
}

/** @throws UserError for what is no list of bounds and of at least one "max …" or "min …", between commas, each once */
export function parseWish(text: string): Wish {
  const parts = text.split(",").map((part) => part.trim());
  const ordering = (part: string) => /^(max|min)\b/.test(part);
  const wish = {
    constraints: parts.filter((part) => !ordering(part)).map(parseConstraint),
    objectives: parts.filter(ordering).map(parseObjective),
  };
  if (wish.objectives.length === 0) {
    throw new UserError(
      `${show(text)} says which trials may be chosen and not which of them is the best: add max or min and a metric, ` +
        `such as "min ms"`,
    );
  }
  checkAims(wish.objectives, wish.constraints);
  return wish;
}

/**
 * Before a sweep begins, so that a mistyped metric costs no night.
 * @throws UserError for a metric that trials of the recipe won't have
 */
export function checkWish(wish: Wish, recipe: Recipe): void {
  namedWish(wish, producedMetrics(recipe));
}

/** With whole names for shortened ones. */
function namedWish(wish: Wish, names: readonly string[]): Wish {
  const named = <Part extends { readonly metric: string }>(part: Part) => ({
    ...part,
    metric: metricNamed(part.metric, names),
  });
  const whole = { constraints: wish.constraints.map(named), objectives: wish.objectives.map(named) };
  checkAims(whole.objectives, whole.constraints);
  return whole;
}

/**
 * The best of the trials that were carried out to their end and keep the bounds; of equals the first. A metric may be
 * shortened as long as one alone begins with it: "acc".
 *
 * @throws UserError where no trial is done, none has such a metric, or none keeps the bounds: with the nearest one
 */
export function bestTrial(trials: readonly Trial[], wish: Wish): Trial {
  const done = trials.filter(({ state }) => state === "done");
  if (done.length === 0) {
    throw new UserError(`none of ${counted(trials.length)} is done yet: the best one can be told when some are`);
  }
  const names = [...new Set(done.flatMap((trial) => Object.keys(latest(trial) ?? {})))].sort();
  const { constraints, objectives } = namedWish(wish, names);
  const metricsOf = (trial: Trial): Metrics => latest(trial) ?? {};
  const kept = done.filter((trial) => keeps(metricsOf(trial), constraints));
  if (kept.length === 0) {
    const [nearest] = done.toSorted((a, b) =>
      finiteDifference(violationOf(metricsOf(a), constraints), violationOf(metricsOf(b), constraints))
    );
    throw new UserError(
      `none of ${counted(done.length)} that are done has ${
        constraints.map(({ metric, relation, value }) => `${metric} ${relation} ${value}`).join(", ")
      }: nearest is ${nearest.id} with ${
        constraints.map(({ metric }) => `${metric} ${metricsOf(nearest)[metric] ?? "unknown"}`).join(", ")
      }`,
    );
  }
  return kept.toSorted((a, b) =>
    objectives.reduce(
      (order, objective) => order || finiteDifference(gain(metricsOf(b), objective), gain(metricsOf(a), objective)),
      0,
    )
  )[0];
}

/** @throws UserError where no metric, or more than one, is meant */
function metricNamed(name: string, names: readonly string[]): string {
  if (names.includes(name)) return name;
  const meant = names.filter((other) => other.startsWith(name));
  if (meant.length === 1) return meant[0];
  if (meant.length > 1) throw new UserError(`metric ${show(name)} may mean ${meant.join(" or ")}: write one of them`);
  throw new UserError(`no trial of this sweep has a metric ${show(name)}: expected ${names.join(", ")}`);
}

/** a − b, and 0 where both are infinite. */
function finiteDifference(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

function counted(trials: number): string {
  return `${trials} ${trials === 1 ? "trial" : "trials"}`;
}
