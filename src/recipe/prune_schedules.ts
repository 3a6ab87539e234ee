/** How a stage of kind `prune` gets to what it is asked for: gradually while it trains, or until a floor of accuracy is met. */
import * as v from "valibot";
import { BUDGET_RULES } from "../prune/budget/rules.ts";
import { belowOne, count, fraction, inside, nameOf, record, word } from "../validation/values.ts";
import type { Constraint } from "./constraints.ts";
import { training } from "./training.ts";

const until = v.pipe(
  record({
    /** Validation accuracy that the network has to have after retraining. */
    accuracy: v.optional(fraction()),
    /** Or how far below the baseline's it may be. */
    drop: v.optional(belowOne()),
    /** What is made less; default macs, or params where a constraint only leaves zeros. */
    of: v.optional(word("macs", "params")),
    /** What each step keeps of what the one before has kept. */
    step: v.optional(inside(), 0.7),
    /** Networks tried between the last that held and the first that didn't. */
    bisections: v.optional(count(0), 3),
    /** How groups of different layers are compared, as in a budget. */
    rule: v.optional(nameOf(BUDGET_RULES)),
  }),
  v.check(
    ({ accuracy, drop }) => (accuracy === undefined) !== (drop === undefined),
    "expected one of accuracy and drop",
  ),
);

const gradual = record({
  /** Of the training in which the masks grow. */
  epochs: count(1),
  /** Optimizer steps from one update of the masks to the next; default: those of an epoch. */
  every: v.optional(count(1)),
  /** Fraction of each constraint's groups that goes before the first step. */
  start: v.optional(belowOne(), 0),
  ...training,
});

/** Keys of `prune` beside those of other stages that prune. */
export const pruneSchedules = { until: v.optional(until), gradual: v.optional(gradual) };

export type Until = v.InferOutput<typeof until>;
export type Gradual = v.InferOutput<typeof gradual>;

interface Scheduled {
  readonly constraints: readonly Constraint[];
  readonly keep?: number;
  readonly budget?: object;
  readonly steps: number;
  readonly floor?: number;
  readonly until?: Until;
  readonly gradual?: Gradual;
}

/** The schema of a `prune` stage with the rule that it gets there in one way. */
export function oneSchedule<Input, Stage extends Scheduled>(schema: v.GenericSchema<Input, Stage>) {
  return v.pipe(
    schema,
    v.check(({ until, gradual }) => !until || !gradual, "until and gradual exclude each other; remove one"),
    v.check(
      ({ until, keep, budget, constraints }) =>
        !until || (keep === undefined && !budget && constraints.every((c) => !("keep" in c) || c.keep === undefined)),
      "until finds out how much stays: leave out keep and budget",
    ),
    v.check(
      ({ until, gradual, steps, floor }) => (!until && !gradual) || (steps === 1 && floor === undefined),
      "until and gradual make their own steps: leave out steps and floor",
    ),
    v.check(
      ({ until, gradual, constraints }) => (!until && !gradual) || constraints.every(({ kind }) => kind !== "n:m"),
      "n:m keeps n of each m, and nothing between that and all: leave out until and gradual",
    ),
  );
}
