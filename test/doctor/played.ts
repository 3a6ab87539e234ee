/** Played timings: a device and networks whose times are written by hand, so that what is said of them can be checked. */
import type { BatchTimes, Checkup } from "../../src/doctor/types.ts";
import type { StepTime, Timeline } from "../../src/measure/timelines.ts";

/** `dispatches` of one kernel, of 4 workgroups each. */
export function step(
  name: string,
  ms: number,
  { macs = 0, bytes = 0, dispatches = 1 }: { macs?: number; bytes?: number; dispatches?: number } = {},
): StepTime {
  return {
    name,
    op: macs > 0 ? "Conv" : "MaxPool",
    macs,
    bytes,
    ms,
    dispatches: Array.from({ length: dispatches }, () => ({ kernel: "direct 4x4 convolution", workgroups: 4 })),
  };
}

/** A run whose steps add up to it, unless another time of the whole is given. */
export function timeline(steps: readonly StepTime[], wholeMs?: number): Timeline {
  return { wholeMs: wholeMs ?? steps.reduce((sum, { ms }) => sum + ms, 0), madMs: 0, steps };
}

/** A device of 100 GFLOP/s and 10 GB/s. */
export function checkup(batches: readonly BatchTimes[], rest: Partial<Checkup> = {}): Checkup {
  return {
    adapter: "played",
    software: false,
    clock: "gpu timestamps",
    roof: { gflops: 100, gbps: 10 },
    batches,
    widths: [],
    widthsLeftOut: [],
    stayed: [],
    ...rest,
  };
}
