/** Gives the middle value, or the mean of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("the median of no values");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Gives the median absolute deviation from the median, unscaled. */
export function mad(values: readonly number[]): number {
  const centre = median(values);
  return median(values.map((v) => Math.abs(v - centre)));
}

/** Gives the median of the last fifth of the samples / that of the first: above 1 they became longer. */
export function driftOf(samplesMs: readonly number[]): number {
  const fifth = Math.ceil(samplesMs.length / 5);
  return median(samplesMs.slice(-fifth)) / median(samplesMs.slice(0, fifth));
}
