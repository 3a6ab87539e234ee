import { refusalUnlessChannels, sumOverReads } from "./activation_statistics.ts";
import { nothingReads, readChannels } from "./read_channels.ts";
import type { Criterion } from "./types.ts";

/**
 * Var(x_j)·Σ W_ij² over the weights that read channel j (An et al. 2024, "Fluctuation-based Adaptive Structured Pruning for Large
 * Language Models"): what is lost when the channel is replaced by its mean, which the bias can take over. The budget rule
 * `z-score` compares layers as the paper does.
 */
export const flap: Criterion = {
  name: "flap",
  summary: "Var(x)·Σw² of a channel: what is lost when its mean takes its place",
  source: "An et al. 2024, arXiv 2312.11983",
  needs: ["activations"],
  labels: false,
  refusal: (groups, graph) => refusalUnlessChannels(groups) ?? nothingReads(groups, graph),
  request: (groups, graph) => ({ activations: readChannels(groups, graph).map(({ read }) => read) }),
  score: (groups, { model, gathered }) =>
    sumOverReads(groups, model.graph, (param, value) => {
      const { data } = model.params.get(param)!;
      const { mean, meanSquare } = gathered!.activations.get(value)!;
      return (element, channel) => Math.max(0, meanSquare[channel] - mean[channel] ** 2) * data[element] ** 2;
    }),
};
