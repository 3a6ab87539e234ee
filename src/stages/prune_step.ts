/** What the ways to prune step by step have in common: a step's masks, its retraining, and the way back from it. */
import { applyIndexMap, compose } from "../graph/indexmap.ts";
import { narrowedNorms } from "../graph/rewrite/narrow_norms.ts";
import type { Model } from "../graph/types.ts";
import { maskModel, type Masks, partialMasks, withStreamNorms } from "../prune/structures/masks.ts";
import { survivesCompaction } from "../prune/structures/structures.ts";
import type { Constraint } from "../prune/structures/types.ts";
import type { PruneStage } from "../recipe/registry.ts";
import type { Retrain } from "../recipe/training.ts";
import { pointOf } from "../report/points.ts";
import { recalibrate } from "../train/recalibrate.ts";
import { fitPruned } from "./best.ts";
import type { RunContext } from "./context.ts";
import type { Phase } from "./fit.ts";
import type { RunState, StageProgress } from "./run_state.ts";
import { shrink } from "./shrink.ts";

/** Makes what `ctx.state.masks` takes away 0, the network smaller where the stage wants that, and its norms fit again. */
export async function applyMasks(
  ctx: RunContext,
  stage: PruneStage,
  constraints: readonly Constraint[],
  label: string,
): Promise<void> {
  const { state } = ctx;
  state.model = maskModel(state.model, state.masks);
  const norms = narrowStreams(ctx, constraints);
  // Blocks and runs are counted off from where the tensors begin now.
  const stable = stage.constraints.every(({ kind }) => survivesCompaction(kind));
  if (norms > 0 || (stage.compact && stable)) await shrink(ctx, { columns: false, border: "keep" });
  state.model = await recalibrate(ctx.gpu, state.model, ctx.data.train, ctx.recipe.batch);
  state.points = [...state.points, await pointOf(ctx, label, state.model)];
}

/** Takes masked channels out of the norms of their streams, and says how many norms that are. */
function narrowStreams({ state, ui }: RunContext, constraints: readonly Constraint[]): number {
  const { model, map } = withStreamNorms(state.model, state.masks, constraints);
  const { size } = narrowedNorms(state.model.graph, map);
  if (size === 0) return 0;
  state.masks = partialMasks(applyIndexMap(map, state.masks).tensors);
  state.origin = compose(state.origin, map, state.dense.graph.params);
  state.model = model;
  ui.note(
    `stream: ${size} layer norms are over the channels that stay from here on, which is another function than before: what is ` +
      "proved is that the small network computes it",
  );
  return size;
}

/** Trains on under the masks. */
export async function retrain(
  ctx: RunContext,
  how: Retrain,
  { model, masks }: { readonly model: Model; readonly masks: Masks },
  label: string,
  phase: Phase,
  saved: StageProgress | undefined,
): Promise<Model> {
  return await fitPruned(ctx, { ...how, model, masks, label, phase }, saved);
}

/** Keeps the network as it is, for `takeBack`. */
export function rememberNetwork(state: RunState): void {
  const { model, masks, origin, admm, best, points } = state;
  state.fallback = { model, masks, origin, admm, best, points: points.length };
}

/** Makes the network what it was when it was remembered. */
export function takeBack(state: RunState): void {
  const { points, ...before } = state.fallback!;
  Object.assign(state, before, { points: state.points.slice(0, points) });
  state.fallback = undefined;
}
