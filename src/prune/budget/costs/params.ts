import { countNonzero } from "../../../graph/cost.ts";
import type { CostMeasure } from "../types.ts";

/** Numbers stored. Under constraints that leave zeros in place a weight's zeros don't count. */
export const params: CostMeasure = {
  name: "params",
  amount: "fraction",
  tell: (amount) => `${amount} of the params`,
  of({ model, cost, inPlace }) {
    let stored = cost.params;
    for (const [name, tensor] of model.params) {
      if (inPlace.has(name)) stored -= tensor.data.length - countNonzero(new Map([[name, tensor]]));
    }
    return stored;
  },
};
