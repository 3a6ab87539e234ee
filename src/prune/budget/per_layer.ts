/** The budget of one layer for itself: a fraction of its groups, from one progressive step to the next. */

import { UserError } from "../../errors.ts";

/**
 * k = max(minKeep, round(fraction · groups)), never more than there are; of a layer whose counts are multiples the nearest one that
 * it may keep, of two the larger.
 */
export function keptCount(groups: number, fraction: number, minKeep: number, multiple = 1): number {
  if (multiple === 1) return Math.min(groups, Math.max(minKeep, Math.round(fraction * groups)));
  const wanted = fraction * groups;
  return allowedCounts({ groups, multiple }, Math.min(groups, minKeep))
    .reduce((best, count) => Math.abs(count - wanted) < Math.abs(best - wanted) ? count : best);
}

/** What a layer may keep, the most first: all of its groups, and the multiples that are `least` or more. */
export function allowedCounts(
  { groups, multiple = 1 }: { readonly groups: number; readonly multiple?: number },
  least: number,
): number[] {
  const counts = [groups];
  const lowest = Math.max(1, least);
  for (let count = (Math.ceil(groups / multiple) - 1) * multiple; count >= lowest; count -= multiple) {
    counts.push(count);
  }
  return counts;
}

/**
 * Of how many groups the counts are to be multiples, so that the filters are multiples of `round`, where a group has so many
 * filters in each of its layers: the least common multiple of round / gcd(round, filters). 1 where a layer's groups have
 * no whole number.
 */
export function multipleFor(round: number, filtersPerGroup: readonly number[]): number {
  if (!filtersPerGroup.every(Number.isInteger)) return 1;
  return filtersPerGroup.map((filters) => round / gcd(round, filters)).reduce((a, b) => a * b / gcd(a, b), 1);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
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
