/** One progressive step of StructADMM: W-steps, the Z- and U-steps between them, and the hard prune. */
import { batchCount } from "../../data/loader.ts";
import type { Model } from "../../graph/types.ts";
import { createAdmm } from "../../prune/methods/admm.ts";
import { rhoSchedule } from "../../prune/methods/rho.ts";
import type { Constraint } from "../../prune/structures/structures.ts";
import type { Optimizer as Updater } from "../../tensor/optimizer.ts";
import { learningRate } from "../../train/schedule.ts";
import type { TrainState } from "../../train/state.ts";
import type { RunContext } from "../context.ts";
import { type Companion, fit, type Phase } from "../fit.ts";
import type { AdmmStage } from "../registry.ts";
import type { RunState, StageProgress } from "../run.ts";
import { partialMasks } from "./shrink.ts";

/** The W-steps with their Z- and U-steps; leaves the pruned groups in `ctx.state.masks` and gives the weights before. */
export async function trainAdmm(
  ctx: RunContext,
  stage: AdmmStage,
  constraints: readonly Constraint[],
  label: string,
  phase: Phase,
  saved: StageProgress | undefined,
): Promise<Model> {
  const { state } = ctx;
  const rhos = rhoSchedule({
    updates: stage.updates,
    stepsPerUpdate: stage.epochsPerUpdate *
      batchCount(ctx.data.train, { batch: ctx.recipe.batch, images: ctx.recipe.data.perEpoch }),
    lr: meanRate(stage),
    momentum: stage.optimizer.kind === "sgd" ? stage.optimizer.momentum : 0,
    final: stage.rho,
  });
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
        const residuals = await constrained.update(period);
        if (period === stage.updates - 1) {
          state.admm = worstOf(state.admm, residuals);
          warnOfResiduals(ctx, stage, residuals);
        }
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
  const { model } = await fit(ctx, {
    model: state.model,
    masks: state.masks,
    label,
    epochs: stage.updates * stage.epochsPerUpdate,
    period: stage.epochsPerUpdate,
    optimizer: stage.optimizer,
    schedule: stage.schedule,
    labelSmoothing: stage.labelSmoothing,
    phase,
    companion,
  }, saved);
  return model;
}

/** Each layer's largest residual before any of the run's hard prunes. */
function worstOf(earlier: RunState["admm"], residuals: ReadonlyMap<string, number>): RunState["admm"] {
  const worst = new Map(earlier.map(({ layer, residual }) => [layer, residual]));
  for (const [layer, residual] of residuals) worst.set(layer, Math.max(residual, worst.get(layer) ?? 0));
  return [...worst].map(([layer, residual]) => ({ layer, residual }));
}

/** Above this ‖W−Z‖/‖W‖ the hard prune will hurt: ADMM has not converged. */
const RESIDUAL_WARNING = 0.1;

function warnOfResiduals({ ui }: RunContext, stage: AdmmStage, residuals: ReadonlyMap<string, number>): void {
  const high = [...residuals].filter(([, residual]) => residual > RESIDUAL_WARNING);
  if (high.length > 0) {
    ui.warn(
      `ADMM has not converged: ‖W−Z‖/‖W‖ is ${
        high.map(([layer, residual]) => `${residual.toFixed(3)} in ${layer}`).join(", ")
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
