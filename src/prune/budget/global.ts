import type { BudgetRule } from "./types.ts";

/** One threshold for the whole network: scores as they are. Protection is what keeps a layer of low scores from vanishing. */
export const global: BudgetRule = {
  name: "global",
  summary: "the score itself: one threshold for the whole network",
  worth: (scores) => scores,
};
