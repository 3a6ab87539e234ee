/** What a network becomes whose blocks take the forms of a gene and are merged: what genes are priced by. */
import type { Model } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { type BorderOptions, chooseBorders, withMovedBorders } from "../forms/borders.ts";
import { applyGene } from "../forms/forms.ts";
import { settle } from "../forms/settle.ts";
import { mergedGraph } from "../merge/merge.ts";
import { planForm } from "../merge/plan_form.ts";
import type { Block, Gene } from "../types.ts";

/** The network in these forms and merged, where it can be; its numbers play no part. */
export function mergedGene(model: Model, blocks: readonly Block[], gene: Gene, merging: BorderOptions = {}): Model {
  const { model: mixed } = applyGene(model, { blocks, refused: [] }, gene);
  const moved = withMovedBorders(mixed, blocks, chooseBorders(model.graph, blocks, gene, merging));
  const { graph } = settle(moved, "form");
  const plans = blocks.flatMap((block, b) => {
    const found = gene[b] === "keep" ? [] : planForm(graph, block, merging);
    return "refused" in found ? [] : found;
  });
  const merged = mergedGraph(graph, plans);
  const params = Object.entries(merged.params).map(([name, { shape }]) =>
    [name, { shape, data: new Float32Array(elements(shape)) }] as const
  );
  return { graph: merged, params: new Map(params) };
}
