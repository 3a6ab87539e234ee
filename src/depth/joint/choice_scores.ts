/** What each choice of each block breaks, tried alone and without training: what a knapsack over blocks and widths sums up. */
import { firstImages } from "../../data/proof_inputs.ts";
import type { Dataset } from "../../data/types.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { runPlan } from "../../graph/equivalence.ts";
import type { Model } from "../../graph/types.ts";
import { outputLoss } from "../../prune/reconstruct/output_loss.ts";
import { Interrupted } from "../../train/errors.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import type { GeneSpace } from "../search/gene_space.ts";
import type { BlockScores } from "../search/knapsack.ts";
import type { Block } from "../types.ts";
import { chosenNetwork } from "./start_choices.ts";

/** What is scored, and on what. */
export interface ChoiceScoresOptions {
  /** Where the passes run. */
  readonly gpu: Gpu;
  /** A trained network, which stays as it is. */
  readonly model: Model;
  /** All of its blocks, in order of execution. */
  readonly blocks: readonly Block[];
  /** What each block may become. */
  readonly space: Pick<GeneSpace, "choices">;
  /** All of them are looked at: a few hundred do. Labels aren't. */
  readonly images: Dataset;
  /** Images per pass of what is measured anew; default 64. */
  readonly batch?: number;
  /** Stops between two choices. */
  readonly signal?: AbortSignal;
  /** Told after each block. */
  readonly progress?: (done: number, total: number) => void;
}

export const BATCH = 64;

/**
 * Minus the error of the network's outputs (outputLoss) with one block changed and its batch norms measured anew; 0 for what stays.
 *
 * @throws Interrupted when the signal is aborted
 */
export async function choiceScores(options: ChoiceScoresOptions): Promise<BlockScores> {
  const { gpu, model, blocks, space, images, batch = BATCH, signal, progress } = options;
  const { inputs, batch: count } = firstImages(images, images.count);
  const original = await runPlan(gpu, model, inputs, count);
  const scores: number[][] = [];
  for (const [b, choices] of space.choices.entries()) {
    const own: number[] = [];
    for (const choice of choices) {
      if (signal?.aborted) throw new Interrupted("stopped");
      if (choice === "keep") own.push(0);
      else {
        const gene = blocks.map((_, at) => at === b ? choice : "keep");
        const alone = await chosenNetwork({ gpu, model, blocks, gene, images, signal });
        const changed = await recalibrate(gpu, alone, images, batch);
        own.push(-outputLoss(original, await runPlan(gpu, changed, inputs, count), count));
      }
    }
    scores.push(own);
    progress?.(b + 1, blocks.length);
  }
  return scores;
}
