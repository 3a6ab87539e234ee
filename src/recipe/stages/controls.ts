/** As many groups left in each layer, reached in one shot by any criterion, or by training the small network from scratch. */
import { UserError } from "../../errors.ts";
import { applyIndexMap } from "../../graph/indexmap.ts";
import { initialise } from "../../graph/initialise.ts";
import { inDenseShape } from "../../graph/scatter.ts";
import type { Model } from "../../graph/types.ts";
import { matchingConstraints } from "../../prune/budget/settle.ts";
import { criterionNamed } from "../../prune/criteria/criteria.ts";
import { oneShot } from "../../prune/methods/one_shot.ts";
import { compact } from "../../prune/rewrite/compact.ts";
import { maskModel, type Masks, partialMasks } from "../../prune/structures/masks.ts";
import { pointOf } from "../../report/points.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import { optionsOf } from "../constraints.ts";
import type { RunContext } from "../context.ts";
import { fit, savedPhase } from "../fit.ts";
import { type ControlsStage, isPruning, type PruneStage, SCRATCH } from "../registry.ts";
import { controlTraining } from "./control_training.ts";

export async function runControlsStage(ctx: RunContext, stage: ControlsStage): Promise<void> {
  const { state, recipe } = ctx;
  const saved = ctx.takeProgress();
  const at = savedPhase(saved);
  const before = recipe.stages.slice(0, state.stage);
  const pruning = before.filter(isPruning);
  for (const [i, { name, method, epochs }] of stage.runs.entries()) {
    if (at && i < Number(at.run)) continue;
    const { model, masks } = method === SCRATCH
      ? {
        model: { graph: state.model.graph, params: initialise(state.model.graph, recipe.seed + 1) },
        masks: state.masks,
      }
      : await prunedDense(ctx, method, pruning);
    const { epochs: usual, ...how } = controlTraining(before, method === SCRATCH ? "scratch" : "pruned");
    const trained = await fit(ctx, {
      model: maskModel(model, masks),
      masks,
      label: `control: ${name}`,
      epochs: epochs ?? stage.epochs ?? usual,
      ...how,
      phase: { kind: "control", run: i },
    }, at && i === Number(at.run) ? saved : undefined);
    state.controls[name] = await pointOf(ctx, `control: ${name}`, trained);
    await ctx.save({ phase: { kind: "control", run: i + 1 } }, new Map());
  }
}

/** The baseline with as many groups left in each layer as the final network has, physically smaller where it can be. */
async function prunedDense(
  { gpu, state, recipe, data }: RunContext,
  criterion: string,
  stages: readonly PruneStage[],
): Promise<{ model: Model; masks: Masks }> {
  const { dense, model, origin } = state;
  const final = inDenseShape(model, origin, dense, state.masked);
  if (typeof final === "string") {
    throw new UserError(`controls keep as many groups as the network has, which can't be told: ${final}`);
  }
  const constraints = matchingConstraints(dense, final, stages.flatMap((stage) => stage.constraints.map(optionsOf)));
  const masks = oneShot(dense, new Map(), constraints, criterionNamed(criterion), recipe.seed);
  const small = compact(maskModel(dense, masks), { columns: false, border: "keep" });
  return {
    model: await recalibrate(gpu, small.model, data.train, recipe.batch),
    masks: partialMasks(applyIndexMap(small.map, masks).tensors),
  };
}
