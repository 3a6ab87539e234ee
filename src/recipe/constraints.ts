/** What a pruning stage takes away: constraints with their kept fractions, or a budget that is solved for them. */
import * as v from "valibot";
import { costNames } from "../prune/budget/costs/costs.ts";
import { BUDGET_RULES } from "../prune/budget/rules.ts";
import type { ConstraintOptions } from "../prune/structures/constraints.ts";

import { GRANULARITIES, PATTERNS, survivesCompaction } from "../prune/structures/structures.ts";
import { anyOf } from "../validation/problems.ts";
import {
  byKind,
  count,
  distinct,
  fraction,
  nameOf,
  positive,
  record,
  text,
  upToOne,
  word,
} from "../validation/values.ts";

/** Names of layers, `*` standing for any characters. */
const names = v.pipe(
  v.union([distinct(text()), text()]),
  v.transform((given) => typeof given === "string" ? [given] : given),
);

const where = {
  layers: v.optional(names, ["*"]),
  /** Layers that stay as they are, with what is coupled to them. */
  exclude: v.optional(names),
};

const share = {
  ...where,
  /** Fraction of the groups that stay; without a budget always there after validation. */
  keep: v.optional(fraction()),
  /** Groups that stay at least, in each layer. */
  minKeep: v.optional(count(1), 1),
};

const widths = {
  /** What stays of a layer that loses filters is a multiple of it. */
  round: v.optional(count(1)),
};

/** [filters, channels or columns] of a tile. Four of each: a thread's accumulators by a vector of weights. */
const block = v.optional(
  v.pipe(
    v.tuple([count(1), count(1)], "expected two whole numbers, [rows, columns]"),
    v.check(([rows, columns]) => rows * columns > 1, "a block of one weight: use the kind weight"),
  ),
  [4, 4],
);

/** Which groups of weights stand or fall together, see docs/pipeline.md. */
const kinds = {
  layer: record({ kind: v.literal("layer"), ...share }),
  filter: record({
    kind: v.literal("filter"),
    ...share,
    ...widths,
    /** Channels may go from under a layer norm, which is over those that stay then: another function, whatever went. */
    stream: v.optional(v.boolean()),
  }),
  qk: record({ kind: v.literal("qk"), ...share }),
  v: record({ kind: v.literal("v"), ...share }),
  channel: record({ kind: v.literal("channel"), ...share }),
  column: record({ kind: v.literal("column"), ...share }),
  block: record({ kind: v.literal("block"), ...share, block }),
  "block-punched": record({ kind: v.literal("block-punched"), ...share, block }),
  kernel: record({ kind: v.literal("kernel"), ...share }),
  pattern: record({
    kind: v.literal("pattern"),
    ...share,
    /** Patterns that a layer's kernels choose from; `keep` is connectivity, the fraction of kernels that stay. */
    library: v.optional(v.pipe(count(1), v.maxValue(PATTERNS, `expected a whole number of at most ${PATTERNS}`)), 8),
  }),
  vector: record({
    kind: v.literal("vector"),
    ...share,
    /** Of the kernels. */
    direction: v.optional(word("row", "column"), "row"),
  }),
  "n:m": v.pipe(
    record({ kind: v.literal("n:m"), ...where, n: v.optional(count(1), 2), m: v.optional(count(2), 4) }),
    v.check(({ n, m }) => n < m, "n must be below m: n of each m weights stay"),
  ),
  weight: record({ kind: v.literal("weight"), ...share }),
} as const;

export const constraint = byKind(Object.values(kinds) as never, GRANULARITIES) as unknown as v.GenericSchema<
  unknown,
  { [Kind in keyof typeof kinds]: v.InferOutput<(typeof kinds)[Kind]> }[keyof typeof kinds]
>;

