/** Genes as recipes write them, for the blocks of a network. */
import { formsOf } from "../depth/forms/forms.ts";
import { checkGene, type GeneSpace } from "../depth/search/gene_space.ts";
import type { Block, FormName, Gene } from "../depth/types.ts";
import { UserError } from "../errors.ts";
import type { Graph } from "../graph/types.ts";
import type { SearchStage } from "../recipe/registry.ts";

/** Every block in this form where it can take it. @throws UserError where none can */
export function startGene(
  graph: Graph,
  blocks: readonly Block[],
  form: FormName,
): readonly (FormName | "keep")[] {
  const gene = blocks.map((block) => formsOf(graph, block).includes(form) ? form : "keep");
  if (gene.some((choice) => choice !== "keep")) return gene;
  const found = blocks.map((block) => `${block.name} (${formsOf(graph, block).join(", ") || "none"})`);
  throw new UserError(
    `no block of "${graph.name}" can take the form ${form}: ${
      found.length > 0 ? `its blocks and their forms are ${found.join("; ")}` : "it has no blocks"
    }`,
  );
}

/**
 * A gene that a recipe gives, by names.
 * @param form what 1 stands for
 * @throws UserError where it isn't one of the space
 */
export function geneOf(space: GeneSpace, given: NonNullable<SearchStage["gene"]>, form: FormName): Gene {
  const gene = given.map((place) => place === 0 ? "keep" : place === 1 ? form : place);
  checkGene(space, gene);
  return gene;
}
