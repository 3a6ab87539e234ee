/** Pruning in one shot, without training: masks by what a criterion says of the weights as they are. */

import type { Model } from "../../graph/types.ts";
import { scoreGroups } from "../criteria/score.ts";
import type { Scoring } from "../criteria/types.ts";
import { removeUnused } from "../rewrite/unused.ts";
import { bothMasks, type Choice, maskModel, type Masks, masksOf } from "../structures/masks.ts";
import { keptGroups } from "../structures/selection.ts";
import { GRANULARITIES } from "../structures/structures.ts";
import type { Constraint } from "../structures/types.ts";

/**
 * Masks of what the constraints leave, on top of those that there are. Coarse constraints choose first, the finer ones
 * among what is left then: a column that reads a filter which is gone counts as gone.
 *
 * @param model in the shapes that the masks and constraints have
 * @param masks of what is gone already
 * @throws UserError where the criterion can't score a constraint's groups, or needs evidence that wasn't gathered
 */
export function oneShot(
  model: Model,
  masks: Masks,
  constraints: readonly Constraint[],
  scoring: Scoring,
): Masks {
  return chooseAll(model, masks, constraints, scoring).masks;
}

/** A choice and what it was made by. */
export interface ScoredChoice extends Choice {
  /** Of each group of the constraint. */
  readonly scores: Float64Array;
}

/** The same, with what each constraint keeps and what its groups scored when it chose. */
export function chooseAll(
  model: Model,
  masks: Masks,
  constraints: readonly Constraint[],
  { criterion, seed, gathered }: Scoring,
): { readonly masks: Masks; readonly choices: readonly ScoredChoice[] } {
  const kinds = Map.groupBy(constraints, ({ kind }) => kind);
  let result = masks;
  const all: ScoredChoice[] = [];
  for (const kind of GRANULARITIES) {
    const wanted = kinds.get(kind);
    if (!wanted) continue;
    const evidence = { model: removeUnused(maskModel(model, result)).model, seed, gathered };
    const choices = wanted.map((constraint): ScoredChoice => {
      const { scores, taps } = scoreGroups(criterion, constraint, evidence);
      return { constraint, scores, kept: keptGroups(constraint, scores), taps };
    });
    all.push(...choices);
    result = bothMasks(result, masksOf(choices, model.params));
  }
  return { masks: result, choices: all };
}
