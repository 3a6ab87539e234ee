import { createElimination } from "../reconstruct/elimination.ts";
import { eliminationOrder, type Gone } from "../reconstruct/greedy.ts";
import { layerReaders, reconstructionRefusal, reconstructionRequest } from "../reconstruct/layer_reader.ts";
import { gatherReads } from "../reconstruct/read_evidence.ts";
import { nonzeroPerGroup } from "../structures/elements.ts";
import type { Criterion } from "./types.ts";

/**
 * By how much the error ½ E‖y − ŷ‖² of the layers that read a filter rises when it goes and all that stays is fitted anew (the optimal
 * brain surgeon's ½ tr(W_g ([H⁻¹]_gg)⁻¹ W_gᵀ), Hassibi and Stork 1993), the cheapest going first, one after the other.
 *
 * What a group costs depends on which others have gone, and no one order is the best for every count. So the `keep` groups that swaps
 * have found to leave the least error together rank above all others, where less than all are to be kept.
 */
export const reconstruction: Criterion = {
  name: "reconstruction",
  summary: "what the layers that read a filter lose once they are fitted anew to do without it",
  source: "Hassibi & Stork 1993, NIPS 5",
  needs: ["moments"],
  labels: false,
  refusal: reconstructionRefusal,
  request: reconstructionRequest,
  gather: gatherReads,
  score(groups, { model, gathered }) {
    const readers = layerReaders(groups, model, gathered!).map(({ reader }) => reader);
    const scores = risingScores(eliminationOrder(() => createElimination(readers), groups.keep));
    const filled = nonzeroPerGroup(groups, model.params, ["weight"]);
    return scores.map((score, group) => filled[group] > 0 ? score : 0);
  },
};

/** Of two neighbours in an order whose costs don't rise, the later one scores higher by this part. */
const AHEAD = 1e-9;

/** The costs, held at what they were where they fall, so that scores rank groups in the order in which they go. */
export function risingScores({ order, costs }: Gone): Float64Array {
  const scores = new Float64Array(order.length);
  let before = 0;
  order.forEach((group, i) => scores[group] = before = Math.max(costs[i], before * (1 + AHEAD)));
  return scores;
}
