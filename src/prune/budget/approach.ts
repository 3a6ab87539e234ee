/** From an order in which groups go to counts that meet a budget closely, though some groups cost more than is left over. */
import { leastThat } from "./search.ts";

/** A budget is reached when no more than so much of the whole network's cost is left over. */
export const WITHIN = 0.01;
/** How often others are sought that may go in place of a dear group: each takes some ten prices. */
const TRIES = 24;

/** How many groups each constraint keeps. */
export interface Approach {
  readonly keep: readonly number[];
  /** How many of the order go by it alone. Where that leaves more over than WITHIN, some of them stay or others go. */
  readonly cut: number;
}

/** By how much of the whole network the budget is missed by such counts, 0 or less where it is met: never falls as they grow. */
type Gap = (keep: readonly number[]) => number;

/**
 * As few groups go as meet the budget, from the front of the order. A group of a residual stream counts in all that reads it, so that
 * the last one to go may save far more than was left to save. Then others come back, the last to go first, as far as they fit; where
 * that isn't enough, a group that was too dear stays and others go in its place, which may not be dear themselves.
 *
 * @param whole groups of each constraint
 * @param order the constraint that each loses a group of
 * @returns undefined where the budget isn't met when all have gone
 */
export function approach(whole: readonly number[], order: readonly number[], gap: Gap): Approach | undefined {
  const cut = leastThat(order.length, (n) => gap(less(whole, order.slice(0, n))));
  if (cut === undefined) return undefined;
  const gone = order.slice(0, cut), stay = order.slice(cut);
  const { keep, tooDear } = filled(less(whole, gone), gone.toReversed(), gap);
  let best = keep;
  let tried = 0;
  for (const dear of tooDear) {
    const kept = more(keep, [dear]);
    const barred = new Set([dear]);
    for (; gap(best) < -WITHIN && tried < TRIES; tried++) {
      const others = stay.filter((c) => !barred.has(c));
      const n = leastThat(others.length, (n) => gap(less(kept, others.slice(0, n))));
      if (n === undefined) break;
      const instead = others.slice(0, n);
      const found = filled(less(kept, instead), instead.toReversed(), gap).keep;
      if (gap(found) > gap(best)) best = found;
      // The last to go was dear as well: next without it.
      barred.add(instead[n - 1]);
    }
  }
  return { keep: best, cut };
}

/**
 * Counts to which groups that have gone are added as far as they fit, and the constraints of those that don't.
 *
 * @param gone their constraints, in the order in which they may come back
 */
function filled(
  keep: readonly number[],
  gone: readonly number[],
  gap: Gap,
): { readonly keep: readonly number[]; readonly tooDear: readonly number[] } {
  const tooDear: number[] = [];
  let now = keep, left = gone;
  while (gap(now) < -WITHIN && left.length > 0) {
    const before = now, open = left;
    const back = open.length -
      leastThat(open.length, (out) => gap(more(before, open.slice(0, open.length - out))))!;
    now = more(before, open.slice(0, back));
    const [next, ...behind] = open.slice(back);
    if (next !== undefined) tooDear.push(next);
    left = behind.filter((c) => c !== next);
  }
  return { keep: now, tooDear };
}

function more(keep: readonly number[], constraints: readonly number[]): number[] {
  const counts = [...keep];
  for (const c of constraints) counts[c]++;
  return counts;
}

function less(keep: readonly number[], constraints: readonly number[]): number[] {
  const counts = [...keep];
  for (const c of constraints) counts[c]--;
  return counts;
}
