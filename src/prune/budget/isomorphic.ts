import type { BudgetRule, RankedLayer } from "./types.ts";

/**
 * Isomorphic families (Fang et al. 2024, "Isomorphic Pruning for Vision Models"): groups are ranked among those of layers with
 * weights of the same shapes alone, and every family loses the same fraction of its groups.
 */
export const isomorphic: BudgetRule = {
  name: "isomorphic",
  summary: "the place among all groups of layers of the same shapes",
  worth(scores, _saved, layer, all) {
    const family = all.filter((other) => sameShapes(other, layer)).flatMap(({ scores }) => [...scores])
      .sort((a, b) => a - b);
    // Equal scores share a place, the first of theirs.
    return scores.map((score) => firstAtLeast(family, score) / family.length);
  },
};

function sameShapes(a: RankedLayer, b: RankedLayer): boolean {
  return JSON.stringify(a.shapes) === JSON.stringify(b.shapes);
}

/** The place of the first of these rising numbers that isn't below `value`. */
function firstAtLeast(rising: readonly number[], value: number): number {
  let low = 0, high = rising.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
