import type { BudgetRule } from "./types.ts";

/** How many standard deviations a score lies from its layer's mean: one threshold for layers whose scores differ in size (FLAP). */
export const zScore: BudgetRule = {
  name: "z-score",
  summary: "the score, standardised within its layer",
  worth(scores) {
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const deviation = Math.sqrt(scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length);
    return scores.map((score) => deviation > 0 ? (score - mean) / deviation : 0);
  },
};
