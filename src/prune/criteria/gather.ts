/** Evidence for criteria that look at more than weights, in one pass over some images. */
import { UserError } from "../../errors.ts";
import type { Graph } from "../../graph/types.ts";
import type { GatheredEvidence } from "../../train/evidence/evidence.ts";
import { type EvidenceOptions, gatherEvidence } from "../../train/evidence/gather_evidence.ts";
import type { Constraint } from "../structures/types.ts";
import { checkScorable } from "./score.ts";
import type { Criterion } from "./types.ts";

/** Where and on what evidence is gathered, and for whom. */
export interface GatherOptions extends Omit<EvidenceOptions, "requests"> {
  /** What it scores by. */
  readonly criterion: Criterion;
  /** What will be scored. */
  readonly constraints: readonly Constraint[];
}

/**
 * What a criterion wants to know of the network; undefined for one that looks at weights alone, for which nothing is run.
 *
 * @throws UserError where it can't score one of the constraints, or needs labels that the images don't have; Interrupted when the
 * signal is aborted
 */
export async function gatherFor(
  { criterion, constraints, ...options }: GatherOptions,
): Promise<GatheredEvidence | undefined> {
  const { graph } = options.model;
  if (!criterion.request) return undefined;
  checkScorable(criterion, constraints, graph);
  if (criterion.labels && !options.data.labels) {
    throw new UserError(
      `criterion ${criterion.name} learns from labels, and the images have none: use one that needs none, such as activation`,
    );
  }
  return await gatherEvidence({ ...options, requests: requestsOf(criterion, constraints, graph) });
}

function requestsOf(criterion: Criterion, constraints: readonly Constraint[], graph: Graph) {
  return constraints.map((constraint) => criterion.request!(constraint, graph));
}
