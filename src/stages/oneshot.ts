import { spread } from "../data/splits.ts";
import type { Model } from "../graph/types.ts";
import { doubtOfTable } from "../measure/latency/choose.ts";
import type { KeptRecord } from "../prune/budget/settle.ts";
import { reconstruct } from "../prune/reconstruct/reconstruct.ts";
import {
  checkReconstruction,
  type ReconstructionRequest,
  settleReconstruction,
} from "../prune/reconstruct/reconstructible.ts";
import { bothMasks, maskModel } from "../prune/structures/masks.ts";
import { constraintsOfStage, type OneshotStage } from "../recipe/registry.ts";
import { requested } from "../report/achieved.ts";
import { pointOf } from "../report/points.ts";
import { recalibrate } from "../train/recalibrate.ts";
import type { RunContext } from "./context.ts";
import { budgetOf, type Measured } from "./request.ts";
import { shrink } from "./shrink.ts";

/** Filters go, and what reads them is fitted anew on some training images: no labels, no training (docs/pipeline.md). */
export async function runOneshotStage(ctx: RunContext, stage: OneshotStage): Promise<void> {
  const { gpu, state, ui, signal, recipe: { batch, seed } } = ctx;
  const { model } = state;
  const request = reconstructionOf(stage, model, ctx);
  const { refused, options: { layers } } = checkReconstruction(model, request);
  for (const { layer, why } of refused) ui.note(`oneshot: "${layer}" keeps its filters: ${why}`);
  const doubt = stage.budget?.ms === undefined ? undefined : doubtOfTable(ctx.tables, stage.budget, model);
  if (doubt !== undefined) ui.warn(doubt);
  const { select, refit } = stage;
  const images = spread(ctx.data.train, stage.images);
  const options = { gpu, model, images, select, refit, seed, batch, signal };
  // Each layer is looked at for the budget, and then pruned.
  const looked = request.budget && !request.budget.curves ? layers!.length : 0;
  const progress = ui.stage("oneshot", looked + layers!.length);
  const after = (before: number) => (done: number) => progress.update(before + done, {});
  let kept: readonly KeptRecord[] = [];
  try {
    const settled = await settleReconstruction({ ...options, progress: after(0) }, state.dense.graph, request);
    const { constraints, shortfall } = settled;
    kept = settled.kept;
    if (shortfall !== undefined) ui.warn(`stages.${state.stage} (oneshot): ${shortfall}`);
    const { model: fitted, masks, starved } = await reconstruct({ ...options, constraints, progress: after(looked) });
    state.masks = bothMasks(state.masks, masks);
    // What was pruned before stays 0 whatever the fits say.
    state.model = await recalibrate(gpu, maskModel(fitted, state.masks), images, batch);
    warnOfStarved(ctx, images.count, starved);
  } catch (error) {
    progress.abandon();
    throw error;
  }
  progress.done("");
  state.kept = [...kept];
  Object.assign(state.requested, requested({ constraints: constraintsOfStage(stage), budget: stage.budget }));
  // Another function from here on: what was chosen before isn't about it.
  state.masked = state.best = undefined;
  state.equivalence = await shrink(ctx, { columns: false, border: "keep" });
  const counts = kept.map(({ name, keep, groups }) => ({ name, keep, groups }));
  await ctx.log({ phase: "oneshot", select, refit, images: images.count, kept: counts });
  state.points.push(await pointOf(ctx, "pruned without labels", state.model));
}

/** A stage's keys as the rooms below take them. */
export function reconstructionOf(
  stage: OneshotStage,
  model: Model,
  measured: Measured,
): ReconstructionRequest {
  const { budget, keep, layers, exclude, minKeep, round, structure: granularity } = stage;
  return {
    keep,
    layers,
    exclude,
    minKeep,
    round,
    granularity,
    ...budget && { budget: budgetOf(budget, model, measured) },
  };
}

function warnOfStarved(
  { ui, state }: RunContext,
  images: number,
  starved: readonly { readonly layer: string; readonly wanted: number }[],
): void {
  if (starved.length === 0) return;
  const most = starved.reduce((a, b) => b.wanted > a.wanted ? b : a);
  ui.warn(
    `stages.${state.stage} (oneshot): ${images} images tell too little of ${starved.length} layers, whose fits are held back: ` +
      `"${most.layer}" wants ${most.wanted}: give that many images`,
  );
}
