/** Prunes as far as a floor of validation accuracy allows: the smallest network on the way that holds it. */
import { UserError } from "../errors.ts";
import { graphCost } from "../graph/cost.ts";
import { UnreachableBudget } from "../prune/budget/budget.ts";
import { budgetRuleNamed } from "../prune/budget/rules.ts";
import {
  type KeptRecord,
  type PruneRequest,
  requestedConstraints,
  settle,
  stepConstraints,
} from "../prune/budget/settle.ts";
import { oneShot } from "../prune/methods/one_shot.ts";
import { nextUntil, protectedPart, startUntil, type UntilSearch } from "../prune/methods/until_search.ts";
import { leavesZeros } from "../prune/structures/structures.ts";
import type { Masks } from "../prune/structures/masks.ts";
import type { Constraint } from "../prune/structures/types.ts";
import { optionsOf } from "../recipe/constraints.ts";
import type { Until } from "../recipe/prune_schedules.ts";
import type { StageOf } from "../recipe/registry.ts";
import { accuracyOf } from "../report/build.ts";
import { percent } from "../report/format.ts";
import { pointOf } from "../report/points.ts";
import type { UntilAttempt, UntilCost, UntilRecord } from "../report/types.ts";
import type { RunContext } from "./context.ts";
import { type Phase, savedPhase } from "./fit.ts";
import { applyMasks, rememberNetwork, retrain, takeBack } from "./prune_step.ts";
import { criterionOf, gatheredFor } from "./request.ts";

type UntilStage = StageOf<"prune"> & { readonly until: Until };

/** What a try came to before it was retrained. */
type Pruned = "pruned" | "nothing to prune" | "unreachable";

export async function runUntilStage(ctx: RunContext, stage: UntilStage): Promise<void> {
  const { state } = ctx;
  const { until } = stage;
  const saved = ctx.takeProgress();
  let at = savedPhase(saved);
  const of = costOf(stage);
  if (!at) {
    const record: UntilRecord = { stage: state.stage, of, floor: floorOf(ctx, until), attempts: [] };
    state.until = [...state.until ?? [], record];
  }
  let search: UntilSearch | undefined = at ? searchOf(at) : startUntil(shareOf(ctx, of), until);
  while (search) {
    let pruned: Pruned = "pruned";
    if (!at) {
      rememberNetwork(state);
      pruned = await pruneTo(ctx, stage, of, search.asked);
      if (pruned === "pruned") await ctx.save({ phase: { kind: "retrain", ...search } }, new Map());
    }
    if (pruned === "pruned" && stage.retrain) {
      const phase = { kind: "retrain", ...search };
      state.model = await retrain(ctx, stage.retrain, state, labelOf("retrain", of, search), phase, at && saved);
      state.points.push(await pointOf(ctx, labelOf("retrained", of, search), state.model));
    }
    at = undefined;
    const outcome = await judge(ctx, search, pruned);
    search = nextUntil(search, outcome, until);
  }
  await finish(ctx, of);
}

/** @throws UserError where the network before pruning isn't that good itself */
function floorOf({ state, ui }: RunContext, { accuracy, drop }: Until): number {
  const dense = state.baseline?.accuracy?.validation;
  if (dense === undefined) {
    throw new UserError(`stages.${state.stage} (prune): until needs a trained network before it`);
  }
  const floor = accuracy ?? dense - drop!;
  if (floor > dense) {
    throw new UserError(
      `stages.${state.stage} (prune): until: accuracy ${accuracy} can't be held: the network before pruning has ` +
        `${dense.toFixed(4)} on the validation data: lower it, give drop instead, or train longer`,
    );
  }
  if (floor <= 0) {
    throw new UserError(
      `stages.${state.stage} (prune): until: drop ${drop} leaves no floor: the network before pruning has ${
        dense.toFixed(4)
      } on the validation data: give a smaller drop, or train longer`,
    );
  }
  ui.note(`prune until: the floor is ${percent(floor)} validation accuracy, of ${percent(dense)} before pruning`);
  return floor;
}

