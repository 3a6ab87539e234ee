/**
 * One budget in ms over the blocks of a network and over widths inside them: for each block the best of what it is, what it is
 * with fewer channels, and the forms that need no training, chosen for all of them together by a knapsack.
 */
import { UserError } from "../../errors.ts";
import type { Rewrite } from "../../graph/types.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import type { GeneSpace } from "../search/gene_space.ts";
import { knapsack } from "../search/knapsack.ts";
import type { Gene } from "../types.ts";
import { BATCH, type BlockOption, type JointOptions, jointOptions } from "./joint_options.ts";
import { withChoices } from "./with_choices.ts";

/** What `jointBudget` takes. */
export interface JointBudgetOptions extends JointOptions {
  /** What the network may take at most, in ms by the estimate. */
  readonly limit: number;
}

/** What a joint budget has come to. */
export interface JointBudget {
  /** What becomes of each block. */
  readonly gene: Gene;
  /** Of the network that has become what the gene says, by the estimate. */
  readonly ms: number;
  /** What was chosen among, in the order of the blocks. */
  readonly options: readonly (readonly BlockOption[])[];
  /** The network, untrained, its batch norms' statistics measured anew. */
  readonly rewrite: Rewrite;
}

/** Times that the limit is lowered by what the sum of single savings has promised too much. */
const ROUNDS = 8;

/**
 * Losses and savings of single options are taken to add up. Where the savings don't, and the network would take longer than
 * the limit, the blocks are chosen again for a limit that is lower by as much.
 *
 * @throws UserError where no choice meets the limit, with the numbers; Interrupted when the signal is aborted
 */
export async function jointBudget(asked: JointBudgetOptions): Promise<JointBudget> {
  const { gpu, images, estimate, limit, batch = BATCH } = asked;
  const options = await jointOptions(asked);
  const space = spaceOf(asked, options);
  const scores = options.map((own) => own.map(({ loss }) => -loss));
  let aim = limit, ms = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const { gene } = knapsack(space, { kind: "budget", limit: aim }, scores).at(-1)!;
    const { model: changed, map } = await withChoices(asked, gene);
    ms = estimate(changed);
    if (ms <= limit) {
      return { gene, ms, options, rewrite: { model: await recalibrate(gpu, changed, images, batch), map } };
    }
    aim -= ms - limit;
  }
  const [wanted, reached] = [limit, ms].map((time) => Number(time.toPrecision(4)));
  throw new UserError(`a budget of ${wanted} ms can't be met: the nearest network takes ${reached} ms: give more`);
}

function spaceOf({ model, blocks, estimate }: JointBudgetOptions, options: JointBudget["options"]): GeneSpace {
  const rest = estimate(model);
  return {
    blocks: blocks.blocks.map(({ name }) => name),
    choices: options.map((own) => own.map(({ choice }) => choice)),
    cost: { rest, blocks: options.map((own) => own.map(({ ms }) => ms - rest)) },
    unit: "ms",
  };
}
