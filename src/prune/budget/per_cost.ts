import { rankGroups } from "../structures/selection.ts";
import type { BudgetRule } from "./types.ts";

/**
 * score / what is left of the layer's scores when the group's turn comes / cost of a group. So the product of what the layers
 * retain is what is spared, and no layer is emptied for being dear.
 */
export const perCost: BudgetRule = {
  name: "per-cost",
  summary: "a group's share of what is left of its layer, for each cost that it saves",
  worth(scores, saved) {
    const worth = new Float64Array(scores.length);
    let left = scores.reduce((sum, score) => sum + Math.max(0, score), 0);
    for (const group of rankGroups(scores).reverse()) {
      const score = Math.max(0, scores[group]);
      worth[group] = score === 0 ? 0 : score / left / saved;
      left -= score;
    }
    return worth;
  },
};
