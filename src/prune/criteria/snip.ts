import { taylorSum } from "./taylor_sum.ts";
import type { Criterion } from "./types.ts";

/**
 * Connection sensitivity |w·∂L/∂w|, summed over a group (Lee et al. 2019, "SNIP: Single-shot Network Pruning based on Connection
 * Sensitivity"): the same number as `taylor-sum`, of a network that hasn't been trained yet. Divided by the sum over all
 * weights, as in the paper, it would rank no two groups otherwise.
 */
export const snip: Criterion = {
  ...taylorSum,
  name: "snip",
  summary: "Σ|w·∂L/∂w| of a group before training: how sensitive the loss is to its mask",
  source: "Lee et al. 2019, arXiv 1810.02340",
};
