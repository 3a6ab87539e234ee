import type { CostMeasure } from "../types.ts";

/** How many of the constraints' groups stay, whatever they cost. */
export const groups: CostMeasure = {
  name: "groups",
  amount: "fraction",
  tell: (amount) => `${amount} of the groups`,
  of: (network) => network.groups,
};
