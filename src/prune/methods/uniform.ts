/**
 * A network and what filter pruning makes of it, to be timed against each other. Weights decide which filters go and
 * nothing about the time that is left, so a network of the zoo may have any: seeded ones.
 */
import { UserError } from "../../errors.ts";
import { graphCost } from "../../graph/cost.ts";
import { initialise } from "../../graph/initialise.ts";
import type { Model } from "../../graph/types.ts";
import { createModel } from "../../models/zoo.ts";
import { compact } from "../rewrite/compact.ts";
import { coupledConstraints } from "../structures/constraints.ts";
import { l2 } from "../criteria/l2.ts";
import { scoreGroups } from "../criteria/score.ts";
import { maskModel, masksOf } from "../structures/masks.ts";
import { keptGroups } from "../structures/selection.ts";
import { removeUnused } from "../rewrite/unused.ts";

/** A network before and after pruning, of seeded weights: for timing. */
export interface Pair {
  /** Before. */
  readonly dense: Model;
  /** Physically smaller. */
  readonly pruned: Model;
}

/** Of the multiply-adds that the pruned network keeps. */
const HALF = 0.5;
const SEED = 1;
/** The part that layers keep is found to 1/128. */
const HALVINGS = 7;

/** A network of the zoo with seeded weights. Throws UserError for an unknown name. */
export function zooModel(name: string): Model {
  const graph = createModel(name);
  return { graph, params: initialise(graph, SEED) };
}

/**
 * A network of the zoo with seeded weights, and the same without the filters that `pruneFilters` takes.
 *
 * @throws UserError for an unknown name
 */
export function zooPair(name: string): Pair {
  const dense = zooModel(name);
  return { dense, pruned: pruneFilters(dense) };
}

/**
 * Takes filters of the least magnitude away, coupled ones together and in every layer the same part of them, until at most
 * `macs` of the multiply-adds are left, and compacts the network. Nothing is retrained: this is for timing. (A budget over
 * all layers, `solveBudget`, prices some hundred networks: a phone would take half a minute for MobileNetV2.)
 *
 * @throws UserError where no layer's filters can go, or not so many
 */
export function pruneFilters(model: Model, macs = HALF): Model {
  const { graph, params } = model;
  const dense = graphCost(graph).macs;
  const scores = coupledConstraints(graph, { granularity: "filter", keep: 1 })
    .map((constraint) => scoreGroups(l2, constraint, { model, seed: SEED }).scores);
  const keeping = (keep: number): Model => {
    const choices = coupledConstraints(graph, { granularity: "filter", keep })
      .map((constraint, i) => ({ constraint, kept: keptGroups(constraint, scores[i]) }));
    return compact(removeUnused(maskModel(model, masksOf(choices, params))).model).model;
  };
  let low = 0, high = 1;
  let found: Model | undefined;
  for (let i = 0; i < HALVINGS; i++) {
    const keep = (low + high) / 2;
    const candidate = keeping(keep);
    if (graphCost(candidate.graph).macs <= macs * dense) {
      low = keep;
      found = candidate;
    } else high = keep;
  }
  if (!found) {
    const least = graphCost(keeping(high).graph).macs / dense;
    throw new UserError(
      `filters alone can't bring "${graph.name}" to ${macs} of its multiply-adds: ${least.toFixed(2)} are left when ` +
        `each layer keeps one`,
    );
  }
  return found;
}
