/** What training does beside learning, so that pruning costs less afterwards: the keys of `prepare` in a train stage. */
import * as v from "valibot";
import { CRITERIA } from "../prune/criteria/criteria.ts";
import type { Granularity } from "../prune/structures/types.ts";
import { count, distinct, fraction, inside, nameOf, positive, record, word } from "../validation/values.ts";
import { constraint } from "./constraints.ts";

/** Their groups are chosen by a rule of their own, which knows nothing of some coming back. */
const RULED: readonly Granularity[] = ["n:m", "pattern"];

const groups = (kind: "filter" | "weight") =>
  v.optional(
    v.pipe(
      distinct(constraint),
      v.checkItems(
        (one) => !RULED.includes(one.kind),
        `training can't prepare ${RULED.join(" or ")}: name another structure`,
      ),
    ),
    [{ kind }],
  );

/** Fraction of the groups that stays, of each constraint that says nothing else. */
const chosen = {
  keep: fraction(),
  criterion: v.optional(nameOf(CRITERIA), "l2"),
  /** As in a prune stage. */
  images: v.optional(count(1)),
  constraints: groups("filter"),
};

export const prepare = v.pipe(
  record({
    /** Strength of Σ|γ|. */
    slimming: v.optional(positive()),
    "group-lasso": v.optional(record({ strength: positive(), constraints: groups("filter") })),
    "growing-l2": v.optional(record({
      ...chosen,
      /** λ rises by so much, `every` so many optimizer steps, until it is `most`. */
      by: v.optional(positive(), 1e-3),
      every: v.optional(count(1), 10),
      most: v.optional(positive(), 1),
    })),
    regrow: v.optional(record({
      ...chosen,
      returns: v.optional(word("gradients", "training"), "gradients"),
      /** Optimizer steps; default: those of an epoch. */
      every: v.optional(count(1)),
      /** Of the groups that stay, exchanged at first. */
      fraction: v.optional(fraction(), 0.3),
      /** Part of the training after which nothing comes back. */
      until: v.optional(inside(), 0.75),
    })),
    snip: v.optional(record({ keep: fraction(), images: v.optional(count(1)), constraints: groups("weight") })),
  }),
  v.check((asked) => Object.values(asked).some((one) => one !== undefined), "nothing is asked for: leave it out"),
  v.check(({ snip, regrow }) => !snip || !regrow, "snip and regrow both say what is trained; remove one"),
);

export type Prepare = v.InferOutput<typeof prepare>;
