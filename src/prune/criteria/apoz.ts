import { activation } from "./activation.ts";
import { meanOfChannels } from "./activation_statistics.ts";
import type { Criterion } from "./types.ts";

/**
 * 1 − the average percentage of zeros of a channel (Hu et al. 2016, "Network Trimming"): the fraction of its numbers above 0 where
 * layers read it, behind its activation.
 */
export const apoz: Criterion = {
  ...activation,
  name: "apoz",
  summary: "how often a channel is above 0, as the layers behind read it",
  source: "Hu et al. 2016, arXiv 1607.03250",
  score: (groups, { model, gathered }) =>
    meanOfChannels(groups, model.graph, (value) => gathered!.magnitudes.get(value)!.positive),
};
