/**
 * Why a group of weights stayed or went in a run: by the network that the stage found, which the run's checkpoint keeps, and by the
 * stage's own criterion, constraints, budget and images.
 */
import type { Splits } from "../data/types.ts";
import { UserError } from "../errors.ts";
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import { inputOptions, readGiven } from "../models/given.ts";
import { requestedConstraints } from "../prune/budget/settle.ts";
import { explainRequest, type Explanation } from "../prune/explain.ts";
import { loadRecipe } from "../recipe/load.ts";
import { isPruning, type PruneStage } from "../recipe/registry.ts";
import type { DataRequest, Recipe } from "../recipe/schema.ts";
import { gatheredFor, imagesOf, requestOf } from "../stages/request.ts";
import { loadRun } from "../stages/run_state.ts";
import type { Store } from "../store/types.ts";
import type { GatheredEvidence } from "../train/evidence/evidence.ts";
import type { Ui } from "../ui.ts";
import { openTables } from "./device_tables.ts";
import { openCurves } from "./sensitivity_curves.ts";
import { trainingIdentity } from "./tail.ts";

export interface ExplainRunOptions extends GpuChoice {
  /** The run's folder in `store`. */
  readonly dir: string;
  /** Index of one of its stages. */
  readonly stage: number;
  /** A layer, a constraint, or one of their groups, as `explain` takes them. */
  readonly name: string;
  readonly store: Store;
  readonly ui: Ui;
  readonly signal?: AbortSignal;
  readonly loadData: (request: DataRequest, ui: Ui) => Promise<Splits>;
}

/**
 * @throws UserError for a folder without a run, a stage that the run hasn't come to, and one that no single choice by scores
 * explains, with the reason
 */
export async function explainRun(options: ExplainRunOptions): Promise<Explanation> {
  const { dir, store, ui, name, stage: index } = options;
  if (await store.size(`${dir}/recipe.yaml`) === undefined) {
    throw new UserError(`${dir} is no run's folder: it has no recipe.yaml`);
  }
  const recipe = await loadRecipe(`${dir}/recipe.yaml`, store);
  const stage = explained(recipe, index);
  const saved = await loadRun(store, dir, await trainingIdentity(recipe));
  if (!saved || saved.state.stage < index) {
    throw new UserError(`${dir} hasn't come to stages.${index} yet: go on with it by --resume ${dir}`);
  }
  const model = saved.state.dense;
  const tables = await openTables(recipe, store, dir, ui);
  const curves = await openCurves(recipe, store, dir);
  const request = requestOf(stage, model, { tables, curves, seed: recipe.seed });
  if (!request.criterion.request) return explainRequest(model, name, request);
  const constraints = requestedConstraints(model.graph, request);
  const gathered = await evidenceFor(
    options,
    recipe,
    (ctx) => gatheredFor(ctx, model, request.criterion, constraints, imagesOf(stage)),
  );
  return explainRequest(model, name, { ...request, gathered });
}

/** What the stage looked at: the same images in the same batches. */
async function evidenceFor(
  options: ExplainRunOptions,
  recipe: Recipe,
  gather: (ctx: Parameters<typeof gatheredFor>[0]) => Promise<GatheredEvidence | undefined>,
): Promise<GatheredEvidence | undefined> {
  const { store, ui, signal, loadData } = options;
  const given = await readGiven(recipe, store);
  const data = await loadData({ ...recipe.data, ...inputOptions(recipe, given) }, ui);
  using device = await chosenGpu(options);
  return await gather({ gpu: device.gpu, data, recipe, signal });
}

/** @throws UserError naming the stages that can be explained, and why this one can't */
function explained({ stages }: Recipe, index: number): PruneStage {
  const able = stages.flatMap((_, i) => reasonAgainst(stages, i) === undefined ? [i] : []);
  const others = able.length > 0 ? `; explain one of stages ${able.join(", ")}` : "";
  if (index >= stages.length) {
    throw new UserError(`--stage ${index}: the run has stages 0 to ${stages.length - 1}${others}`);
  }
  const against = reasonAgainst(stages, index);
  const stage = stages[index];
  if (against === undefined && isPruning(stage)) return stage;
  throw new UserError(`stages.${index} (${stage.kind}) can't be explained: ${against}${others}`);
}

/** A stage is explained by one choice among the groups of a network that the run has kept. */
function reasonAgainst(stages: Recipe["stages"], index: number): string | undefined {
  const stage = stages[index];
  if (!isPruning(stage)) return "it doesn't choose groups by their scores";
  if (stage.kind === "admm") return "it pulls the weights for epochs, and chooses among what they have become";
  if (stage.kind === "prune" && stage.until) return "it prunes in as many steps as a floor of accuracy allows";
  if (stage.kind === "prune" && stage.gradual) return "it prunes while it trains, and scores anew whenever more goes";
  if (stage.steps > 1) return `it prunes in ${stage.steps} steps, and scores anew in each`;
  if (stage.floor !== undefined) return "its floor of accuracy may have taken back what it chose at first";
  const before = stages.slice(0, index);
  const changing = before.findIndex(({ kind }) => kind !== "train" && kind !== "measure");
  if (changing >= 0) {
    return `it goes on from what stages.${changing} (${
      before[changing].kind
    }) has left, and a run keeps the network before that alone`;
  }
  const masked = before.findIndex((one) => one.kind === "train" && (one.prepare?.snip || one.prepare?.regrow));
  return masked < 0 ? undefined : `the training of stages.${masked} has chosen groups already`;
}
