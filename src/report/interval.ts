/** How sure a share is that was counted on some images. */

/** Of the standard normal distribution: 95 % lie within it on both sides. */
const Z = 1.959964;

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * The 95 % interval of a share `fraction` of `count` images, by Wilson (1927): (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 +
 * z²/n). It never leaves 0…1, and isn't empty where all images, or none, were told right.
 *
 * @throws RangeError for no images
 */
export function wilson(fraction: number, count: number): Interval {
  if (!(count > 0)) throw new RangeError(`found an interval over ${count} images, expected at least one`);
  const square = Z * Z / count;
  const center = fraction + square / 2;
  const half = Z * Math.sqrt((fraction * (1 - fraction) + square / 4) / count);
  return { low: Math.max(0, (center - half) / (1 + square)), high: Math.min(1, (center + half) / (1 + square)) };
}

/** "95.3–98.1 %" */
export function intervalWords(fraction: number, count: number): string {
  const { low, high } = wilson(fraction, count);
  return `${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)} %`;
}
