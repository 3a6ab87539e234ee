/**
 * Indices of the points than which no other one is as cheap and worth as much, by rising cost; of equals the first.
 */
export function paretoSet(points: readonly { readonly cost: number; readonly value: number }[]): number[] {
  let best = -Infinity;
  return points.map((_, i) => i)
    .toSorted((a, b) => points[a].cost - points[b].cost || points[b].value - points[a].value)
    .filter((i) => {
      if (points[i].value <= best) return false;
      best = points[i].value;
      return true;
    });
}
