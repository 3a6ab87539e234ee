/** Networks beside which the run's own stands: of the same size, or of the same blocks, reached in another way. */
import { isDepthControl } from "../depth/depth_controls.ts";
import { UserError } from "../errors.ts";
import { applyIndexMap, compose } from "../graph/indexmap.ts";
import { initialise } from "../graph/initialise.ts";
import { inDenseShape } from "../graph/scatter.ts";
import type { Model, Params } from "../graph/types.ts";
import { matchingConstraints } from "../prune/budget/settle.ts";
import { criterionNamed } from "../prune/criteria/criteria.ts";
import { oneShot } from "../prune/methods/one_shot.ts";
import { compact } from "../prune/rewrite/compact.ts";
import { maskModel, partialMasks, withStreamNorms } from "../prune/structures/masks.ts";
import { optionsOf } from "../recipe/constraints.ts";
import { controlTraining } from "../recipe/control_training.ts";
import {
  type ControlRun,
  controlRuns,
  type ControlsStage,
  isPruning,
  SCRATCH,
  type Stage,
} from "../recipe/registry.ts";
import { pointOf } from "../report/points.ts";
import { recalibrate } from "../train/recalibrate.ts";
import type { RunContext } from "./context.ts";
import { depthControl } from "./depth_controls.ts";
import { fit, savedPhase } from "./fit.ts";
import { choicesOf } from "./merge.ts";
import { gatheredFor } from "./request.ts";

/** A network that is trained as a control, or measured as it is. */
export interface Control {
  readonly model: Model;
  /** Default: none. */
  readonly masks?: Params;
  /** 0 leaves it as it is; default: what the stage says. */
  readonly epochs?: number;
  /** Default: what the control's training says, of the labels. */
  readonly family?: Parameters<typeof fit>[1]["family"];
  /** What becomes of it after training. */
  finish?(trained: Model): Promise<Model>;
}

export async function runControlsStage(ctx: RunContext, stage: ControlsStage): Promise<void> {
  const { state, recipe } = ctx;
  const saved = ctx.takeProgress();
  const at = savedPhase(saved);
  const before = recipe.stages.slice(0, state.stage);
  for (const [i, run] of controlRuns(stage, before).entries()) {
    if (at && i < Number(at.run)) continue;
    // Linear layers taken at once are the control linear-tuned.
    if (run.method === "naive" && !stage.runs && choicesOf(state).every((c) => c === "keep" || c === "linear")) {
      continue;
    }
    const label = `control: ${run.name}`;
    const { model, masks = new Map(), family, finish, epochs: fixed } = await controlOf(ctx, run, before);
    const { epochs: usual, ...how } = controlTraining(before, run.method === SCRATCH ? "scratch" : "changed");
    const epochs = fixed ?? run.epochs ?? stage.epochs ?? usual;
    const phase = { kind: "control", run: i };
    const own = at && i === Number(at.run) ? saved : undefined;
    const start = maskModel(model, masks);
    const trained = epochs === 0
      ? start
      : await fit(ctx, { model: start, masks, label, epochs, family, ...how, phase }, own);
    state.controls[run.name] = await pointOf(ctx, label, await finish?.(trained) ?? trained);
    await ctx.save({ phase: { kind: "control", run: i + 1 } }, new Map());
  }
}

async function controlOf(ctx: RunContext, { method }: ControlRun, before: readonly Stage[]): Promise<Control> {
  const { state: { model: { graph }, masks }, recipe } = ctx;
  if (method === SCRATCH) return { model: { graph, params: initialise(graph, recipe.seed + 1) }, masks };
  return isDepthControl(method) ? await depthControl(ctx, method, before) : await prunedDense(ctx, method, before);
}

/** The baseline with as many groups left in each layer as the final network has, physically smaller where it can be. */
async function prunedDense(ctx: RunContext, criterion: string, before: readonly Stage[]): Promise<Control> {
  const { gpu, state, recipe, data } = ctx;
  const { dense, model, origin } = state;
  const final = inDenseShape(model, origin, dense, state.masked);
  if (typeof final === "string") {
    throw new UserError(`controls keep as many groups as the network has, which can't be told: ${final}`);
  }
  const asked = before.filter(isPruning).flatMap((stage) => stage.constraints.map(optionsOf));
  const constraints = matchingConstraints(dense, final, asked);
  const by = criterionNamed(criterion);
  const gathered = await gatheredFor(ctx, dense, by, constraints);
  const masks = oneShot(dense, new Map(), constraints, { criterion: by, seed: recipe.seed, gathered });
  const narrow = withStreamNorms(maskModel(dense, masks), masks, constraints);
  const small = compact(narrow.model, { columns: false, border: "keep" });
  const map = compose(narrow.map, small.map, dense.graph.params);
  return {
    model: await recalibrate(gpu, small.model, data.train, recipe.batch),
    masks: partialMasks(applyIndexMap(map, masks).tensors),
  };
}
