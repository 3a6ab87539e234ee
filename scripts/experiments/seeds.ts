/** What several seeds of one experiment say: their mean, and how far it may be from the mean of all seeds. */

/** A mean with half the width of its 95 % confidence interval, by Student's t. */
export interface SeedMean {
  readonly mean: number;
  /** Undefined for one seed, which tells nothing of others. */
  readonly halfWidth: number | undefined;
}

/** The 97.5 % quantiles of Student's t for 1, 2, … degrees of freedom. */
const T975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** @throws RangeError for no values, or for more than ten */
export function seedMean(values: readonly number[]): SeedMean {
  const n = values.length;
  if (n === 0 || n > T975.length + 1) throw new RangeError(`${n} seeds: expected 1 to ${T975.length + 1}`);
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  if (n === 1) return { mean, halfWidth: undefined };
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  return { mean, halfWidth: T975[n - 2] * Math.sqrt(variance / n) };
}

/** "98.70 ± 0.35", of fractions in per cent, or of differences in points. */
export function inPercent({ mean, halfWidth }: SeedMean): string {
  const number = (100 * mean).toFixed(2);
  return halfWidth === undefined ? number : `${number} ± ${(100 * halfWidth).toFixed(2)}`;
}
