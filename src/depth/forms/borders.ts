/**
 * How blocks that take a form of several layers will keep their borders exact once they are merged. It is chosen before they are
 * trained, since moved padding is another network at the border of images.
 */
import { UserError } from "../../errors.ts";
import { graphCost } from "../../graph/cost.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { latencyEstimate, unfitTable } from "../../measure/latency/estimate.ts";
import { graphSteps } from "../../measure/latency/steps.ts";
import type { LatencyTable } from "../../measure/latency/types.ts";
import { moveBorders } from "../merge/move_borders.ts";
import type { MergeFormOptions } from "../merge/plan_form.ts";
import type { Block, Border, Choice, FormName, Gene } from "../types.ts";
import { FORMS } from "./forms.ts";
import { type MergedForm, mergedForm, unfilled } from "./merged_form.ts";
import { settle } from "./settle.ts";

/** How borders are chosen, and what the blocks will be merged to. */
export interface BorderOptions extends MergeFormOptions {
  /**
   * "auto" moves a block's padding where the merged network then takes less: by the table's ms where it prices both, else by
   * multiply-adds, then by dispatches. Default "exact".
   */
  readonly border?: Border | "auto";
}

/**
 * The border of each block: "move" only where it takes a form of several layers, of which one but the first is padded.
 *
 * @throws UserError with border "move" for a block whose padding can't be moved, with the reason
 */
export function chooseBorders(
  graph: Graph,
  blocks: readonly Block[],
  gene: Gene,
  options: BorderOptions = {},
): readonly Border[] {
  return blocks.map((block, b) => {
    const choice = gene[b];
    return mergesLayers(choice) ? borderOf(graph, block, choice, options) : "exact";
  });
}

/** Whether what becomes of a block are several layers, which merging makes fewer. */
export function mergesLayers(choice: Choice): choice is FormName {
  return Object.hasOwn(FORMS, choice) && FORMS[choice as FormName].merges;
}

/** The model, mixed with forms or not, with the padding of those blocks moved whose border is "move"; parameters stay. */
export function withMovedBorders(model: Model, blocks: readonly Block[], borders: readonly Border[]): Model {
  return blocks.reduce((moved, block, b) => borders[b] === "move" ? moveBorders(moved, block).model : moved, model);
}

function borderOf(graph: Graph, block: Block, form: FormName, options: BorderOptions): Border {
  const { border = "exact" } = options;
  if (border === "exact") return "exact";
  const { model: mixed } = FORMS[form].mixed(unfilled(graph), block);
  const moved = movedOrRefused(mixed, block);
  if (moved instanceof UserError) {
    if (border === "move") throw moved;
    return "exact";
  }
  // Where all padding is at the first layer already, nothing moves.
  if (JSON.stringify(moved.graph.nodes) === JSON.stringify(mixed.graph.nodes)) return "exact";
  if (border === "move") return "move";
  const [plain, exact] = [moved, mixed].map((model) => mergedForm(settle(model, "form").graph, block, options));
  return takesLess(plain, exact, options.table) ? "move" : "exact";
}

function movedOrRefused(mixed: Model, block: Block): Model | UserError {
  try {
    return moveBorders(mixed, block).model;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

function takesLess(a: MergedForm, b: MergedForm, table: LatencyTable | undefined): boolean {
  if (table && [a, b].every((form) => unfitTable(table, form) === undefined)) {
    const estimate = latencyEstimate(table);
    return estimate(a) < estimate(b);
  }
  const [macs, most] = [a, b].map(({ graph }) => graphCost(graph).macs);
  return macs === most ? dispatches(a) < dispatches(b) : macs < most;
}

/** A kernel that picks weights by region does the border in a dispatch of its own. */
function dispatches({ graph, layers }: MergedForm): number {
  return graphSteps(graph).length + layers.filter(({ border }) => border === "kernel").length;
}
