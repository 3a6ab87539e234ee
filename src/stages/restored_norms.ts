/** Batch norms that a run puts back for its training, and folds again in what it writes. */
import { withoutNorms } from "../graph/fold.ts";
import { convolutionsWithoutNorm, hasNoNorms } from "../graph/rewrite/insert_norms.ts";
import type { Graph, IndexMap } from "../graph/types.ts";
import { isTrained } from "../models/given.ts";
import { isPruning } from "../recipe/registry.ts";
import type { Recipe } from "../recipe/schema.ts";
import type { Ui } from "../ui.ts";
import type { RunState } from "./run_state.ts";

/** Nets of fewer convolutions train without norms as well. */
const MANY = 3;

/** Whether the run is to put norms back: because the recipe says so, or because the trained network seems to have lost them. */
export function wantsNorms(graph: Graph, recipe: Recipe): boolean {
  if (recipe.norms !== undefined) return recipe.norms === "restore";
  return isTrained(recipe) && gainsByNorms(recipe) && lacksNorms(graph);
}

/** Whether a network of many convolutions has no norm at all, as exporters leave it that fold them. */
export function lacksNorms(graph: Graph): boolean {
  return hasNoNorms(graph) && convolutionsWithoutNorm(graph).length >= MANY;
}

/** Says what was done to the network, and how to have it as it was trained. */
export function tellRestored(ui: Ui, norms: number): void {
  if (norms === 0) return ui.warn("norms: no convolution of the network has lost one, so none is put back");
  ui.note(
    `${norms} batch norms that change nothing are put behind convolutions without one for the run, and folded again at the ` +
      `end (norms: keep leaves the network as it is). ${HOW_TO_KEEP_NORMS}`,
  );
}

/** For who exports networks from PyTorch. */
export const HOW_TO_KEEP_NORMS =
  "PyTorch's exporter folds batch norms by default: the network's own come along with torch.onnx.export(net.eval(), x, " +
  '"net.onnx", training=torch.onnx.TrainingMode.PRESERVE, dynamo=False)';

/** Whether a stage trains, or measures norms anew. */
export function gainsByNorms({ stages }: Pick<Recipe, "stages">): boolean {
  return stages.some((stage) =>
    isPruning(stage) || stage.kind === "oneshot" || stage.kind === "purify" ||
    ("epochs" in stage && stage.epochs !== undefined && stage.epochs > 0)
  );
}

/** The networks of a run as it writes them. */
export type Written = Pick<RunState, "model" | "dense" | "masked" | "origin">;

/** What a run writes and reports of its networks: all of them without the norms that it put back. */
export function writtenNetworks({ model, dense, masked, origin, restored }: RunState): Written {
  if (!restored || restored.length === 0) return { model, dense, masked, origin };
  const written = withoutNorms(model, restored), before = withoutNorms(dense, restored);
  return {
    model: written,
    dense: before,
    masked: masked && withoutNorms(masked, restored),
    origin: foldedOrigin(written.graph, origin),
  };
}

/** Folding scales rows and leaves them where they were. */
function foldedOrigin(written: Graph, origin: IndexMap): IndexMap {
  return new Map([...origin].filter(([name]) => written.params[name]));
}
