/** The stages that prune: StructADMM, and one-shot pruning by any criterion, each progressive and retrained. */
import { doubtOfTable } from "../measure/latency/choose.ts";
import { keptUnderway } from "../prune/budget/per_layer.ts";
import { requestedConstraints, settle, stepConstraints } from "../prune/budget/settle.ts";
import { oneShot } from "../prune/methods/one_shot.ts";
import { optionsOf } from "../recipe/constraints.ts";
import type { PruneStage } from "../recipe/registry.ts";
import { requested } from "../report/achieved.ts";
import { pointOf } from "../report/points.ts";
import { trainAdmm } from "./admm.ts";
import type { RunContext } from "./context.ts";
import { type Phase, savedPhase } from "./fit.ts";
import { trainGradually } from "./gradual.ts";
import { applyMasks, rememberNetwork, retrain, takeBack } from "./prune_step.ts";
import { criterionOf, gatheredFor, imagesOf, requestOf } from "./request.ts";
import type { StageProgress } from "./run_state.ts";
import { runUntilStage } from "./until.ts";

/**
 * One try at one progressive step. How far a network is pruned is told by an exponent: each constraint keeps
 * keep^exponent of its groups, so 0 is where the stage began and 1 what it is asked for (docs/pipeline.md).
 */
interface Attempt {
  readonly step: number;
  /** Where the last good network is, and where this attempt goes. */
  readonly reached: number;
  readonly wanted: number;
  /** How often this step has been taken back. */
  readonly backoffs: number;
}

export async function runPruneStage(ctx: RunContext, stage: PruneStage): Promise<void> {
  if (stage.kind === "prune" && stage.until) return await runUntilStage(ctx, { ...stage, until: stage.until });
  const { state } = ctx;
  const saved = ctx.takeProgress();
  let at = savedPhase(saved);
  if (!at) {
    const request = requestOf(stage, state.model, { tables: ctx.tables, curves: ctx.curves, seed: ctx.recipe.seed });
    const asked = requestedConstraints(state.model.graph, request);
    const gathered = await gatheredFor(ctx, state.model, request.criterion, asked, imagesOf(stage));
    const settled = settle({ model: state.model, dense: state.dense.graph }, { ...request, gathered });
    state.kept = [...settled.kept];
    if (settled.shortfall !== undefined) ctx.ui.warn(`stages.${state.stage} (${stage.kind}): ${settled.shortfall}`);
    const doubt = stage.budget?.ms === undefined ? undefined : doubtOfTable(ctx.tables, stage.budget, state.model);
    if (doubt !== undefined) ctx.ui.warn(doubt);
    Object.assign(state.requested, requested({ ...request, budget: stage.budget }));
  }
  let attempt: Attempt | undefined = attemptOf(at) ?? { step: 0, reached: 0, wanted: 1 / stage.steps, backoffs: 0 };
  while (attempt) {
    if (at?.kind !== "retrain") {
      await pruneOnce(ctx, stage, attempt, at && saved);
      await ctx.save({ phase: { kind: "retrain", ...attempt } }, new Map());
    }
    if (stage.retrain) {
      const phase = { kind: "retrain", ...attempt };
      const label = labelOf("retrain", stage, attempt);
      state.model = await retrain(ctx, stage.retrain, state, label, phase, at?.kind === "retrain" ? saved : undefined);
      state.points.push(await pointOf(ctx, labelOf("retrained", stage, attempt), state.model));
    }
    at = undefined;
    attempt = await nextAttempt(ctx, stage, attempt);
  }
}

async function pruneOnce(
  ctx: RunContext,
  stage: PruneStage,
  attempt: Attempt,
  saved: StageProgress | undefined,
): Promise<void> {
  const { state } = ctx;
  const { model, masks, points } = state;
  // A resumed attempt brings its own: ADMM may have told its residuals by now.
  if (stage.floor !== undefined && !saved) rememberNetwork(state);
  state.best = undefined;
  const constraints = stepConstraints(model.graph, stage.constraints.map(optionsOf), state.kept, attempt.wanted);
  if (stage.kind === "admm") {
    const phase = { kind: "admm", ...attempt };
    state.model = await trainAdmm(ctx, stage, constraints, labelOf("admm", stage, attempt), phase, saved);
    state.points = [...points, await pointOf(ctx, labelOf("admm", stage, attempt), state.model)];
  } else if (stage.kind === "prune" && stage.gradual) {
    await trainGradually(
      ctx,
      { ...stage, gradual: stage.gradual },
      constraints,
      { kind: "gradual", ...attempt },
      saved,
    );
  } else {
    const criterion = criterionOf(stage);
    const gathered = await gatheredFor(ctx, model, criterion, constraints, imagesOf(stage));
    state.masks = oneShot(model, masks, constraints, { criterion, seed: ctx.recipe.seed, gathered });
  }
  await applyMasks(ctx, stage, constraints, labelOf("pruned", stage, attempt));
}

/**
 * The next step; or, where this one has fallen below the floor, the network before it and a step half as far. Undefined
 * when the stage has come to its end.
 */
async function nextAttempt(ctx: RunContext, stage: PruneStage, attempt: Attempt): Promise<Attempt | undefined> {
  const { state } = ctx;
  const { step, reached, wanted, backoffs } = attempt;
  const validation = state.points[state.points.length - 1].accuracy?.validation;
  const good = stage.floor === undefined || (validation !== undefined && validation >= stage.floor);
  if (good) state.fallback = undefined;
  else {
    takeBack(state);
    await ctx.log({ phase: labelOf("taken back", stage, attempt), validationAccuracy: validation, floor: stage.floor });
    if (backoffs < stage.backoffs) return { step, reached, wanted: (reached + wanted) / 2, backoffs: backoffs + 1 };
  }
  if (good && step + 1 < stage.steps) {
    return { step: step + 1, reached: wanted, wanted: (step + 2) / stage.steps, backoffs: 0 };
  }
  const end = good ? wanted : reached;
  if (end < 1) warnOfFloor(ctx, stage, end);
  return undefined;
}

function warnOfFloor({ state, ui }: RunContext, stage: PruneStage, reached: number): void {
  const counts = state.kept.map(({ name, groups, keep }) =>
    `${name} ${keep} of ${groups} asked, ${keptUnderway(groups, keep, reached)} reached`
  );
  ui.warn(
    `stages.${state.stage} (${stage.kind}): the network can't be pruned further at a validation accuracy of ` +
      `${stage.floor}, the floor: ${counts.join("; ")}: lower floor, raise keep, or train longer`,
  );
}

/** "admm 2/3"; a step that was taken back says how often: "admm 2/3, back-off 1". */
function labelOf(what: string, { steps }: PruneStage, { step, backoffs }: Attempt): string {
  return what + (steps > 1 ? ` ${step + 1}/${steps}` : "") + (backoffs > 0 ? `, back-off ${backoffs}` : "");
}

function attemptOf(phase: Phase | undefined): Attempt | undefined {
  return phase && {
    step: Number(phase.step),
    reached: Number(phase.reached),
    wanted: Number(phase.wanted),
    backoffs: Number(phase.backoffs),
  };
}
