/** What only the network itself can say about a recipe's stages, told before the first epoch instead of hours later. */
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import { isDepthControl } from "../depth/depth_controls.ts";
import { reparameterisedRuns } from "../depth/merge/reparameterise.ts";
import { UserError } from "../errors.ts";
import { DeviceLostError } from "../gpu/errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { compilePlan } from "../graph/plan.ts";
import type { Model } from "../graph/types.ts";
import { checkCriterion, checkRequest } from "../prune/budget/settle.ts";
import { criterionNamed } from "../prune/criteria/criteria.ts";
import { checkReconstruction } from "../prune/reconstruct/reconstructible.ts";
import { controlRuns, isPruning, SCRATCH } from "../recipe/registry.ts";
import type { Recipe } from "../recipe/schema.ts";
import { checkBorders } from "./borders.ts";
import { startGene } from "./genes.ts";
import { GOALS } from "./layer_goals.ts";
import { checkLinearize } from "./linearize.ts";
import { reconstructionOf } from "./oneshot.ts";
import { checkPrepare } from "./prepare.ts";
import { type Measured, requestOf } from "./request.ts";
import { checkSearch } from "./searched_genes.ts";

/**
 * Throws UserError for constraints on layers that `model` doesn't have, for budgets that it can't meet, and for criteria,
 * those of controls among them, that can't score what is to be pruned; for blocks that can't become linear layers, and for
 * genes that no search could find.
 */
export function checkTargets(model: Model, { stages, seed }: Recipe, measured: Measured): void {
  const { tables } = measured;
  const requests = stages.map((stage) => isPruning(stage) ? requestOf(stage, model, { ...measured, seed }) : undefined);
  for (const request of requests) if (request) checkRequest(model, request);
  stages.forEach((stage, i) => {
    if (stage.kind === "train" && stage.prepare) checkPrepare(model, stage.prepare);
    if (stage.kind === "oneshot") checkReconstruction(model, reconstructionOf(stage, model, measured));
    if (stage.kind === "linearize") checkLinearize(model.graph, stage);
    if (stage.kind === "supernet") startGene(model.graph, findBlocks(model.graph).blocks, stage.start);
    const before = stages[i - 1];
    if (stage.kind === "search") {
      checkSearch(model, stage, before?.kind === "supernet" ? before.start : "linear", { stages, tables });
    }
  });
  stages.forEach((_, i) => checkBorders(model.graph, stages, i));
  const first = stages.find(({ kind }) => kind !== "train");
  // Whatever else comes before may leave layers in a row.
  if (first?.kind === "reparameterise") reparameterisedRuns(model.graph, { layers: GOALS[first.layers] });
  stages.forEach((stage, i) => {
    if (stage.kind !== "controls") return;
    for (const { method } of controlRuns(stage, stages.slice(0, i))) {
      if (method === SCRATCH || isDepthControl(method)) continue;
      for (const request of requests.slice(0, i)) {
        if (request) checkCriterion(model, request, criterionNamed(method));
      }
    }
  });
}

/**
 * Throws UserError where the network at a batch that a stage is to measure asks more than the device can bind or hold:
 * after hours of training that would be told too late.
 */
export async function checkMeasures(gpu: Gpu, model: Model, { stages }: Recipe): Promise<void> {
  for (const [i, stage] of stages.entries()) {
    if (stage.kind !== "measure") continue;
    for (const batch of stage.batches) {
      try {
        // Compiling goes through the whole network once.
        compilePlan(gpu, model, batch).dispose();
        await gpu.sync();
      } catch (error) {
        if (error instanceof DeviceLostError) throw error;
        throw new UserError(`stages.${i} (measure): batch ${batch}: ${(error as Error).message}`);
      }
    }
  }
}
