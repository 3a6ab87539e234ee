import type { CostMeasure } from "../types.ts";

/** Milliseconds of one run on the device that is aimed at, by its latency table. */
export const ms: CostMeasure = {
  name: "ms",
  amount: "absolute",
  inSteps: true,
  tell: (amount) => `${amount} ms by the table`,
  of({ model, latency }) {
    if (!latency) throw new RangeError("a budget in ms needs an estimate of latencies");
    return latency(model);
  },
};
