import type { Stage } from "../recipe/registry.ts";
import { runCompactStage } from "./compact.ts";
import type { RunContext } from "./context.ts";
import { runControlsStage } from "./controls.ts";
import { runLinearizeStage } from "./linearize.ts";
import { runMeasureStage } from "./measure.ts";
import { runMergeStage, runReparameteriseStage } from "./merge.ts";
import { runOneshotStage } from "./oneshot.ts";
import { runPruneStage } from "./prune.ts";
import { runPurifyStage, runUnusedStage } from "./purify.ts";
import { runSearchStage } from "./search.ts";
import { runSubnetStage } from "./subnet.ts";
import { runSupernetStage } from "./supernet.ts";
import { runTrainStage } from "./train.ts";

/** Runs one stage of any kind on the run's state. */
export function runStage(ctx: RunContext, stage: Stage): Promise<void> {
  switch (stage.kind) {
    case "train":
      return runTrainStage(ctx, stage);
    case "admm":
    case "prune":
    case "magnitude":
    case "random":
      return runPruneStage(ctx, stage);
    case "oneshot":
      return runOneshotStage(ctx, stage);
    case "purify":
      return runPurifyStage(ctx, stage);
    case "unused":
      return runUnusedStage(ctx);
    case "linearize":
      return runLinearizeStage(ctx, stage);
    case "supernet":
      return runSupernetStage(ctx, stage);
    case "search":
      return runSearchStage(ctx, stage);
    case "subnet":
      return runSubnetStage(ctx, stage);
    case "merge":
      return runMergeStage(ctx, stage);
    case "reparameterise":
      return runReparameteriseStage(ctx, stage);
    case "compact":
      return runCompactStage(ctx, stage);
    case "controls":
      return runControlsStage(ctx, stage);
    case "measure":
      return runMeasureStage(ctx, stage);
  }
}
