/** Which layers are looked at, how many of their groups go, and which. */
import { UserError } from "../../errors.ts";
import type { Graph, HostTensor, Model } from "../../graph/types.ts";
import { keptCount } from "../budget/per_layer.ts";
import { scoreGroups } from "../criteria/score.ts";
import type { Scoring } from "../criteria/types.ts";
import { removeUnused } from "../rewrite/unused.ts";
import { coupledConstraints } from "../structures/constraints.ts";
import { maskModel, masksOf } from "../structures/masks.ts";
import { rankGroups } from "../structures/selection.ts";
import type { Constraint } from "../structures/types.ts";

/** What is looked at. */
export interface LayersAsked {
  /** Parts of a layer's groups that go, each above 0 and below 1. */
  readonly ratios: readonly number[];
  /** Names of layers, `*` for any characters. Default: all that can lose filters. */
  readonly layers?: readonly string[];
  /** Names of layers that stay whole. */
  readonly exclude?: readonly string[];
}

/** A layer, or coupled layers, of which parts are pruned. */
export interface PrunedLayer {
  readonly constraint: Constraint;
  /** Place of the first node that the layer's masks change: everything before is as in the whole network. */
  readonly from: number;
  /** How many groups stay, by falling count. Ratios that leave as many share one. */
  readonly keeps: readonly number[];
}

/**
 * The filters that may go, layer by layer in order of execution.
 *
 * @throws UserError for a ratio that is none, a layer that isn't there or that can't lose filters
 */
export function prunedLayers(graph: Graph, { ratios, layers, exclude }: LayersAsked): PrunedLayer[] {
  const wrong = ratios.find((ratio) => !(ratio > 0 && ratio < 1));
  if (ratios.length === 0 || wrong !== undefined) {
    throw new UserError(
      `ratios: got ${wrong ?? "none"}, expected parts of a layer that go, above 0 and below 1, such as 0.1,0.3,0.5`,
    );
  }
  return coupledConstraints(graph, { granularity: "filter", keep: 1, layers, exclude })
    .map((constraint): PrunedLayer => {
      const { groups, minKeep, members } = constraint;
      const masked = new Set(members.map(({ param }) => param));
      const kept = ratios.map((ratio) => keptCount(groups, 1 - ratio, minKeep)).filter((keep) => keep < groups);
      return {
        constraint,
        from: graph.nodes.findIndex(({ inputs }) => inputs.some((name) => masked.has(name))),
        keeps: [...new Set(kept)].sort((a, b) => b - a),
      };
    })
    .filter(({ keeps }) => keeps.length > 0)
    .sort((a, b) => a.from - b.from);
}

/** The constraint's groups by a criterion, the one that goes last first. @throws UserError where it can't score them */
export function rankedBy(model: Model, constraints: readonly Constraint[], scoring: Scoring): readonly number[][] {
  const { criterion, seed, gathered } = scoring;
  // As pruning will score them: what nobody reads goes first.
  const evidence = { model: removeUnused(model).model, seed, gathered };
  return constraints.map((constraint) => rankGroups(scoreGroups(criterion, constraint, evidence).scores));
}

/** The parameters that change where only these groups stay, with what goes set to 0. */
export function maskedParams(
  model: Model,
  constraint: Constraint,
  kept: readonly number[],
): ReadonlyMap<string, HostTensor> {
  const masks = masksOf([{ constraint, kept }], model.params);
  const { params } = maskModel(model, masks);
  return new Map([...masks.keys()].map((name) => [name, params.get(name)!]));
}
