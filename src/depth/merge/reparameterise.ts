/** Networks that were trained with more layers than they need, as those that compute the same with fewer. */
import { UserError } from "../../errors.ts";
import type { Graph, Model, Rewrite } from "../../graph/types.ts";
import { mergePlans } from "./merge.ts";
import type { MergeOptions, MergePlan } from "./plan.ts";
import { affineRuns } from "./runs.ts";

/**
 * The network with every run of affine layers as the layers that compute the same with the fewest multiply-adds: a 3×3 convolution for
 * the branches of a RepVGG, DBB or MobileOne, one for convolutions without an activation between them, batch norms folded.
 * It computes the same, so nothing is trained.
 *
 * Ding et al. 2021, RepVGG: Making VGG-style ConvNets Great Again; Ding et al. 2021, Diverse Branch Block (its six transforms);
 * Vasu et al. 2023, MobileOne.
 *
 * @throws UserError where there is nothing to merge
 */
export function reparameterise(model: Model, options: MergeOptions = {}): Rewrite {
  return mergePlans(model, reparameterisedRuns(model.graph, options));
}

/** What would be merged: numbers play no part. @throws UserError where there is nothing to merge */
export function reparameterisedRuns(graph: Graph, options: MergeOptions = {}): readonly MergePlan[] {
  const plans = affineRuns(graph, options);
  if (plans.length > 0) return plans;
  throw new UserError(
    `"${graph.name}" can't be re-parameterised: between its activations stand no two layers, branches or norms that ` +
      `one layer could compute`,
  );
}
