/** What the schema of a single stage can't say, told before the first epoch instead of hours later. */
import { UserError } from "../errors.ts";
import { graphCost } from "../graph/cost.ts";
import type { Model } from "../graph/types.ts";
import { estimateFor } from "../measure/latency/choose.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import { isTrained } from "../models/given.ts";
import { compact } from "../prune/rewrite/compact.ts";
import { leavesZeros, survivesCompaction } from "../prune/structures/structures.ts";
import type { Stage } from "./registry.ts";
import type { Recipe } from "./schema.ts";
import { choose } from "./stages/choose.ts";
import type { PruneStage } from "./stages/prune.ts";
import { masked } from "./stages/shrink.ts";
import { constraintsOn, solveTargets } from "./stages/targets.ts";

/** Throws UserError where a stage lacks one before it, or has one that spoils it. */
export function checkOrder({ name, stages, model, weights }: Recipe): void {
  if (stages[0].kind !== "train" && !isTrained({ model, weights })) {
    throw new UserError(
      `recipe ${name}: stages.0 is ${stages[0].kind}, expected train: what it trains is the baseline; or give the ` +
        `trained network's weights`,
    );
  }
  const prunes = stages.findIndex(isPruning);
  const controls = stages.findIndex(({ kind }) => kind === "controls");
  if (controls >= 0 && !(prunes >= 0 && prunes < controls)) {
    throw new UserError(
      `recipe ${name}: stages.${controls}: controls repeat the pruning before them, and there is none: ` +
        `put an admm, magnitude or random stage before`,
    );
  }
  stages.forEach((stage, i) => {
    const counted = isPruning(stage) ? stage.constraints.find(({ kind }) => !survivesCompaction(kind)) : undefined;
    const smaller = stages.slice(0, i).findIndex(compacts);
    if (counted && smaller >= 0) {
      throw new UserError(
        `recipe ${name}: stages.${i}: ${counted.kind} is counted off along the dense network's weights, and ` +
          `stages.${smaller} (${stages[smaller].kind}) makes them smaller: put it after, or set compact to false`,
      );
    }
  });
}

function isPruning(stage: Stage): stage is PruneStage {
  return stage.kind === "admm" || stage.kind === "magnitude" || stage.kind === "random";
}

/** Whether the network may be physically smaller after the stage. */
function compacts(stage: Stage): boolean {
  if (isPruning(stage)) return stage.compact && stage.constraints.every(({ kind }) => survivesCompaction(kind));
  return stage.kind === "compact";
}

/** Throws UserError for constraints on layers that `model` doesn't have, and for budgets that it can't meet. */
export function checkTargets(model: Model, { stages }: Recipe, tables: readonly LatencyTable[]): void {
  for (const stage of stages) {
    if (!isPruning(stage)) continue;
    const constraints = constraintsOn(model.graph, stage);
    // How much zeros in place cost is for the budget to say.
    if (!stage.budget || constraints.some(({ kind }) => leavesZeros(kind))) continue;
    const least = constraints.map((constraint) => ({ ...constraint, keep: constraint.minKeep }));
    const smallest = compact(masked(model, choose("magnitude", model, new Map(), least, 0))).model;
    const [before, after] = [graphCost(model.graph), graphCost(smallest.graph)];
    const { ms } = stage.budget;
    const tooSlow = ms !== undefined && estimateFor(tables, stage.budget, model)(smallest) > ms;
    const meets = (key: "params" | "macs") => after[key] <= (stage.budget![key] ?? 1) * before[key];
    // Solving it, which takes longer, says what is wrong.
    if (tooSlow || !meets("params") || !meets("macs")) solveTargets({ model, dense: model }, stage, tables);
  }
}
