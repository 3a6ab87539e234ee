import { sumOfWeights } from "../structures/elements.ts";
import type { Criterion } from "./types.ts";

/** Σ|w| over a group (Li et al. 2017, "Pruning Filters for Efficient ConvNets"). */
export const l1: Criterion = {
  name: "l1",
  summary: "Σ|w| of a group",
  source: "Li et al. 2017, arXiv 1608.08710",
  needs: ["weights"],
  labels: false,
  additive: true,
  score: (groups, { model }) => sumOfWeights(groups, model.params, Math.abs),
};
