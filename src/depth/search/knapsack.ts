import { UserError } from "../../errors.ts";
import type { Gene } from "../types.ts";
import { type AdditiveCost, checkConstraint, type GeneConstraint, type GeneSpace } from "./gene_space.ts";

/** Of each block and each of its choices, in the order of `GeneSpace.choices`: what is to be large in sum. */
export type BlockScores = readonly (readonly number[])[];

/** A gene with the sum of its scores. */
export interface ScoredGene {
  readonly gene: Gene;
  /** In the space's unit. */
  readonly cost: number;
  readonly score: number;
}

/**
 * The allowed genes of which none is both cheaper and better, by rising cost: the last one has the largest sum of scores.
 * Exact, by dynamic programming over the blocks that keeps of all beginnings those that no other one dominates (Nemhauser
 * and Ullmann, "Discrete dynamic programming and capital allocation", 1969). Costs may be any real numbers.
 *
 * @throws UserError where no gene is allowed, or the space's cost doesn't add up over the blocks
 */
export function knapsack(space: GeneSpace, constraint: GeneConstraint, scores: BlockScores): readonly ScoredGene[] {
  const { choices, cost } = space;
  if (typeof cost === "function") {
    throw new UserError("method knapsack needs a cost that adds up over the blocks: use method genetic, or exhaustive");
  }
  checkConstraint(space, constraint);
  let beginnings: Beginning[] = [{ cost: cost.rest, score: 0, changed: 0, gene: [] }];
  choices.forEach((own, b) => {
    const longer = beginnings.flatMap((beginning) =>
      own.map((choice, c): Beginning => ({
        cost: beginning.cost + cost.blocks[b][c],
        score: beginning.score + scores[b][c],
        changed: beginning.changed + (choice === "keep" ? 0 : 1),
        gene: [...beginning.gene, choice],
      }))
    );
    beginnings = undominated(longer.filter(mayMeet(space, cost, constraint, b + 1)), constraint);
  });
  return beginnings
    .filter(({ cost, changed }) => constraint.kind === "count" ? changed === constraint.k : cost <= constraint.limit)
    .map(({ gene, cost, score }) => ({ gene, cost, score }));
}

/** A gene of the first blocks. */
interface Beginning extends ScoredGene {
  /** Blocks of it that are not kept. */
  readonly changed: number;
}

/** Sums of the cheapest rest are added in another order than the gene's own. */
const ROUNDING = 1e-9;

/** Whether the blocks from `next` on can be chosen so that the constraint is met. */
function mayMeet(
  { choices }: GeneSpace,
  cost: AdditiveCost,
  constraint: GeneConstraint,
  next: number,
): (beginning: Beginning) => boolean {
  if (constraint.kind === "count") {
    const left = choices.slice(next).filter((own) => own.length > 1).length;
    return ({ changed }) => changed <= constraint.k && changed + left >= constraint.k;
  }
  const rest = cost.blocks.slice(next).reduce((sum, own) => sum + Math.min(...own), 0);
  return (beginning) => beginning.cost + rest <= constraint.limit + ROUNDING * Math.abs(constraint.limit);
}

/** Those than which no other one is as cheap and as good; a count is kept for each number of changed blocks by itself. */
function undominated(beginnings: readonly Beginning[], constraint: GeneConstraint): Beginning[] {
  const best = new Map<number, number>();
  return beginnings.toSorted((a, b) => a.cost - b.cost || b.score - a.score).filter(({ changed, score }) => {
    const rival = constraint.kind === "count" ? changed : 0;
    if (score <= (best.get(rival) ?? -Infinity)) return false;
    best.set(rival, score);
    return true;
  });
}
