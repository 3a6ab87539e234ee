/**
 * One budget in ms over the blocks of a network and over widths inside them: for each block the best of what it is, what it is
 * with fewer channels, and its forms, chosen for all of them together by a knapsack.
 */
import type { Dataset } from "../../data/types.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Model, Rewrite } from "../../graph/types.ts";
import type { Estimate } from "../../measure/latency/estimate.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import { settle } from "../forms/settle.ts";
import type { Blocks, Choice, FormName, Gene } from "../types.ts";
import { BATCH, choiceScores } from "./choice_scores.ts";
import { jointKnapsack } from "./joint_knapsack.ts";
import { jointSpace } from "./joint_space.ts";
import { startChoices } from "./start_choices.ts";

/** One thing that a block may become. */
export interface BlockOption {
  /** What it becomes. */
  readonly choice: Choice;
  /** What the whole network takes with this option alone, by the estimate. */
  readonly ms: number;
  /** How far the network's outputs then are from the original ones (outputLoss). */
  readonly loss: number;
}

/** What `jointBudget` takes. */
export interface JointBudgetOptions {
  /** Where the passes run. */
  readonly gpu: Gpu;
  /** A trained network, which stays as it is. */
  readonly model: Model;
  /** Its blocks (findBlocks). */
  readonly blocks: Blocks;
  /** What a network takes on the device that is aimed at, in ms. */
  readonly estimate: Estimate;
  /** What the network may take at most, in ms by the estimate. */
  readonly limit: number;
  /** Fractions of a block's own channels that are tried, each in (0, 1). Default ¾, ½ and ¼; [] for none. */
  readonly widths?: readonly number[];
  /** Forms that are tried, where blocks can take them; default those that begin without training. */
  readonly forms?: readonly FormName[];
  /** What is looked at: a few hundred do. Labels aren't. */
  readonly images: Dataset;
  /** Images per pass of what is measured anew; default 64. */
  readonly batch?: number;
  /** Stops between two choices. */
  readonly signal?: AbortSignal;
  /** Told after each block. */
  readonly progress?: (done: number, total: number) => void;
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

const WIDTHS = [0.75, 0.5, 0.25] as const;
const FORMS = ["linear", "skip"] as const;

/**
 * Losses and savings of single options are taken to add up. Where the savings don't, and the network would take longer than
 * the limit, the blocks are chosen again for a limit that is lower by as much.
 *
 * @throws UserError where no choice meets the limit, with the numbers; Interrupted when the signal is aborted
 */
export async function jointBudget(asked: JointBudgetOptions): Promise<JointBudget> {
  const { gpu, model, blocks: { blocks }, images, estimate, limit, widths = WIDTHS, forms = FORMS } = asked;
  const { batch = BATCH, signal } = asked;
  const priced = { model, blocks, unit: "ms", estimate } as const;
  const space = jointSpace({ ...priced, forms, widths });
  const scores = await choiceScores({ ...asked, blocks, space });
  const { best: { gene, cost } } = jointKnapsack({ ...priced, space, scores, limit });
  const { rewrite: { model: mixed, map } } = await startChoices({ gpu, model, blocks, gene, images, signal });
  const changed = await recalibrate(gpu, settle(mixed, "form"), images, batch);
  const { rest, blocks: savings } = space.cost as Exclude<typeof space.cost, (gene: Gene) => number>;
  return {
    gene,
    ms: cost,
    options: space.choices.map((own, b) =>
      own.map((choice, c) => ({ choice, ms: rest + savings[b][c], loss: -scores[b][c] }))
    ),
    rewrite: { model: changed, map: new Map([...map].filter(([name]) => changed.graph.params[name])) },
  };
}
