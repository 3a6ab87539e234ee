import { rankGroups } from "../structures/selection.ts";
import { l2 } from "./l2.ts";
import type { Criterion } from "./types.ts";

/**
 * Layer-adaptive magnitude (Lee et al. 2021, "Layer-Adaptive Sparsity for the Magnitude-based Pruning"): a group's energy over
 * that of all groups of its layer whose energy is not smaller. The one largest group of a layer scores 1, so that one
 * threshold for the whole network leaves none without. As a budget rule it compares any criterion's scores so.
 */
export const lamp: Criterion = {
  ...l2,
  name: "lamp",
  summary: "a group's part of all in its layer that are not smaller",
  source: "Lee et al. 2021, arXiv 2010.07611",
  relative: shares,
};

/** score / Σ of all scores that are not smaller, equals among them; 0 where the score isn't above 0. */
function shares(scores: Float64Array): Float64Array {
  const shares = new Float64Array(scores.length);
  const order = rankGroups(scores);
  let notSmaller = 0;
  for (let first = 0, next = 0; first < order.length; first = next) {
    const score = scores[order[first]];
    while (next < order.length && scores[order[next]] === score) next++;
    notSmaller += score * (next - first);
    for (const group of order.slice(first, next)) shares[group] = score > 0 ? score / notSmaller : 0;
  }
  return shares;
}
