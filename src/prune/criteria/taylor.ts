import { sumWithGradients, weightGradients } from "./gradients_of_weights.ts";
import type { Criterion } from "./types.ts";

/**
 * |Σ w·∂L/∂w| over a group: how much the loss changes, to first order, where the whole group goes (Molchanov et al. 2019,
 * "Importance Estimation for Neural Network Pruning"; the multivariable form of Torch-Pruning). L is the mean loss over the images.
 */
export const taylor: Criterion = {
  name: "taylor",
  summary: "|Σ w·∂L/∂w| of a group, the first-order change of the loss",
  source: "Molchanov et al. 2019, arXiv 1906.10771",
  needs: ["gradients"],
  labels: true,
  request: weightGradients,
  score: (groups, evidence) => sumWithGradients(groups, evidence, "mean", (w, g) => w * g).map(Math.abs),
};
