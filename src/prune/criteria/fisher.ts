import { sumWithGradients, weightGradients } from "./gradients_of_weights.ts";
import type { Criterion } from "./types.ts";

/**
 * Σ w²·E[g²] over a group, g being the gradient of a small batch's mean loss: optimal brain damage with the diagonal of the
 * empirical Fisher information for the Hessian's (LeCun et al. 1990; Theis et al. 2018, "Faster gaze prediction with dense networks
 * and Fisher pruning"), but for the factor ½.
 */
export const fisher: Criterion = {
  name: "fisher",
  summary: "Σ w²·E[g²] of a group, the second-order change of the loss",
  source: "Theis et al. 2018, arXiv 1801.05787",
  needs: ["gradients"],
  labels: true,
  additive: true,
  request: weightGradients,
  score: (groups, evidence) => sumWithGradients(groups, evidence, "meanSquare", (w, g2) => w ** 2 * g2),
};
