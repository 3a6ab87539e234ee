/** One progressive step of StructADMM: W-steps, the Z- and U-steps between them, and the hard prune. */
import { batchCount } from "../data/loader.ts";
import type { Model } from "../graph/types.ts";
import { admm } from "../prune/methods/admm_callback.ts";
import { rhoSchedule } from "../prune/methods/rho.ts";
import { partialMasks } from "../prune/structures/masks.ts";
import type { Constraint } from "../prune/structures/types.ts";
import type { AdmmStage } from "../recipe/registry.ts";
import { learningRate } from "../train/schedule.ts";
import type { RunContext } from "./context.ts";
import { fit, type Phase } from "./fit.ts";
import type { RunState, StageProgress } from "./run_state.ts";

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
    final: stage.rho === "support" ? "auto" : stage.rho,
  });
  const pruning = admm({
    constraints,
    rhos,
    rhoBy: stage.rho === "support" ? "support" : "schedule",
    epochsPerUpdate: stage.epochsPerUpdate,
    onUpdate(period, residuals) {
      if (period < stage.updates - 1) return;
      state.admm = worstOf(state.admm, residuals);
      warnOfResiduals(ctx, stage, residuals);
    },
  });
  const model = await fit(ctx, {
    model: state.model,
    masks: state.masks,
    label,
    epochs: stage.updates * stage.epochsPerUpdate,
    period: stage.epochsPerUpdate,
    optimizer: stage.optimizer,
    schedule: stage.schedule,
    labelSmoothing: stage.labelSmoothing,
    loss: stage.loss,
    phase,
    callbacks: [pruning],
  }, saved);
  state.masks = partialMasks(pruning.masks!);
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
