/** The budget of one layer for itself: a fraction of its groups, from one progressive step to the next. */

import { UserError } from "../../errors.ts";

/** k = max(minKeep, round(fraction · groups)), never more than there are. */
export function keptCount(groups: number, fraction: number, minKeep: number): number {
  return Math.min(groups, Math.max(minKeep, Math.round(fraction * groups)));
}

/**
 * How many of `groups` stay when a layer is to keep `keep` of them in the end, after a part of the way: geometrically,
 * round(groups · (keep/groups)^progress), so that each step takes the same fraction of what is left.
 *
 * @param progress 0 at the beginning, where all stay, and 1 at the end
 */
export function keptUnderway(groups: number, keep: number, progress: number): number {
  return Math.round(groups * (keep / groups) ** progress);
}

/** @throws UserError unless 0 < fraction ≤ 1 */
export function checkFraction(fraction: number, where: string): void {
  if (!(fraction > 0 && fraction <= 1)) {
    throw new UserError(`${where}: keep is ${fraction}, expected a fraction above 0 and at most 1`);
  }
}
