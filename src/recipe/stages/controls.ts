/** As many groups left in each layer, reached without ADMM: by magnitude, at random, and by training the small network from scratch. */
import { initialise } from "../../graph/initialise.ts";
import type { Model, Params } from "../../graph/types.ts";
import { compact } from "../../prune/rewrite/compact.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import type { RunContext } from "../context.ts";
import { fit, savedPhase } from "../fit.ts";
import { pointOf } from "../points.ts";
import type { ControlsStage, Stage, TrainStage } from "../registry.ts";
import { UserError } from "../../errors.ts";
import { applyIndexMap } from "../../graph/indexmap.ts";
import { choose } from "./choose.ts";
import type { PruneStage } from "./prune.ts";
import { masked, partialMasks } from "./shrink.ts";
import { stillKept } from "./targets.ts";

export async function runControlsStage(ctx: RunContext, stage: ControlsStage): Promise<void> {
  const { state, recipe } = ctx;
  const saved = ctx.takeProgress();
  const at = savedPhase(saved);
  const pruning = recipe.stages.slice(0, state.stage).filter(isPruning);
  const baseline = recipe.stages.find((s): s is TrainStage => s.kind === "train");
  const last = pruning[pruning.length - 1];
  if (!last || !baseline) {
    throw new UserError(`stages.${state.stage}: controls need a train stage and a pruning stage before them`);
  }
  for (const [i, method] of stage.methods.entries()) {
    if (at && i < Number(at.method)) continue;
    const { model, masks } = method === "scratch"
      ? {
        model: { graph: state.model.graph, params: initialise(state.model.graph, recipe.seed + 1) },
        masks: state.masks,
      }
      : await prunedDense(ctx, method, pruning);
    const how = method === "scratch" ? baseline : last.retrain ?? baseline;
    const usual = method === "scratch" ? baseline.epochs : retrainingBefore(ctx) || baseline.epochs;
    const trained = await fit(ctx, {
      model: masked(model, masks),
      masks,
      label: `control: ${method}`,
      epochs: stage.epochs ?? usual,
      optimizer: how.optimizer,
      schedule: how.schedule,
      labelSmoothing: how.labelSmoothing,
      phase: { kind: "control", method: i },
    }, at && i === Number(at.method) ? saved : undefined);
    state.controls[method] = await pointOf(ctx, `control: ${method}`, trained);
    await ctx.save({ phase: { kind: "control", method: i + 1 } }, new Map());
  }
}

function isPruning(stage: Stage): stage is PruneStage {
  return stage.kind === "admm" || stage.kind === "magnitude" || stage.kind === "random";
}

/** Epochs of training that the network had since it was first pruned, ADMM's own W-steps apart. */
function retrainingBefore({ recipe, state }: RunContext): number {
  const before = recipe.stages.slice(0, state.stage);
  return before.slice(before.findIndex(isPruning)).reduce((sum, stage) => {
    if (isPruning(stage)) return sum + stage.steps * (stage.retrain?.epochs ?? 0);
    if (stage.kind === "purify") return sum + (stage.retrain?.epochs ?? 0);
    return stage.kind === "train" ? sum + stage.epochs : sum;
  }, 0);
}

/** The baseline with as many groups left in each layer as the final network has, physically smaller where it can be. */
async function prunedDense(
  { gpu, state, recipe, data }: RunContext,
  method: "magnitude" | "random",
  stages: readonly PruneStage[],
): Promise<{ model: Model; masks: Params }> {
  const constraints = stillKept(state, stages.flatMap((stage) => stage.constraints));
  const masks = choose(method, state.dense, new Map(), constraints, recipe.seed);
  const small = compact(masked(state.dense, masks), { columns: false, border: "keep" });
  return {
    model: await recalibrate(gpu, small.model, data.train, recipe.batch),
    masks: partialMasks(applyIndexMap(small.map, masks)),
  };
}
