import { sumOverReads } from "./activation_statistics.ts";
import { nothingReads, readChannels } from "./read_channels.ts";
import type { Criterion } from "./types.ts";

/**
 * Σ|w|·‖x_c‖₂ over the weights of a group, x_c being the channel that a weight reads (Sun et al. 2023, "A Simple and Effective
 * Pruning Approach for Large Language Models"); of filters over the weights that read them. ‖x_c‖₂ is the root of the mean square
 * over samples and positions.
 */
export const wanda: Criterion = {
  name: "wanda",
  summary: "Σ|w| of weights, each times the norm of what it reads",
  source: "Sun et al. 2023, arXiv 2306.11695",
  needs: ["activations"],
  labels: false,
  refusal: nothingReads,
  request: (groups, graph) => ({ activations: readChannels(groups, graph).map(({ read }) => read) }),
  score: (groups, { model, gathered }) =>
    sumOverReads(groups, model.graph, (param, value) => {
      const { data } = model.params.get(param)!;
      const { meanSquare } = gathered!.activations.get(value)!;
      return (element, channel) => Math.abs(data[element]) * Math.sqrt(meanSquare[channel]);
    }),
};
