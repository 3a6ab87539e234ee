import type { RunContext } from "../context.ts";
import { fit } from "../fit.ts";
import { pointOf } from "../points.ts";
import type { TrainStage } from "../registry.ts";

/** Trains the network as it is. What the first stages train is the baseline. */
export async function runTrainStage(ctx: RunContext, stage: TrainStage): Promise<void> {
  const { state } = ctx;
  const { epochs, optimizer, schedule, labelSmoothing } = stage;
  const phase = { kind: "train" };
  state.model = await fit(ctx, {
    model: state.model,
    masks: state.masks,
    label: "train",
    epochs,
    optimizer,
    schedule,
    labelSmoothing,
    phase,
  }, ctx.takeProgress());
  const point = await pointOf(ctx, state.points.some(({ name }) => name === "train") ? "tuned" : "train", state.model);
  state.points.push(point);
  const before = ctx.recipe.stages.slice(0, state.stage);
  if (before.every(({ kind }) => kind === "train" || kind === "measure")) {
    state.dense = state.model;
    state.baseline = point;
  }
}
