/** The stages that prune: StructADMM, and one-shot pruning by magnitude or at random, each progressive and retrained. */
import { random } from "../../../kernels/random/philox.ts";
import { batchCount } from "../../data/loader.ts";
import type { HostTensor, Model, Params } from "../../graph/types.ts";
import { createAdmm } from "../../prune/admm.ts";
import { masksOf } from "../../prune/masks.ts";
import { rhoSchedule } from "../../prune/rho.ts";
import { type Constraint, groupEnergies, topGroups } from "../../prune/structures.ts";
import type { Optimizer as Updater } from "../../tensor/optimizer.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import { learningRate } from "../../train/schedule.ts";
import type { TrainState } from "../../train/state.ts";
import type { RunContext } from "../context.ts";
import type { StageProgress } from "../run.ts";
import { type Companion, fit, savedPhase } from "../fit.ts";
import { pointOf } from "../points.ts";
import type { AdmmStage, MagnitudeStage, RandomStage } from "../registry.ts";
import type { Retrain } from "../training.ts";
import { masked, partialMasks, shrink } from "./shrink.ts";
import { solveTargets, stepConstraints } from "./targets.ts";

export type PruneStage = AdmmStage | MagnitudeStage | RandomStage;

/** Above this ‖W−Z‖/‖W‖ the hard prune will hurt: ADMM has not converged. */
const RESIDUAL_WARNING = 0.1;

export async function runPruneStage(ctx: RunContext, stage: PruneStage): Promise<void> {
  const { state } = ctx;
  const saved = ctx.takeProgress();
  const at = savedPhase(saved);
  if (!at) {
    state.kept = solveTargets(state.model.graph, state.model.params, stage);
    recordRequest(ctx, stage);
  }
  for (let step = Number(at?.step ?? 0); step < stage.steps; step++) {
    const resumed = at && Number(at.step) === step ? at : undefined;
    const label = (what: string) => stage.steps > 1 ? `${what} ${step + 1}/${stage.steps}` : what;
    if (resumed?.kind !== "retrain") {
      const constraints = stepConstraints(state.model.graph, stage, state.kept, step, stage.steps);
      if (stage.kind === "admm") {
        state.model = await admm(ctx, stage, constraints, step, label("admm"), resumed ? saved : undefined);
        state.points.push(await pointOf(ctx, label("admm"), state.model));
      } else {
        state.masks = oneShot(stage.kind, state.model, constraints, ctx.recipe.seed, step);
      }
      state.model = masked(state.model, state.masks);
      if (stage.compact) await shrink(ctx, { columns: false, border: "keep" });
      state.model = await recalibrate(ctx.gpu, state.model, ctx.data.train, ctx.recipe.batch);
      state.points.push(await pointOf(ctx, label("pruned"), state.model));
      await ctx.save({ phase: { kind: "retrain", step } }, new Map());
    }
    if (stage.retrain) {
      const phase = { kind: "retrain", step };
      const earlier = resumed?.kind === "retrain" ? saved : undefined;
      state.model = await retrain(ctx, stage.retrain, state, label("retrain"), phase, earlier);
      state.points.push(await pointOf(ctx, label("retrained"), state.model));
    }
  }
}

