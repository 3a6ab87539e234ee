/** Learning rates as functions of progress. Pure. */

export type Schedule =
  | { readonly kind: "constant"; readonly warmup?: number }
  | { readonly kind: "cosine"; readonly warmup?: number }
  | {
    readonly kind: "step";
    readonly warmup?: number;
    /** Fractions of the period, in (0, 1), after each of which the rate is multiplied by `gamma`. */
    readonly milestones: readonly number[];
    readonly gamma?: number;
  };

/**
 * Learning rate at `epoch` (fractional) of a period of `epochs`. Warm-up rises linearly over its first `warmup` epochs;
 * cosine falls to 0 at the end: lr·½(1 + cos πt); step multiplies by gamma (default 0.1) after each milestone.
 */
export function learningRate(lr: number, schedule: Schedule, epoch: number, epochs: number): number {
  const warmup = Math.min(schedule.warmup ?? 0, epochs / 2);
  if (epoch < warmup) return lr * (epoch + WARMUP_START * (warmup - epoch)) / warmup;
  const t = epochs > warmup ? (epoch - warmup) / (epochs - warmup) : 0;
  switch (schedule.kind) {
    case "constant":
      return lr;
    case "cosine":
      return lr * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, t)));
    case "step": {
      const passed = schedule.milestones.filter((m) => epoch >= m * epochs).length;
      return lr * (schedule.gamma ?? 0.1) ** passed;
    }
  }
}

/** Warm-up begins at this fraction of the rate: the first steps should not be idle. */
const WARMUP_START = 0.1;
