import { purify } from "../prune/methods/purify.ts";
import { removeUnused } from "../prune/rewrite/unused.ts";
import { zeroMasks } from "../prune/structures/masks.ts";
import type { PurifyStage } from "../recipe/registry.ts";
import { pointOf } from "../report/points.ts";
import { Interrupted } from "../train/errors.ts";
import { evaluateModel } from "../train/evaluate.ts";
import { recalibrate } from "../train/recalibrate.ts";
import type { RunContext } from "./context.ts";
import { savedPhase } from "./fit.ts";
import { retrain } from "./prune_step.ts";

/** Removes what carries next to nothing, as far as the validation loss allows (docs/pipeline.md). */
export async function runPurifyStage(ctx: RunContext, stage: PurifyStage): Promise<void> {
  const { gpu, data, recipe, state, ui } = ctx;
  const saved = ctx.takeProgress();
  if (!savedPhase(saved)) {
    const progress = ui.stage("purify", 16);
    let trials = 0;
    const result = await purify(state.model, {
      epsilon: stage.tolerance,
      kinds: stage.kinds,
      async evaluate(model) {
        if (ctx.signal?.aborted) throw new Interrupted("stopped");
        const settled = await recalibrate(gpu, model, data.train, recipe.batch);
        const { loss, accuracy } = await evaluateModel(gpu, settled, data.validation);
        progress.update(Math.min(16, ++trials), { loss, accuracy });
        return loss;
      },
    });
    const removed = [...result.removed.values()].reduce((sum, groups) => sum + groups.length, 0);
    progress.done(
      `${removed} groups removed, ${result.before.params} -> ${result.after.params} parameters when compact`,
    );
    state.model = await recalibrate(gpu, result.model, data.train, recipe.batch);
    state.masks = zeroMasks(state.model);
    state.best = undefined;
    await ctx.log({
      phase: "purify",
      removed: Object.fromEntries([...result.removed].map(([name, groups]) => [name, groups.length])),
      loss: result.loss,
      before: result.before,
      after: result.after,
    });
    state.points.push(await pointOf(ctx, "purified", state.model));
    await ctx.save({ phase: { kind: "purify-retrain" } }, new Map());
  }
  if (stage.retrain) {
    state.model = await retrain(ctx, stage.retrain, state, "purify retrain", { kind: "purify-retrain" }, saved);
    state.points.push(await pointOf(ctx, "purified, retrained", state.model));
  }
}

/** Takes away filters that nobody reads and weights that read nothing (docs/pipeline.md). */
export async function runUnusedStage(ctx: RunContext): Promise<void> {
  const { state, ui } = ctx;
  const { model, removed } = removeUnused(state.model);
  state.model = model;
  state.masks = zeroMasks(model);
  ui.note(`unused paths: ${removed.total} further numbers are zero`);
  await ctx.log({ phase: "unused", removed: removed.total, byParam: Object.fromEntries(removed.byParam) });
  state.points.push(await pointOf(ctx, "unused paths", model));
}
