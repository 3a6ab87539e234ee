import { sumOfWeights } from "../structures/elements.ts";
import { pathDerivatives, withoutPathSums } from "./path_sums.ts";
import type { Criterion } from "./types.ts";

/**
 * Σ|w|·∂R/∂|w| over a group, R being the sum over all paths of the products of their weights' magnitudes (path_sums.ts): how much
 * of it passes the group (Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving synaptic
 * flow"). It looks at no data and was made for networks before training. Every step of a stage scores anew what the steps
 * before have left.
 */
export const synflow: Criterion = {
  name: "synflow",
  summary: "Σ|w|·∂R/∂|w| of a group, R being the sum of |w|'s products over all paths",
  source: "Tanaka et al. 2020, arXiv 2006.05467",
  needs: ["weights"],
  labels: false,
  additive: true,
  refusal: (_, graph) => withoutPathSums(graph),
  score(groups, { model }) {
    const derivatives = pathDerivatives(model);
    return sumOfWeights(
      groups,
      model.params,
      (w, element, param) => Math.abs(w) * (derivatives.get(param)?.[element] ?? 0),
    );
  },
};
