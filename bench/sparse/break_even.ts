/** A point of a curve: how many times as fast as dense a kernel is at a density. */
export interface CurvePoint {
  readonly density: number;
  readonly speedup: number;
}

/**
 * The largest density up to which sparse is no slower than dense: by straight lines between the points. Undefined where
 * it is slower at every measured density; the largest measured density where it is slower at none.
 */
export function breakEven(points: readonly CurvePoint[]): number | undefined {
  const sorted = [...points].sort((a, b) => a.density - b.density);
  if (sorted.length === 0 || sorted[0].speedup < 1) return undefined;
  for (let i = 1; i < sorted.length; i++) {
    const [a, b] = [sorted[i - 1], sorted[i]];
    if (b.speedup < 1) return a.density + (b.density - a.density) * (a.speedup - 1) / (a.speedup - b.speedup);
  }
  return sorted[sorted.length - 1].density;
}
