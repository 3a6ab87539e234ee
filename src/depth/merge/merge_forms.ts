/** Blocks that have taken a form of several layers, merged. */
import type { Model, Rewrite } from "../../graph/types.ts";
import { mergesLayers } from "../forms/borders.ts";
import type { Block, Choice } from "../types.ts";
import { mergePlans } from "./merge.ts";
import { type MergeFormOptions, planForm } from "./plan_form.ts";
import type { MergedLayer, MergePlan } from "./plan.ts";

/** A network in which each form of several layers has become as few as it can. */
export interface MergedForms {
  readonly rewrite: Rewrite;
  /** By the names of merged blocks: what depends on where an output pixel lies. */
  readonly borders: ReadonlyMap<string, MergedLayer["border"]>;
  /** Blocks that stay as their form has them, with the reason as a clause. */
  readonly refused: readonly { readonly block: Block; readonly reason: string }[];
}

/**
 * @param model in which the blocks have taken their forms
 * @param blocks of the network before they did: rewrites keep the names of both ends, by which they are found again
 * @param choices what became of each block
 */
export function mergeForms(
  model: Model,
  blocks: readonly Block[],
  choices: readonly Choice[],
  options: MergeFormOptions = {},
): MergedForms {
  const plans: MergePlan[] = [];
  const refused: { block: Block; reason: string }[] = [];
  const borders = new Map<string, MergedLayer["border"]>();
  for (const block of blocks.filter((_, b) => mergesLayers(choices[b]))) {
    const found = planForm(model.graph, block, options);
    if ("refused" in found) {
      refused.push({ block, reason: found.refused });
      continue;
    }
    plans.push(...found);
    const own = new Set(found.flatMap(({ layers }) => layers).map(({ border }) => border));
    borders.set(block.name, (["kernel", "bias"] as const).find((border) => own.has(border)) ?? "none");
  }
  return { rewrite: mergePlans(model, plans), borders, refused };
}
