/** Which of two trials is better in every respect, with constraints. */

/** A trial as numbers, each the less the better: what is to be large has its sign turned round. */
export interface Point {
  /** One of each objective, in an order that all points of a comparison share. */
  readonly values: readonly number[];
  /** By how much constraints are violated in all; 0 where all are met, ∞ where nothing is known. */
  readonly violation: number;
}

/**
 * Whether `a` is at least as good as `b` in every objective and better in one; by constrained domination (Deb, Pratap,
 * Agarwal, Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", 2002, VI): what meets the
 * constraints dominates what doesn't, and of two that don't the one that violates them less.
 *
 * @throws RangeError where the points have different numbers of objectives
 */
export function dominates(a: Point, b: Point): boolean {
  if (a.values.length !== b.values.length) {
    throw new RangeError(`compared points of ${a.values.length} and ${b.values.length} objectives`);
  }
  if (a.violation > 0 || b.violation > 0) return a.violation < b.violation;
  let better = false;
  for (let m = 0; m < a.values.length; m++) {
    if (a.values[m] > b.values[m]) return false;
    if (a.values[m] < b.values[m]) better = true;
  }
  return better;
}
