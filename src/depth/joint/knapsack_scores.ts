/** Label-free scores of what blocks may become, for a knapsack over them. */
import { type LinearScore, scoreBlocks } from "../linearize/linearize.ts";
import type { BlockScores } from "../search/knapsack.ts";
import { choiceScores, type ChoiceScoresOptions } from "./choice_scores.ts";

/** Scores, and what they were made of where linear layers were fitted. */
export interface KnapsackScores {
  readonly scores: BlockScores;
  /** Of each block that can become a linear layer, where that is all that blocks may become. */
  readonly linear: readonly LinearScore[];
}

/**
 * Where linear layers are all that blocks may become, −(1 − R²) of each, from one pass over the images; else what each choice breaks
 * of the network's outputs (choiceScores).
 *
 * @throws Interrupted when the signal is aborted
 */
export async function knapsackScores(options: ChoiceScoresOptions): Promise<KnapsackScores> {
  const { gpu, model, blocks, space: { choices }, images, signal } = options;
  const onlyLinear = choices.flat().every((choice) => choice === "keep" || choice === "linear");
  if (!onlyLinear) return { scores: await choiceScores(options), linear: [] };
  const prunable = blocks.filter((_, b) => choices[b].length > 1);
  const linear = await scoreBlocks({ gpu, model, blocks: prunable, images, signal });
  const r2 = new Map(linear.map((score) => [score.block, score.r2]));
  const scores = blocks.map(({ name }, b) => choices[b].map((choice) => choice === "keep" ? 0 : r2.get(name)! - 1));
  return { scores, linear };
}
