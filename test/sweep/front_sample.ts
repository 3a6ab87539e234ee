/** A sweep as twelve cells with two seeds would give it: made up, but possible. */
import { random } from "../../kernels/random/philox.ts";
import { parseConstraint, parseObjective } from "../../src/sweep/objective.ts";
import type { SweepReport } from "../../src/sweep/report.ts";
import { type Trial, trialId } from "../../src/sweep/trial.ts";

const SAMPLE_AIMS = {
  objectives: [parseObjective("max accuracy"), parseObjective("min ms")],
  constraints: [parseConstraint("accuracy >= 0.9")],
} as const;

/** Trials that were stopped at the first rung, one that failed, one that runs, and children with their parents. */
export function sampleTrials(count = 48): Trial[] {
  const rng = random(1, "sample sweep");
  return Array.from({ length: count }, (_, i): Trial => {
    const criterion = ["l2", "taylor", "random"][i % 3];
    const keep = [0.1, 0.2, 0.4, 0.7][Math.floor(i / 3) % 4];
    const good = 0.99 - { l2: 0.006, taylor: 0, random: 0.03 }[criterion]! - 0.004 / keep - 0.01 * rng.uniform(i, 0);
    const state = i % 16 === 7 ? "failed" : i === count - 1 ? "running" : i % 5 === 3 ? "stopped" : "done";
    const rungs = [1, 4, 16].slice(0, state === "done" ? 3 : state === "failed" ? 0 : 1).map((epochs, rung) => ({
      rung,
      epochs,
      job: `job-${i}-${rung}`,
      metrics: {
        accuracy: good - 0.2 / (1 + epochs),
        params: Math.round(38_282 * keep * (1 + 0.05 * rng.uniform(i, 1))),
        macs: Math.round(343_936 * keep),
        ms: 0.4 + 2.4 * keep + 0.05 * rng.uniform(i, 2),
      },
    }));
    const parents = i < 24 ? undefined : [trialId(i - 24), trialId(i - 17)];
    const reason = state === "failed" ? "stage 2 (train): a loss that is not a number" : undefined;
    return { id: trialId(i), choices: { criterion, keep }, seed: 1 + i % 2, parents, rungs, state, reason };
  });
}

export function sampleReport(trials: readonly Trial[] = sampleTrials(), sweep = "digits"): SweepReport {
  return {
    version: 1,
    sweep,
    tool: "secateur 0.0.0",
    commit: "",
    adapter: "llvmpipe",
    plans: "default",
    recipe: "cell.yaml",
    space: {},
    ...SAMPLE_AIMS,
    ended: true,
    jobs: trials.length,
    epochs: trials.reduce((sum, { rungs }) => sum + (rungs.at(-1)?.epochs ?? 0), 0),
    trials,
    differences: [],
  };
}
