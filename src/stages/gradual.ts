/** Masks that grow while the network trains; the groups of a pruning stage go by and by instead of at once. */
import { gradual } from "../prune/methods/gradual.ts";
import type { Constraint } from "../prune/structures/types.ts";
import type { Gradual } from "../recipe/prune_schedules.ts";
import type { StageOf } from "../recipe/registry.ts";
import type { RunContext } from "./context.ts";
import { fit, type Phase } from "./fit.ts";
import { criterionOf, gatheredFor } from "./request.ts";
import type { StageProgress } from "./run_state.ts";

/** Trains with growing masks; leaves them in `ctx.state.masks`, and the trained weights in `ctx.state.model`. */
export async function trainGradually(
  ctx: RunContext,
  stage: StageOf<"prune"> & { readonly gradual: Gradual },
  constraints: readonly Constraint[],
  phase: Phase,
  saved: StageProgress | undefined,
): Promise<void> {
  const { state, recipe: { seed } } = ctx;
  const criterion = criterionOf(stage);
  const { every, start, ...training } = stage.gradual;
  const growing = gradual({
    constraints,
    criterion,
    seed,
    masks: state.masks,
    every,
    start,
    // Not to be stopped between two steps: a snapshot there would be of neither.
    gather: (model) => gatheredFor({ ...ctx, signal: undefined }, model, criterion, constraints, stage.images),
  });
  const { model, masks } = state;
  state.model = await fit(ctx, { ...training, model, masks, label: "gradual", phase, callbacks: [growing] }, saved);
  state.masks = growing.masks;
}