/** Masks that leave `asked` of the dense network's cost, on the network as it is. */
async function pruneTo(ctx: RunContext, stage: UntilStage, of: UntilCost, asked: number): Promise<Pruned> {
  const { state, recipe: { seed } } = ctx;
  const { model } = state;
  const criterion = criterionOf(stage);
  const { rule } = stage.until;
  const request = {
    constraints: stage.constraints.map(optionsOf),
    criterion,
    seed,
    budget: {
      target: { [of]: asked },
      protect: protectedPart(stage.until),
      ...rule !== undefined && { rule: budgetRuleNamed(rule) },
    },
  };
  const wanted = askedOf(ctx, request);
  if (!wanted) return "unreachable";
  const gathered = await gatheredFor(ctx, model, criterion, wanted, stage.images);
  let kept: readonly KeptRecord[];
  try {
    kept = settle({ model, dense: state.dense.graph }, { ...request, gathered }).kept;
  } catch (error) {
    if (error instanceof UnreachableBudget) return "unreachable";
    throw error;
  }
  const constraints = stepConstraints(model.graph, request.constraints, kept, 1);
  const masks = oneShot(model, state.masks, constraints, { criterion, seed, gathered });
  if (zerosOf(masks) === zerosOf(state.masks)) return "nothing to prune";
  state.masks = masks;
  state.best = undefined;
  await applyMasks(ctx, stage, constraints, labelOf("pruned", of, { asked }));
  return "pruned";
}

/** The constraints on the network as it is; undefined where earlier tries have left nothing of what they name. */
function askedOf({ state }: RunContext, request: PruneRequest): readonly Constraint[] | undefined {
  try {
    return requestedConstraints(state.model.graph, request);
  } catch (error) {
    // The network that the stage began with had it.
    if (error instanceof UserError && state.until!.at(-1)!.attempts.length > 0) return undefined;
    throw error;
  }
}

/** Whether the network holds the floor; where it doesn't, the one before is back. Only validation data decide. */
async function judge(ctx: RunContext, { asked }: UntilSearch, pruned: Pruned): Promise<"held" | "failed"> {
  const { state } = ctx;
  const record = state.until!.at(-1)!;
  const point = state.points.at(-1)!;
  const { params, nonzero, macs } = point;
  const { validation } = accuracyOf(point);
  const kept = pruned !== "unreachable" && validation >= record.floor;
  const reached = pruned === "unreachable" ? {} : { params, nonzero, macs, accuracy: validation };
  const attempt: UntilAttempt = { asked, ...reached, kept };
  state.until = [...state.until!.slice(0, -1), { ...record, attempts: [...record.attempts, attempt] }];
  await ctx.log({ phase: "until", of: record.of, floor: record.floor, ...attempt });
  if (kept) state.fallback = undefined;
  else takeBack(state);
  return kept ? "held" : "failed";
}

async function finish(ctx: RunContext, of: UntilCost): Promise<void> {
  const { state, ui } = ctx;
  const { attempts, floor } = state.until!.at(-1)!;
  const kept = attempts.findLast(({ kept }) => kept);
  if (!kept) {
    const tried = percent(Math.max(...attempts.map(({ asked }) => asked)));
    const why = attempts.every(({ params }) => params === undefined)
      ? `the constraints can't leave as little as ${tried} of the ${of}: set until.step nearer to 1, until.of to ${
        of === "macs" ? "params" : "macs"
      }, or constrain more layers or another structure`
      : `not even ${tried} of the ${of} hold ${
        percent(floor)
      } validation accuracy: lower the floor, retrain longer, or set ` +
        "until.step nearer to 1";
    ui.warn(`stages.${state.stage} (prune): nothing was pruned: ${why}`);
  } else state.requested[of] = kept.asked;
  await ctx.log({ phase: "until", of, floor, tries: attempts.length, kept: kept?.asked ?? 1 });
}

function costOf({ until, constraints }: UntilStage): UntilCost {
  return until.of ?? (constraints.some(({ kind }) => leavesZeros(kind)) ? "params" : "macs");
}

/** What the network has of the dense one's cost. */
function shareOf({ state }: RunContext, of: UntilCost): number {
  return Math.min(1, graphCost(state.model.graph)[of] / graphCost(state.dense.graph)[of]);
}

function zerosOf(masks: Masks): number {
  let zeros = 0;
  for (const { data } of masks.values()) zeros += data.reduce((sum, bit) => sum + 1 - bit, 0);
  return zeros;
}

function labelOf(what: string, of: UntilCost, { asked }: Pick<UntilSearch, "asked">): string {
  return `${what}, ${percent(asked)} of ${of}`;
}

function searchOf(phase: Phase): UntilSearch {
  const { kept, failed, asked, bisections } = phase;
  return { kept: Number(kept), failed: Number(failed), asked: Number(asked), bisections: Number(bisections) };
}
