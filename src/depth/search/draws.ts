/** Genes that are drawn at random and made to meet a constraint. */
import { random } from "../../../kernels/random/philox.ts";
import type { Gene } from "../types.ts";
import { changedBlocks, cheapestGene, costOf, type GeneConstraint, type GeneSpace, neighbours } from "./gene_space.ts";

/** A sequence of random numbers: the same for the same seed, stream and round, whatever was drawn in other rounds. */
export interface Draws {
  /** In [0, 1). */
  uniform(): number;
  /** One of them. */
  pick<Item>(list: readonly Item[]): Item;
}

/** The numbers of one round, such as a generation. */
export function drawsOf(seed: number, stream: string, round: number): Draws {
  const rng = random(seed, stream);
  let index = 0;
  return {
    uniform: () => rng.uniform(round, index++),
    pick: (list) => list[rng.below(list.length, round, index++)],
  };
}

/** For a count each choice of blocks is as likely; for a budget every block is drawn by itself, then the gene is repaired. */
export function randomGene(space: GeneSpace, constraint: GeneConstraint, draws: Draws): Gene {
  const { choices } = space;
  const gene: Gene = choices.map((own) => constraint.kind === "count" ? "keep" : draws.pick(own));
  return repair(space, constraint, gene, draws);
}

/**
 * Changes random blocks until the constraint allows the gene: of a count blocks are given a form, or back their own, as it
 * takes; of a budget only changes that make the gene cheaper are drawn, so that it comes to an end.
 */
export function repair(space: GeneSpace, constraint: GeneConstraint, gene: Gene, draws: Draws): Gene {
  if (constraint.kind === "budget") return repairCost(space, constraint.limit, gene, draws);
  const { choices } = space;
  const places = choices.map((_, b) => b);
  let repaired = gene;
  for (let changed = changedBlocks(gene); changed > constraint.k; changed--) {
    repaired = repaired.with(draws.pick(places.filter((b) => repaired[b] !== "keep")), "keep");
  }
  for (let changed = changedBlocks(gene); changed < constraint.k; changed++) {
    const b = draws.pick(places.filter((b) => repaired[b] === "keep" && choices[b].length > 1));
    repaired = repaired.with(b, draws.pick(choices[b].slice(1)));
  }
  return repaired;
}

function repairCost(space: GeneSpace, limit: number, gene: Gene, draws: Draws): Gene {
  let repaired = gene;
  for (let cost = costOf(space, gene); cost > limit; cost = costOf(space, repaired)) {
    const cheaper = neighbours(space, repaired).filter((other) => costOf(space, other) < cost);
    // A cost that is a function of the whole gene can have a dead end.
    if (cheaper.length === 0) return cheapestGene(space);
    repaired = draws.pick(cheaper);
  }
  return repaired;
}