const budget = v.pipe(
  record({
    params: v.optional(fraction()),
    macs: v.optional(fraction()),
    /** Of activations, for one sample. */
    peakBytes: v.optional(fraction()),
    /** Of all that the constraints name, whatever they cost. */
    groups: v.optional(fraction()),
    /** One run's time on the recipe's device, by its latency table at `batch`. */
    ms: v.optional(positive()),
    batch: v.optional(count(1)),
    /** How groups of different layers are compared; per-cost where nothing is said. */
    rule: v.optional(nameOf(BUDGET_RULES)),
    /** A file of secateur sensitivity: how much the network loses by each layer, in place of a rule. */
    sensitivity: v.optional(text()),
    /** The fraction of its groups that each layer keeps in any case, beside minKeep; the rule's where nothing is said. */
    protect: v.optional(upToOne()),
  }),
  v.check(
    (asked) => costNames.filter((name) => asked[name] !== undefined).length === 1,
    `expected one of ${anyOf(costNames).replace(" or ", " and ")}`,
  ),
  v.check(
    ({ rule, sensitivity }) => rule === undefined || sensitivity === undefined,
    "rule and sensitivity exclude each other; remove one",
  ),
  v.check(
    ({ macs, params, sensitivity }) => sensitivity === undefined || macs !== undefined || params !== undefined,
    "a sensitivity is set against macs or params: ask for one of them",
  ),
  v.check(({ ms, batch }) => ms !== undefined || batch === undefined, "batch belongs to ms: leave it out"),
);

/** Keys of a stage that prunes filters alone. */
export const filters = { ...share, ...widths, budget: v.optional(budget) };

/** Keys of every stage that prunes. `keep` is shorthand for the keep of each constraint that names none. */
export const pruning = {
  constraints: v.optional(distinct(constraint), [{ kind: "filter" }]),
  keep: v.optional(fraction()),
  /** For the whole net: the fraction of the baseline's parameters or MACs that stays, or a time on a device. */
  budget: v.optional(budget),
};

interface Pruning {
  readonly constraints: readonly Constraint[];
  readonly keep?: number;
  readonly budget?: Budget;
  /** Of a stage that finds out how much stays. */
  readonly until?: object;
  readonly compact: boolean;
}

/**
 * The schema of a stage with the keys of `pruning`, and the rule that exactly one of keep and budget decides: afterwards
 * each constraint has its own keep, or the stage a budget. Where `until` finds out how much stays, neither does.
 */
export function settleKeep<Input, Stage extends Pruning>(schema: v.GenericSchema<Input, Stage>) {
  return v.pipe(
    schema,
    v.check(
      ({ compact, constraints }) => compact || !constraints.some(isStream),
      "stream: true makes the network small in each step, and compact is false: leave one of them out",
    ),
    v.check(
      ({ constraints }) => !constraints.some(isStream) || constraints.every(({ kind }) => survivesCompaction(kind)),
      "stream: true makes the network small in each step, and blocks and runs are counted off from where its tensors begin: " +
        "prune them in a stage of their own",
    ),
    v.check(
      ({ budget, keep, constraints }) =>
        !budget || (keep === undefined && constraints.every((c) => !("keep" in c) || c.keep === undefined)),
      "keep and budget exclude each other; remove one",
    ),
    v.check(
      ({ budget, keep, constraints, until }) =>
        !!budget || !!until || keep !== undefined || constraints.every((c) => !lacksKeep(c) || c.kind === "pattern"),
      "missing keep or budget: how much shall stay?",
    ),
    v.check(
      ({ keep, constraints }) => keep === undefined || constraints.some(lacksKeep),
      "keep has no effect, since every constraint has its own; set constraints.0.keep and so on instead",
    ),
    v.transform(({ keep, ...stage }) => ({
      ...stage,
      constraints: stage.constraints.map((c) =>
        stage.budget || stage.until || !lacksKeep(c) ? c : { ...c, keep: keep ?? 1 }
      ),
    })),
  );
}

function isStream(c: Constraint): boolean {
  return c.kind === "filter" && c.stream === true;
}

/** Whether it is for the stage to say how much of this constraint stays. Patterns alone keep every kernel. */
function lacksKeep(c: Constraint): boolean {
  return c.kind !== "n:m" && c.keep === undefined;
}

/** A constraint as the rooms below take it. Where a budget decides, it keeps everything until that is solved. */
export function optionsOf({ kind, ...asked }: Constraint): ConstraintOptions {
  return { keep: 1, ...asked, granularity: kind } as ConstraintOptions;
}

export type Constraint = v.InferOutput<typeof constraint>;
export type Budget = v.InferOutput<typeof budget>;
