import { show, UserError } from "../../errors.ts";
import type { Gene } from "../types.ts";
import { changedBlocks, type GeneConstraint, type GeneSpace, isAllowed, spaceSize } from "./gene_space.ts";
import type { Searcher } from "./searcher.ts";

/** Genes that an exhaustive search goes through at most. */
export const MOST_GENES = 4096;

/** Asks for every allowed gene, in the order of counting with the last block fastest. */
export const exhaustive: Searcher = async ({ space, constraint, value }) => {
  const size = spaceSize(space, constraint);
  if (size > MOST_GENES) {
    throw new UserError(
      `an exhaustive search would go through ${
        show(size)
      } genes, at most ${MOST_GENES} are accepted: use method genetic`,
    );
  }
  for (const gene of allGenes(space, constraint)) {
    if (isAllowed(space, constraint, gene)) await value(gene);
  }
};

/** Every gene that changes at most as many blocks as the constraint has. */
function* allGenes({ choices }: GeneSpace, constraint: GeneConstraint, gene: Gene = []): Generator<Gene> {
  if (constraint.kind === "count") {
    const changed = changedBlocks(gene);
    const left = choices.slice(gene.length).filter((own) => own.length > 1).length;
    if (changed > constraint.k || changed + left < constraint.k) return;
  }
  if (gene.length === choices.length) {
    yield gene;
    return;
  }
  for (const choice of choices[gene.length]) yield* allGenes({ choices } as GeneSpace, constraint, [...gene, choice]);
}
