/** Pruning in one call, without training: from a network and what is asked of it to the masked network. */

import type { Model } from "../graph/types.ts";
import { type BudgetRequest, type KeptRecord, settleKept, stepConstraints } from "./budget/settle.ts";
import { l2 } from "./criteria/l2.ts";
import type { Criterion } from "./criteria/types.ts";
import { oneShot } from "./methods/one_shot.ts";
import type { ConstraintOptions } from "./structures/constraints.ts";
import { maskModel, type Masks } from "./structures/masks.ts";

export interface PruneOptions {
  /** What goes, and without a budget how much of it stays; default: filters of all layers. */
  readonly constraints?: readonly ConstraintOptions[];
  /** What a group is worth; default `l2`. */
  readonly criterion?: Criterion;
  /** How much of the whole network may stay, in place of the constraints' own `keep`. */
  readonly budget?: BudgetRequest;
  /** Of what the criterion draws by lot; default 1. */
  readonly seed?: number;
}

export interface Pruned {
  /** The network in its own shapes, with what went 0: to be trained under `masks`, and made smaller by `compact`. */
  readonly model: Model;
  /** 0/1 for each element of the parameters of which something went. */
  readonly masks: Masks;
  /** How many groups each constraint keeps. */
  readonly kept: readonly KeptRecord[];
}

/**
 * Scores the groups of a network, settles how many of them stay, and masks the others.
 *
 * @throws UserError for layers that aren't there or can't be pruned so, for a budget that can't be met, and for groups that the
 * criterion can't score
 */
export function prune(model: Model, options: PruneOptions): Pruned {
  const { constraints = [{ granularity: "filter", keep: 1 }], criterion = l2, budget, seed = 1 } = options;
  const kept = settleKept({ model, dense: model.graph }, { constraints, criterion, budget, seed });
  const masks = oneShot(model, new Map(), stepConstraints(model.graph, constraints, kept, 1), criterion, seed);
  return { model: maskModel(model, masks), masks, kept };
}
