import { sumOfWeights } from "../structures/elements.ts";
import type { Criterion } from "./types.ts";

/** Σw² over a group: with it "the k groups of the highest score" is the Euclidean projection (docs/pipeline.md). */
export const l2: Criterion = {
  name: "l2",
  summary: "Σw² of a group",
  source: "Han et al. 2015, arXiv 1506.02626",
  needs: ["weights"],
  labels: false,
  additive: true,
  score: (groups, { model }) => sumOfWeights(groups, model.params, (w) => w ** 2),
};
