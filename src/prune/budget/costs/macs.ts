import type { CostMeasure } from "../types.ts";

/** Multiply-adds for one sample. */
export const macs: CostMeasure = {
  name: "macs",
  amount: "fraction",
  tell: (amount) => `${amount} of the macs`,
  of: ({ cost }) => cost.macs,
};
