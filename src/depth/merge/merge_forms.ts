/** Blocks that have taken a form of several layers, merged. */
import type { Model, Rewrite } from "../../graph/types.ts";
import { FORMS } from "../forms/forms.ts";
import type { Block, Choice, FormName } from "../types.ts";
import { mergePlans, planBlock } from "./merge.ts";
import type { MergeOptions, MergePlan } from "./plan.ts";

/** A network in which each form of several layers has become as few as it can. */
export interface MergedForms {
  readonly rewrite: Rewrite;
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
  options: MergeOptions = {},
): MergedForms {
  const plans: MergePlan[] = [];
  const refused: { block: Block; reason: string }[] = [];
  for (const block of blocks.filter((_, b) => merges(choices[b]))) {
    const found = planBlock(model.graph, block, options);
    if ("refused" in found) refused.push({ block, reason: found.refused });
    else plans.push(...found);
  }
  return { rewrite: mergePlans(model, plans), refused };
}

function merges(choice: Choice): boolean {
  return Object.hasOwn(FORMS, choice) && FORMS[choice as FormName].merges;
}
