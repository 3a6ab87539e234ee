import type { BudgetRule } from "./types.ts";

/** The score for each cost that a group saves: for scores that are losses in one unit for all layers, such as removal errors. */
export const scorePerCost: BudgetRule = {
  name: "score-per-cost",
  summary: "the score, for each cost that a group saves",
  worth: (scores, saved) => scores.map((score) => score / saved),
};