/** The W-steps with their Z- and U-steps; leaves the pruned groups in `ctx.state.masks` and gives the weights before. */
async function admm(
  ctx: RunContext,
  stage: AdmmStage,
  constraints: readonly Constraint[],
  step: number,
  label: string,
  saved: StageProgress | undefined,
): Promise<Model> {
  const { state } = ctx;
  const rhos = rhoSchedule({
    updates: stage.updates,
    stepsPerUpdate: stage.epochsPerUpdate * batchCount(ctx.data.train, { batch: ctx.recipe.batch }),
    lr: meanRate(stage),
    momentum: stage.optimizer.kind === "sgd" ? stage.optimizer.momentum : 0,
    final: stage.rho,
  });
  let residuals: ReadonlyMap<string, number> = new Map();
  const companion = (train: TrainState, optimizer: Updater): Companion => {
    const constrained = createAdmm(train, constraints, rhos);
    const { weightDecay } = stage.optimizer;
    const pull = () =>
      optimizer.setSegments((name) => {
        const rho = constrained.rhoOf(name);
        // Decay would keep pulling at what the projection wants to keep.
        const decayed = rho === 0 && train.graph.params[name].role === "weight";
        return { rho, weightDecay: decayed ? weightDecay : 0 };
      });
    return {
      start() {
        constrained.start();
        pull();
        return Promise.resolve();
      },
      async afterEpoch(epoch) {
        if ((epoch + 1) % stage.epochsPerUpdate !== 0) return {};
        const period = (epoch + 1) / stage.epochsPerUpdate - 1;
        residuals = await constrained.update(period);
        pull();
        return { rho: rhos[period], residuals: Object.fromEntries(residuals) };
      },
      async finish() {
        await constrained.hardPrune();
        state.masks = partialMasks(await train.mask!.download());
      },
      snapshot: () => constrained.snapshot(),
      restore(tensors, epochs) {
        constrained.restore(tensors, Math.floor(epochs / stage.epochsPerUpdate));
        pull();
      },
      dispose: () => constrained.dispose(),
    };
  };
  const trained = await fit(ctx, {
    model: state.model,
    masks: state.masks,
    label,
    epochs: stage.updates * stage.epochsPerUpdate,
    period: stage.epochsPerUpdate,
    optimizer: stage.optimizer,
    schedule: stage.schedule,
    labelSmoothing: stage.labelSmoothing,
    phase: { kind: "admm", step },
    companion,
  }, saved);
  reportResiduals(ctx, residuals, stage);
  return trained;
}

/** Trains on under the masks. */
export async function retrain(
  ctx: RunContext,
  { epochs, optimizer, schedule, labelSmoothing }: Retrain,
  { model, masks }: { readonly model: Model; readonly masks: Params },
  label: string,
  phase: Readonly<Record<string, number | string>>,
  saved: StageProgress | undefined,
): Promise<Model> {
  return await fit(ctx, { model, masks, label, epochs, optimizer, schedule, labelSmoothing, phase }, saved);
}

/** Masks by the norms of the groups as they are, or by lot. */
export function oneShot(
  how: "magnitude" | "random",
  { graph, params }: Model,
  constraints: readonly Constraint[],
  seed: number,
  step: number,
): Params {
  const choices = constraints.map((constraint) => {
    const scores = how === "magnitude"
      ? groupEnergies(constraint, params)
      : random(seed, `prune/${constraint.name}`).fillUniform(new Float64Array(constraint.groups), step);
    return { constraint, kept: topGroups(scores, constraint.keep) };
  });
  const masks = new Map<string, HostTensor>();
  for (const [name, bits] of masksOf(choices, params)) {
    masks.set(name, { shape: graph.params[name].shape, data: Float32Array.from(bits) });
  }
  return masks;
}

function recordRequest({ state }: RunContext, { constraints, budget }: PruneStage): void {
  if (budget?.params !== undefined) state.requested["params"] = budget.params;
  if (budget?.macs !== undefined) state.requested["macs"] = budget.macs;
  if (!budget) {
    for (const { kind, layers, keep } of constraints) state.requested[`${kind} ${layers.join(" ")}`] = keep!;
  }
}

function reportResiduals({ state, ui }: RunContext, residuals: ReadonlyMap<string, number>, stage: AdmmStage): void {
  state.admm = [...residuals].map(([layer, residual]) => ({ layer, residual }));
  const high = state.admm.filter(({ residual }) => residual > RESIDUAL_WARNING);
  if (high.length > 0) {
    ui.warn(
      `ADMM has not converged: ‖W−Z‖/‖W‖ is ${
        high.map(({ layer, residual }) => `${residual.toFixed(3)} in ${layer}`).join(", ")
      }, above ${RESIDUAL_WARNING}: raise updates (${stage.updates}), epochsPerUpdate (${stage.epochsPerUpdate}), ` +
        `the learning rate (${stage.optimizer.lr}) or rho (${stage.rho})`,
    );
  }
}

/** The rate that a period's steps have on average. */
function meanRate({ optimizer, schedule, epochsPerUpdate }: AdmmStage): number {
  const samples = 64;
  let sum = 0;
  for (let i = 0; i < samples; i++) {
    sum += learningRate(optimizer.lr, schedule, (i + 0.5) / samples * epochsPerUpdate, epochsPerUpdate);
  }
  return sum / samples;
}
