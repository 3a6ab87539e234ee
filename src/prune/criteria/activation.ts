import { meanOfChannels, refusalUnlessChannels } from "./activation_statistics.ts";
import { nothingReads, readChannels } from "./read_channels.ts";
import type { Criterion } from "./types.ts";

/** The mean of |x| of the channel that a filter makes, where layers read it: behind its norm and activation. */
export const activation: Criterion = {
  name: "activation",
  summary: "mean |x| of a channel, as the layers behind read it",
  source: "Molchanov et al. 2017, arXiv 1611.06440",
  needs: ["activations"],
  labels: false,
  refusal: (groups, graph) => refusalUnlessChannels(groups) ?? nothingReads(groups, graph),
  request: (groups, graph) => ({ magnitudes: readChannels(groups, graph).map(({ read }) => read) }),
  score: (groups, { model, gathered }) =>
    meanOfChannels(groups, model.graph, (value) => gathered!.magnitudes.get(value)!.meanAbs),
};
