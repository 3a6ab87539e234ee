/** Scores of coupled groups whose tensors differ in size: each tensor's part is divided by its mean or largest before they are added. */

import { UserError } from "../../errors.ts";
import type { Constraint } from "../structures/types.ts";
import type { Criterion, Evidence } from "./types.ts";

/**
 * By what each tensor's part of the scores is divided before the parts of coupled groups are added: by nothing, by its mean over the
 * groups, or by its largest.
 */
export type Normalise = "none" | "mean" | "max";

/** How the number is found that a tensor's parts are divided by. */
const DIVISORS: Readonly<Record<Normalise, (parts: Float64Array) => number>> = {
  none: () => 1,
  mean: (parts) => parts.reduce((sum, part) => sum + part, 0) / parts.length,
  max: (parts) => parts.reduce((most, part) => Math.max(most, part), 0),
};

/** What a recipe may say. */
export const NORMALISATIONS = Object.keys(DIVISORS) as readonly Normalise[];

/**
 * A criterion that lets each of a group's tensors have the same say, however its scores differ in size from those of the others
 * (Torch-Pruning divides by the mean). A tensor of nothing but zeros has none.
 *
 * @throws UserError for a criterion whose scores aren't sums over tensors
 */
export function normalised(criterion: Criterion, how: Normalise): Criterion {
  if (how === "none") return criterion;
  if (!criterion.additive) {
    throw new UserError(
      `criterion ${criterion.name} can't be normalised by ${how}: its scores are no sums over tensors: leave normalise out`,
    );
  }
  return {
    ...criterion,
    score: (groups, evidence) =>
      groups.members.filter(({ role }) => role === "weight").reduce((total, member) => {
        const own = { ...groups, members: [member] };
        const divisor = DIVISORS[how](ofWholeGroups(criterion, own, evidence));
        const parts = criterion.score(own, evidence);
        return divisor > 0 ? total.map((sum, group) => sum + parts[group] / divisor) : total;
      }, new Float64Array(groups.groups)),
  };
}

/** Under each pattern the divisor is the same, so that the best pattern of a kernel stays the best. */
function ofWholeGroups(criterion: Criterion, groups: Constraint, evidence: Evidence): Float64Array {
  return criterion.score({ ...groups, pattern: undefined }, evidence);
}
