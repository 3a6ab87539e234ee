/** As many groups left in each layer, reached in one shot by any criterion, or by training the small network from scratch. */
import { UserError } from "../../errors.ts";
import { applyIndexMap } from "../../graph/indexmap.ts";
import { initialise } from "../../graph/initialise.ts";
import { scatterModel } from "../../graph/scatter.ts";
import type { Model } from "../../graph/types.ts";
import { matchingConstraints } from "../../prune/budget/settle.ts";
import { criterionNamed } from "../../prune/criteria/criteria.ts";
import { oneShot } from "../../prune/methods/one_shot.ts";
import { compact } from "../../prune/rewrite/compact.ts";
import { maskModel, type Masks, partialMasks } from "../../prune/structures/masks.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import { optionsOf } from "../constraints.ts";
import type { RunContext } from "../context.ts";
import { fit, savedPhase } from "../fit.ts";
import { pointOf } from "../points.ts";
import { type ControlsStage, isPruning, type PruneStage, SCRATCH, type TrainStage } from "../registry.ts";

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
  for (const [i, { name, method, epochs }] of stage.runs.entries()) {
    if (at && i < Number(at.run)) continue;
    const { model, masks } = method === SCRATCH
      ? {
        model: { graph: state.model.graph, params: initialise(state.model.graph, recipe.seed + 1) },
        masks: state.masks,
      }
      : await prunedDense(ctx, method, pruning);
    const how = method === SCRATCH ? baseline : last.retrain ?? baseline;
    const usual = method === SCRATCH ? baseline.epochs : retrainingBefore(ctx) || baseline.epochs;
    const trained = await fit(ctx, {
      model: maskModel(model, masks),
      masks,
      label: `control: ${name}`,
      epochs: epochs ?? stage.epochs ?? usual,
      optimizer: how.optimizer,
      schedule: how.schedule,
      labelSmoothing: how.labelSmoothing,
      phase: { kind: "control", run: i },
    }, at && i === Number(at.run) ? saved : undefined);
    state.controls[name] = await pointOf(ctx, `control: ${name}`, trained);
    await ctx.save({ phase: { kind: "control", run: i + 1 } }, new Map());
  }
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
  criterion: string,
  stages: readonly PruneStage[],
): Promise<{ model: Model; masks: Masks }> {
  const { dense, model, origin } = state;
  const final = scatterModel(model, origin, dense) ?? state.masked ?? dense;
  const constraints = matchingConstraints(dense, final, stages.flatMap((stage) => stage.constraints.map(optionsOf)));
  const masks = oneShot(dense, new Map(), constraints, criterionNamed(criterion), recipe.seed);
  const small = compact(maskModel(dense, masks), { columns: false, border: "keep" });
  return {
    model: await recalibrate(gpu, small.model, data.train, recipe.batch),
    masks: partialMasks(applyIndexMap(small.map, masks)),
  };
}
