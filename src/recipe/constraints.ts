/** What a pruning stage takes away: constraints with their kept fractions, or a budget that is solved for them. */
import * as v from "valibot";
import { count, distinct, fraction, record, text, word } from "./values.ts";

const constraint = record({
  /** Which groups of weights stand or fall together, see docs/pipeline.md. */
  kind: word("filter", "channel", "column", "weight"),
  /** Names of layers, `*` standing for any characters. */
  layers: v.optional(
    v.pipe(v.union([distinct(text()), text()]), v.transform((given) => typeof given === "string" ? [given] : given)),
    ["*"],
  ),
  /** Fraction of the groups that stay; without a budget always there after validation. */
  keep: v.optional(fraction()),
  /** Groups that stay at least, in each layer. */
  minKeep: v.optional(count(1), 1),
});

const budget = v.pipe(
  record({ params: v.optional(fraction()), macs: v.optional(fraction()) }),
  v.check((given) => (given.params === undefined) !== (given.macs === undefined), "expected either params or macs"),
);

/** Keys of every stage that prunes. `keep` is shorthand for the keep of each constraint that names none. */
export const pruning = {
  constraints: v.optional(distinct(constraint), [{ kind: "filter" }]),
  keep: v.optional(fraction()),
  /** Fraction of the baseline's parameters or MACs that stays, for the whole net. */
  budget: v.optional(budget),
};

interface Pruning {
  readonly constraints: readonly Constraint[];
  readonly keep?: number;
  readonly budget?: Budget;
}

/**
 * The schema of a stage with the keys of `pruning`, and the rule that exactly one of keep and budget decides: afterwards
 * each constraint has its own keep, or the stage a budget.
 */
export function settleKeep<Input, Stage extends Pruning>(schema: v.GenericSchema<Input, Stage>) {
  return v.pipe(
    schema,
    v.check(
      ({ budget, keep, constraints }) =>
        !budget || (keep === undefined && constraints.every((c) => c.keep === undefined)),
      "keep and budget exclude each other; remove one",
    ),
    v.check(
      ({ budget, keep, constraints }) =>
        !!budget || keep !== undefined || constraints.every((c) => c.keep !== undefined),
      "missing keep or budget: how much shall stay?",
    ),
    v.check(
      ({ keep, constraints }) => keep === undefined || constraints.some((c) => c.keep === undefined),
      "keep has no effect, since every constraint has its own; set constraints.0.keep and so on instead",
    ),
    v.transform(({ keep, ...stage }) => ({
      ...stage,
      constraints: stage.constraints.map((c) => keep === undefined ? c : { ...c, keep: c.keep ?? keep }),
    })),
  );
}

export type Constraint = v.InferOutput<typeof constraint>;
export type Budget = v.InferOutput<typeof budget>;
