/** The schema of the stage that prunes without labels or training. */
import * as v from "valibot";
import { CRITERIA } from "../prune/criteria/criteria.ts";
import { SELECTIONS } from "../prune/reconstruct/selections.ts";
import { count, nameOf, record, word } from "../validation/values.ts";
import { filters } from "./constraints.ts";

/** How what goes may be chosen: in ways that look at no label. */
export const selections: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...SELECTIONS,
  ...[...CRITERIA].filter(([, { labels }]) => !labels),
]);

export const oneshot = v.pipe(
  record({
    kind: v.literal("oneshot"),
    ...filters,
    /** What goes: filters, or dimensions of queries and keys, whose scores are fitted whatever select and refit say. */
    structure: v.optional(word("filter", "qk")),
    /** Training images, spread evenly over them; their labels aren't looked at. */
    images: v.optional(count(1), 1000),
    /** The groups that others make up for best, or another choice. */
    select: v.optional(nameOf(selections), "obs"),
    /** What the layers behind are given for what has gone: nothing, its mean, or a fit of all that stays. */
    refit: v.optional(word("none", "bias", "affine"), "affine"),
  }),
  v.check(
    ({ structure, budget }) => structure !== "qk" || budget === undefined,
    "structure qk takes keep, a ratio for all heads: a budget is for filters",
  ),
  v.check(
    ({ structure, round }) => structure !== "qk" || round === undefined,
    "round is for filters, whose counts are widths: leave it out",
  ),
  v.check(({ keep, budget }) => (keep === undefined) !== (budget === undefined), "expected one of keep and budget"),
);
