/** Which points no other one dominates, and the fronts behind them. */
import { dominates, type Point } from "./dominance.ts";

/**
 * Fronts of indices: the first holds what no point dominates, each further one what only points of fronts before it
 * dominate; within a front in the order of the points. Fast non-dominated sorting of Deb et al. 2002, III A: of n points
 * and m objectives O(m·n²) comparisons and O(n²) numbers of memory.
 */
export function nonDominatedSort(points: readonly Point[]): number[][] {
  const dominated: number[][] = points.map(() => []);
  const dominators = new Uint32Array(points.length);
  points.forEach((a, i) =>
    points.forEach((b, j) => {
      if (!dominates(a, b)) return;
      dominated[i].push(j);
      dominators[j]++;
    })
  );
  const fronts: number[][] = [];
  let front = points.flatMap((_, i) => dominators[i] === 0 ? [i] : []);
  while (front.length > 0) {
    fronts.push(front);
    const next: number[] = [];
    for (const i of front) {
      for (const j of dominated[i]) if (--dominators[j] === 0) next.push(j);
    }
    front = next.sort((a, b) => a - b);
  }
  return fronts;
}

/** The first front alone, in O(m·n·f) comparisons for f points on it: for as many points as a sweep has. */
export function paretoFront(points: readonly Point[]): number[] {
  let front: number[] = [];
  points.forEach((point, i) => {
    if (front.some((j) => dominates(points[j], point))) return;
    front = front.filter((j) => !dominates(point, points[j]));
    front.push(i);
  });
  return front;
}
