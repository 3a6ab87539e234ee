import { peakBytes as activationBytes } from "../../../graph/peak_bytes.ts";
import type { CostMeasure } from "../types.ts";

/** Bytes of activations that lie in memory at once, for one sample. */
export const peakBytes: CostMeasure = {
  name: "peakBytes",
  amount: "fraction",
  tell: (amount) => `${amount} of the peakBytes`,
  of: ({ model }) => activationBytes(model.graph),
};
