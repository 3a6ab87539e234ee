import type { TrainStage } from "../recipe/registry.ts";
import { pointOf } from "../report/points.ts";
import { partialMasks } from "../prune/structures/masks.ts";
import { preparationOf } from "./prepare.ts";
import { fitPruned } from "./best.ts";
import type { RunContext } from "./context.ts";
import { fit } from "./fit.ts";

/** Trains the network as it is. What the first stages train is the baseline. */
export async function runTrainStage(ctx: RunContext, stage: TrainStage): Promise<void> {
  const { state } = ctx;
  const { epochs, optimizer, schedule, labelSmoothing, loss } = stage;
  const phase = { kind: "train" };
  const { model, masks } = state;
  const preparation = preparationOf(ctx, stage.prepare);
  const { callbacks } = preparation;
  const options = { model, masks, label: "train", epochs, optimizer, schedule, labelSmoothing, loss, phase, callbacks };
  const before = ctx.recipe.stages.slice(0, state.stage);
  const unpruned = before.every(({ kind }) => kind === "train" || kind === "measure");
  const saved = ctx.takeProgress();
  state.model = unpruned ? await fit(ctx, options, saved) : await fitPruned(ctx, options, saved);
  state.masks = partialMasks(preparation.masks() ?? masks);
  const point = await pointOf(ctx, state.points.some(({ name }) => name === "train") ? "tuned" : "train", state.model);
  state.points.push(point);
  if (unpruned) {
    state.dense = state.model;
    state.baseline = point;
  }
}
