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
 * @throws UserError where it can't score one of the constraints, there are no images, or it needs labels that the images don't
 * have, or of which all are the same; Interrupted when the signal is aborted
 */
export async function gatherFor(
  { criterion, constraints, ...options }: GatherOptions,
): Promise<GatheredEvidence | undefined> {
  const { graph } = options.model;
  if (!criterion.request) return undefined;
  checkScorable(criterion, constraints, graph);
  if (Math.min(options.data.count, options.images ?? Infinity) === 0) {
    throw new UserError(`criterion ${criterion.name} looks at images, and there are none: give some`);
  }
  if (criterion.labels) checkLabels(criterion, options);
  if (criterion.gather) return await criterion.gather({ ...options, constraints });
  return await gatherEvidence({ ...options, requests: requestsOf(criterion, constraints, graph) });
}

function checkLabels(
  { name }: Criterion,
  { data: { labels, count }, images = count }: Omit<EvidenceOptions, "requests">,
) {
  if (!labels) {
    throw new UserError(
      `criterion ${name} learns from labels, and the images have none: use one that needs none, such as activation`,
    );
  }
  const used = labels.subarray(0, Math.min(images, count));
  // A network that always says this class would have no loss, whatever it had lost.
  if (used.every((label) => label === used[0])) {
    throw new UserError(
      `criterion ${name} learns from labels, and the ${used.length} images are all of class ${
        used[0]
      }: give images of ` +
        "several classes, or use one that needs no labels, such as activation",
    );
  }
}

function requestsOf(criterion: Criterion, constraints: readonly Constraint[], graph: Graph) {
  return constraints.map((constraint) => criterion.request!(constraint, graph));
}
