/** From a criterion and a constraint to the scores of its groups, whatever their structure. */

import { UserError } from "../../errors.ts";
import type { Graph } from "../../graph/types.ts";
import { scoreUnderPatterns } from "../structures/pattern.ts";
import type { Constraint } from "../structures/types.ts";
import type { Criterion, Evidence } from "./types.ts";

/** What a constraint's groups are worth. */
export interface Scored {
  /** Of each group, float64. */
  readonly scores: Float64Array;
  /** Of kernels that take a pattern: the taps of each one's best pattern. */
  readonly taps?: Uint16Array;
}

/**
 * Scores the groups of one constraint: higher is worth more.
 * @throws UserError where the criterion can't score them
 */
export function scoreGroups(criterion: Criterion, constraint: Constraint, evidence: Evidence): Scored {
  checkScorable(criterion, [constraint], evidence.model.graph);
  if (criterion.request && !evidence.gathered) {
    throw new UserError(
      `criterion ${criterion.name} looks at ${criterion.needs.join(" and ")}, and none were gathered: ` +
        "give the evidence that gatherFor gathers of some images",
    );
  }
  const found = scoreUnderPatterns(constraint, (groups) => criterion.score(groups, evidence));
  return criterion.relative ? { ...found, scores: criterion.relative(found.scores) } : found;
}

/** @throws UserError naming the first constraint whose groups the criterion can't score, and why */
export function checkScorable(criterion: Criterion, constraints: readonly Constraint[], graph: Graph): void {
  for (const constraint of constraints) {
    const why = criterion.refusal?.(constraint, graph);
    if (why === undefined) continue;
    throw new UserError(
      `criterion ${criterion.name} can't score ${constraint.name}: ${why}: choose another criterion, or leave the layer out`,
    );
  }
}
