/** What a criterion is: it says what groups are worth, and knows neither how many shall stay nor what they cost. */

import type { Graph, Model } from "../../graph/types.ts";
import type { EvidenceRequest, GatheredEvidence } from "../../train/evidence/evidence.ts";
import type { EvidenceOptions } from "../../train/evidence/gather_evidence.ts";
import type { Constraint } from "../structures/types.ts";

/** What scores may be computed from. */
export interface Evidence {
  /** The network with its weights as they are now; what was pruned before is 0. */
  readonly model: Model;
  /** Keys what a criterion draws by lot. */
  readonly seed: number;
  /** What the criterion's `request` has asked for, of the network before anything went that is 0 by now. */
  readonly gathered?: GatheredEvidence;
}

/** How groups are scored: by what, and from what beside the weights. */
export interface Scoring extends Omit<Evidence, "model"> {
  readonly criterion: Criterion;
}

/** What a criterion looks at. */
export type EvidenceKind = "weights" | "gradients" | "activations" | "moments";

/** Says what groups of weights are worth. */
export interface Criterion {
  /** By which options and recipes name it. */
  readonly name: string;
  /** One line for lists and help texts. */
  readonly summary: string;
  /** Where it is from: authors, year and where to read it. One of your own may have none. */
  readonly source?: string;
  /** What it looks at. */
  readonly needs: readonly EvidenceKind[];
  /** Whether what it needs can only be gathered from labelled data. */
  readonly labels: boolean;
  /** Why these groups can't be scored; undefined if they can. */
  refusal?(groups: Constraint, graph: Graph): string | undefined;
  /** What it wants to know beside the weights of these groups; gathered for all constraints in one pass (gatherFor). */
  request?(groups: Constraint, graph: Graph): EvidenceRequest;
  /** Gathers what `request` asks for, where that takes more than a pass over the network as it is. */
  gather?(
    options: Omit<EvidenceOptions, "requests"> & { readonly constraints: readonly Constraint[] },
  ): Promise<GatheredEvidence>;
  /**
   * Of each group, length `groups.groups`, float64: the higher, the more it is worth. A group of nothing but zeros scores lowest.
   * Under a pattern of kernels only its taps count. Where groups are worth something only together, `groups.keep` says how many will
   * stay; before a budget has settled that it is all of them.
   */
  score(groups: Constraint, evidence: Evidence): Float64Array;
  /**
   * Sets the scores of one layer's groups against each other, so that those of different layers can be compared. A criterion
   * that has this is a budget rule as well, over the scores of any other.
   */
  relative?(scores: Float64Array): Float64Array;
  /** A group's score is a sum over its weight tensors of parts that aren't below 0, so that each tensor's may be normalised. */
  readonly additive?: boolean;
  /** Its scores say nothing of what a layer is worth: budgets for the whole network rank groups by `l2` in its place. */
  readonly arbitrary?: boolean;
}
