/** A pruning stage's keys as the rooms below take them. */
import { spread } from "../data/splits.ts";
import type { Model } from "../graph/types.ts";
import { estimateFor } from "../measure/latency/choose.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import { budgetRuleNamed } from "../prune/budget/rules.ts";
import type { BudgetRequest, PruneRequest } from "../prune/budget/settle.ts";
import { criterionNamed } from "../prune/criteria/criteria.ts";
import { gatherFor } from "../prune/criteria/gather.ts";
import { normalised } from "../prune/criteria/normalise.ts";
import type { Criterion } from "../prune/criteria/types.ts";
import type { Sensitivity } from "../prune/sensitivity/types.ts";
import type { Constraint } from "../prune/structures/types.ts";
import type { Budget } from "../recipe/constraints.ts";
import { optionsOf } from "../recipe/constraints.ts";
import type { PruneStage } from "../recipe/registry.ts";
import type { GatheredEvidence } from "../train/evidence/evidence.ts";
import type { RunContext } from "./context.ts";

/** ADMM projects onto what is allowed, which is by l2; the other two are older names for `prune`. */
const CRITERION_OF = { admm: "l2", magnitude: "l2", random: "random" } as const;

/** Images for criteria that look at more than weights, where a stage says nothing. */
const IMAGES = 512;

export function criterionOf(stage: PruneStage): Criterion {
  if (stage.kind !== "prune") return criterionNamed(CRITERION_OF[stage.kind]);
  return normalised(criterionNamed(stage.criterion), stage.normalise ?? "none");
}

/** What a criterion wants to know of a network, on training images; undefined for one that reads weights alone. */
export async function gatheredFor(
  { gpu, data, recipe: { batch }, signal }: Pick<RunContext, "gpu" | "data" | "recipe" | "signal">,
  model: Model,
  criterion: Criterion,
  constraints: readonly Constraint[],
  images = IMAGES,
): Promise<GatheredEvidence | undefined> {
  return await gatherFor({ gpu, model, data: spread(data.train, images), criterion, constraints, batch, signal });
}

/** Of the training images, as a stage says. */
export function imagesOf(stage: PruneStage): number | undefined {
  return stage.kind === "prune" ? stage.images : undefined;
}

/** What was measured before the run, and budgets go by. */
export interface Measured {
  /** Of the device that is pruned for. */
  readonly tables: readonly LatencyTable[];
  /** What networks lose by each layer, by the file that a budget names. */
  readonly curves: ReadonlyMap<string, Sensitivity>;
}

/** @param model the network that latency tables are looked up for */
export function requestOf(
  stage: PruneStage,
  model: Model,
  { seed, ...measured }: Measured & { readonly seed: number },
): PruneRequest {
  const { budget } = stage;
  return {
    constraints: stage.constraints.map(optionsOf),
    criterion: criterionOf(stage),
    seed,
    ...budget && { budget: budgetOf(budget, model, measured) },
  };
}

export function budgetOf(budget: Budget, model: Model, { tables, curves }: Measured): BudgetRequest {
  const { batch: _, rule, sensitivity, protect, ...target } = budget;
  return {
    target,
    protect,
    ...sensitivity !== undefined && { curves: curves.get(sensitivity)! },
    ...rule !== undefined && { rule: budgetRuleNamed(rule) },
    ...budget.ms !== undefined && { latency: estimateFor(tables, budget, model) },
  };
}
