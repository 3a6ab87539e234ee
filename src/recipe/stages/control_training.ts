/** How the controls are trained: as the network beside which they stand was, and for as long. */
import * as v from "valibot";
import type { Stage } from "../registry.ts";
import { type Retrain, training } from "../training.ts";

/** `epochs` is 0 where nothing before the controls trains: then they must be given theirs. */
export type ControlTraining = Omit<Retrain, "epochs"> & { readonly epochs: number };

/**
 * Training for a control that stands behind the stages `before`. A pruned one goes on from trained weights, as
 * retraining does; one from scratch takes what trained the baseline, where the recipe did that.
 */
export function controlTraining(before: readonly Stage[], how: "pruned" | "scratch"): ControlTraining {
  const baseline = before.find((stage) => stage.kind === "train");
  const retrains = before.flatMap((stage) => "retrain" in stage && stage.retrain ? [stage.retrain] : []);
  const pruning = before.findLast((stage) => "constraints" in stage);
  const usual = [pruning?.retrain, baseline, retrains.at(-1)];
  const [first = v.parse(v.object(training), {})] = (how === "scratch" ? [baseline, ...usual] : usual)
    .filter((given) => given !== undefined);
  const { optimizer, schedule, labelSmoothing, loss } = first;
  const [trained, retrained] = [baseline?.epochs ?? 0, retrainingIn(before)];
  const epochs = how === "scratch" ? trained || retrained : retrained || trained;
  return { optimizer, schedule, labelSmoothing, loss, epochs };
}

/** Epochs of training that the network had since it was first pruned, ADMM's own W-steps apart. */
function retrainingIn(before: readonly Stage[]): number {
  const first = before.findIndex((stage) => "constraints" in stage);
  return before.slice(Math.max(0, first)).reduce((sum, stage) => {
    if ("constraints" in stage) return sum + stage.steps * (stage.retrain?.epochs ?? 0);
    if (stage.kind === "purify") return sum + (stage.retrain?.epochs ?? 0);
    return stage.kind === "train" ? sum + stage.epochs : sum;
  }, 0);
}
