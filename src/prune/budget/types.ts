/** What budgets are made of: an order of all groups of a network, and what the network may cost. They know scores and costs, not weights. */

import type { Cost } from "../../graph/cost.ts";
import type { Model } from "../../graph/types.ts";

/** How the groups of different layers are put into one order, of which the lowest go first. */
export interface BudgetRule {
  /** By which options and recipes name it. */
  readonly name: string;
  /** One line for lists and help texts. */
  readonly summary: string;
  /** The fraction of its groups that a layer keeps where a budget doesn't say; default 0. */
  readonly protect?: number;
  /**
   * What each group of one layer is worth beside those of other layers, in the order of `scores`. It must rise with the score:
   * a layer's weakest groups go first under any rule.
   *
   * @param saved the costs that one group of the layer saves, in fractions of the whole network's, above 0
   * @param layer what else there is to know of the layer
   * @param all every layer of which groups may go, this one among them
   */
  worth(scores: Float64Array, saved: number, layer: RankedLayer, all: readonly RankedLayer[]): Float64Array;
}

/** A layer, or what layers are coupled to, whose groups are put into the network's order. */
export interface RankedLayer {
  /** Of each of its groups. */
  readonly scores: Float64Array;
  /** Of the weights that the groups are of, the layer's own first: [F, C, KH, KW] of a convolution. */
  readonly shapes: readonly (readonly number[])[];
}

/** A network of which a budget asks what it costs. */
export interface Priced {
  /** Physically small; what its numbers are doesn't matter but where they are 0. */
  readonly model: Model;
  readonly cost: Cost;
  /** Parameters whose zeros aren't counted as stored: those under constraints that leave zeros in place. */
  readonly inPlace: ReadonlySet<string>;
  /** Groups that stay, over all constraints. */
  readonly groups: number;
  /** What a network takes on the device that is aimed at, in ms; undefined where nobody asks. */
  readonly latency?: (model: Model) => number;
}

/** Something that a network may have so much of. */
export interface CostMeasure {
  readonly name: string;
  /** Whether it is asked for and told as a fraction of what the whole network has, or as it is. */
  readonly amount: "fraction" | "absolute";
  /** One group less may save nothing where several do. */
  readonly inSteps?: boolean;
  /** "0.3 of the params", "2.5 ms by the table". */
  tell(amount: string): string;
  of(network: Priced): number;
}
