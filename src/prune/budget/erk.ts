import type { BudgetRule } from "./types.ts";
import { withShares } from "./uniform_rule.ts";

/**
 * The Erdős–Rényi kernel's densities (Evci et al. 2020, "Rigging the Lottery"): a layer keeps a fraction of its groups that is
 * proportional to (F + C + KH + KW) / (F·C·KH·KW), so that large layers become sparser than small ones.
 */
export const erk: BudgetRule = {
  name: "erk",
  summary: "a fraction of each layer that is larger the smaller the layer is",
  worth: (scores, _saved, { shapes: [shape] }) =>
    withShares(scores, shape.reduce((sum, n) => sum + n, 0) / shape.reduce((product, n) => product * n, 1)),
};
