import { sumWithGradients, weightGradients } from "./gradients_of_weights.ts";
import type { Criterion } from "./types.ts";

/** Σ|w·∂L/∂w| over a group: as `taylor`, with no weight of a group making up for another. */
export const taylorSum: Criterion = {
  name: "taylor-sum",
  summary: "Σ|w·∂L/∂w| of a group",
  source: "Molchanov et al. 2019, arXiv 1906.10771",
  needs: ["gradients"],
  labels: true,
  additive: true,
  request: weightGradients,
  score: (groups, evidence) => sumWithGradients(groups, evidence, "mean", (w, g) => Math.abs(w * g)),
};
