/** The knapsack over what blocks may become, held against what the whole network costs. */
import { UserError } from "../../errors.ts";
import type { GeneSpace } from "../search/gene_space.ts";
import { type BlockScores, knapsack } from "../search/knapsack.ts";
import type { SearchResult } from "../search/search.ts";
import { costOfGene, type PricedNetwork } from "./joint_space.ts";

/** What is chosen among, and for which budget. */
export interface JointKnapsackOptions extends PricedNetwork {
  readonly space: GeneSpace;
  readonly scores: BlockScores;
  /** What the whole network may cost, in the space's unit. */
  readonly limit: number;
}

/** Times that the limit is lowered by what the sum of single savings has promised too much. */
const ROUNDS = 8;
/** Genes of the front that come back: of many blocks and widths there are thousands, which differ by next to nothing. */
const POINTS = 200;

/**
 * Scores and savings of single choices are taken to add up. Where the savings don't, and the network costs more than the limit,
 * the blocks are chosen again for a limit that is lower by as much.
 *
 * @returns the best gene with what the whole network costs, and up to 200 of those that are worth less and cost less
 * @throws UserError where no gene meets the limit, with the numbers
 */
export function jointKnapsack({ space, scores, limit, ...priced }: JointKnapsackOptions): SearchResult {
  let aim = limit, cost = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const front = knapsack(space, { kind: "budget", limit: aim }, scores);
    cost = costOfGene(priced, front.at(-1)!.gene);
    if (cost <= limit) {
      const points = spreadOver(front).map(({ gene, cost, score }) => ({ gene, cost, value: score }));
      const best = { ...points.at(-1)!, cost };
      return { method: "knapsack", points: points.with(-1, best), best, pareto: points.map((_, i) => i) };
    }
    aim -= cost - limit;
  }
  const [wanted, reached] = [limit, cost].map((amount) => Number(amount.toPrecision(4)));
  throw new UserError(
    `a budget of ${wanted} ${space.unit} can't be met: the nearest network takes ${reached}: give at least that`,
  );
}

/** Up to 200 entries, the last among them. */
function spreadOver<T>(list: readonly T[]): T[] {
  const stride = Math.ceil(list.length / POINTS);
  return list.filter((_, i) => (list.length - 1 - i) % stride === 0);
}
