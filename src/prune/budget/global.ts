import type { BudgetRule } from "./types.ts";

/**
 * One threshold for the whole network: scores as they are. A tenth of each layer stays unless a budget says otherwise, for nothing else
 * keeps a layer of low scores from vanishing.
 */
export const global: BudgetRule = {
  name: "global",
  summary: "the score itself: one threshold for the whole network, a tenth of each layer protected",
  protect: 0.1,
  worth: (scores) => scores,
};
