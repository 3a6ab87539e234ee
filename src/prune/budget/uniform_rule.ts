import { rankGroups } from "../structures/selection.ts";
import type { BudgetRule } from "./types.ts";

/** The same fraction of each layer's groups, whatever they score and cost: what a budget for single layers would be. */
export const uniform: BudgetRule = {
  name: "uniform",
  summary: "the same fraction of every layer",
  worth: (scores) => withShares(scores, 1),
};

/**
 * Worths by which layers shrink together, each keeping min(1, s · density) of its groups for a common s: the group before whose
 * loss a layer keeps the fraction f of its groups goes when s falls below f / density.
 *
 * @returns density / f of each group, 1 ≥ f > 0: the weakest group has f = 1
 */
export function withShares(scores: Float64Array, density: number): Float64Array {
  const worth = new Float64Array(scores.length);
  // From the highest score down: the last one goes while all others stay.
  rankGroups(scores).forEach((group, place) => worth[group] = density / ((place + 1) / scores.length));
  return worth;
}
