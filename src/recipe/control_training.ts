/** How the controls are trained: as the network beside which they stand was, and for as long. */
import * as v from "valibot";
import type { Stage } from "./registry.ts";
import { type Retrain, training } from "./training.ts";

/** `epochs` is 0 where nothing before the controls trains: then they must be given theirs. */
export type ControlTraining = Omit<Retrain, "epochs"> & { readonly epochs: number };

/**
 * Training for a control that stands behind the stages `before`. A changed network goes on from trained weights, as
 * retraining, or the training of a subnet, does; one from scratch takes what trained the baseline, where the recipe did that,
 * and of a recipe that prunes depth all epochs that its network has had.
 */
export function controlTraining(before: readonly Stage[], how: "changed" | "scratch"): ControlTraining {
  const baseline = before.find((stage) => stage.kind === "train");
  const subnets = before.filter((stage) => stage.kind === "subnet");
  const retrains = before.flatMap((stage) => "retrain" in stage && stage.retrain ? [stage.retrain] : []);
  const pruning = before.findLast((stage) => "constraints" in stage);
  const gradual = pruning?.kind === "prune" ? pruning.gradual : undefined;
  const usual = [pruning?.retrain, gradual, subnets.at(-1), baseline, retrains.at(-1)];
  const [first = v.parse(v.object(training), {})] = (how === "scratch" ? [baseline, ...usual] : usual)
    .filter((given) => given !== undefined);
  const { optimizer, schedule, labelSmoothing, loss } = first;
  const trained = baseline?.epochs ?? 0;
  const evolved = subnets.reduce((sum, { epochs }) => sum + epochs, 0);
  const retrained = pruning ? retrainingIn(before) : evolved;
  const scratch = pruning ? trained || retrained : trained + evolved;
  return { optimizer, schedule, labelSmoothing, loss, epochs: how === "scratch" ? scratch : retrained || trained };
}

/** Epochs of training that the network had since it was first pruned, ADMM's own W-steps apart. */
function retrainingIn(before: readonly Stage[]): number {
  const first = before.findIndex((stage) => "constraints" in stage);
  return before.slice(Math.max(0, first)).reduce((sum, stage) => {
    if ("constraints" in stage) {
      const grown = stage.kind === "prune" ? stage.gradual?.epochs ?? 0 : 0;
      return sum + grown + stage.steps * (stage.retrain?.epochs ?? 0);
    }
    if (stage.kind === "purify") return sum + (stage.retrain?.epochs ?? 0);
    return stage.kind === "train" ? sum + stage.epochs : sum;
  }, 0);
}
