/**
 * Training of a network that was pruned: the run goes on with the last epoch, or with patience the best one, and the report
 * also tells of the best one.
 */
import type { Model } from "../graph/types.ts";
import { compact } from "../prune/rewrite/compact.ts";
import { pointOf } from "../report/points.ts";
import { bestEpoch } from "../train/callbacks/best_epoch.ts";
import type { RunContext } from "./context.ts";
import { fit, type FitOptions } from "./fit.ts";
import type { StageProgress } from "./run_state.ts";

/**
 * The network after the last epoch; with `patience`, after which training ends early, that of the epoch that validates best. The
 * best epoch goes to `state.best`, measured in the size that it has without its zeros; its test accuracy is looked at only after
 * it was chosen.
 */
export async function fitPruned(
  ctx: RunContext,
  options: FitOptions,
  saved: StageProgress | undefined,
): Promise<Model> {
  const chosen = bestEpoch();
  const model = await fit(ctx, { ...options, callbacks: [...options.callbacks ?? [], chosen] }, saved);
  const { best } = chosen;
  if (best) {
    const { graph } = options.model;
    const small = compact({ graph, params: best.params }, { columns: false, border: "keep" }).model;
    ctx.state.best = await pointOf(ctx, `best epoch, ${best.epoch} of ${options.epochs}`, small);
  }
  return best && options.patience !== undefined ? { graph: model.graph, params: best.params } : model;
}
