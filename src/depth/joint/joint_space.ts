/** The genes of a network whose blocks may also become narrower, priced before anything is trained. */
import { graphCost } from "../../graph/cost.ts";
import { formSpace, type FormSpaceOptions } from "../search/form_space.ts";
import type { GeneSpace } from "../search/gene_space.ts";
import { mergedGene } from "../search/merged_gene.ts";
import type { Choice, Gene } from "../types.ts";
import { formsIn, innerLayers, narrowedBy } from "./narrow.ts";

/** What a space is made of. */
export interface JointSpaceOptions extends FormSpaceOptions {
  /** Fractions of a block's own channels that it may keep, each in (0, 1). */
  readonly widths: readonly number[];
}

/** What a network costs that becomes what a gene says. */
export type PricedNetwork = Pick<JointSpaceOptions, "model" | "blocks" | "unit" | "estimate" | "merging">;

/**
 * For each block keep, the widths, and the forms that it can take; costs are taken to add up over the blocks.
 *
 * @throws UserError for a network or a form that the estimate has no layers for
 */
export function jointSpace(options: JointSpaceOptions): GeneSpace {
  const { model, blocks, widths } = options;
  const space = formSpace(options);
  if (widths.length === 0 || typeof space.cost === "function") return space;
  const { cost, choices } = space;
  const narrow = blocks.map((block, b) => {
    if (innerLayers(model.graph, block).length === 0) return [];
    return widths.map((keep) => {
      const choice: Choice = `width ${keep}`;
      return { choice, cost: costOfGene(options, blocks.map((_, at) => at === b ? choice : "keep")) - cost.rest };
    });
  });
  // Keep stands first, then the widths, then the forms.
  const within = <T>(own: readonly T[], between: readonly T[]): T[] => [own[0], ...between, ...own.slice(1)];
  return {
    ...space,
    choices: choices.map((own, b) => within(own, narrow[b].map(({ choice }) => choice))),
    cost: { rest: cost.rest, blocks: cost.blocks.map((own, b) => within(own, narrow[b].map(({ cost }) => cost))) },
  };
}

/** What the whole network costs, narrowed and merged, in the unit asked for: without taking savings to add up. */
export function costOfGene({ model, blocks, unit, estimate, merging }: PricedNetwork, gene: Gene): number {
  const changed = mergedGene(narrowedBy(model, blocks, gene).model, blocks, formsIn(gene), merging);
  return unit === "ms" ? estimate!(changed) : graphCost(changed.graph)[unit];
}
