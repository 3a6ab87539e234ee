import { show, UserError } from "../../../errors.ts";
import type { CostMeasure } from "../types.ts";

/** Milliseconds of one run on the device that is aimed at, by its latency table. */
export const ms: CostMeasure = {
  name: "ms",
  amount: "absolute",
  inSteps: true,
  tell: (amount) => `${amount} ms by the table`,
  of({ model, latency }) {
    if (!latency) throw new RangeError("a budget in ms needs an estimate of latencies");
    const found = latency(model);
    if (Number.isFinite(found)) return found;
    throw new UserError(`budget: latency gave ${show(found)} for a network, expected a time in ms`);
  },
};
