/** What was asked of a run, and what of it was reached, by the same names. */

import { countNonzero, graphCost } from "../graph/cost.ts";
import { peakBytes } from "../graph/peak_bytes.ts";
import type { Model } from "../graph/types.ts";
import { type CostName, costNames } from "../prune/budget/costs/costs.ts";
import { type ConstraintOptions, constraintsOf } from "../prune/structures/constraints.ts";
import { filledGroups } from "../prune/structures/elements.ts";
import { structureName } from "../prune/structures/structures.ts";
import type { Report } from "./types.ts";

/** What one stage asks for. */
export interface Request {
  readonly constraints: readonly ConstraintOptions[];
  readonly budget?: { readonly [Name in CostName]?: number };
}

/** By names that `achieved` understands: the budget's, or else each constraint's kept fraction. */
export function requested({ constraints, budget }: Request): Record<string, number> {
  const asked = budget
    ? costNames.map((name) => [name, budget[name]])
    : constraints.map((options) => [constraintName(options), keepOf(options)]);
  return Object.fromEntries(asked.filter(([, amount]) => amount !== undefined));
}

/** "filter layer*", "block 4×4 conv2", "2:4 *". */
export function constraintName(options: ConstraintOptions): string {
  return `${structureName(options)} ${(options.layers ?? ["*"]).join(" ")}`;
}

/**
 * Which fraction of the dense network the network at hand has, as a whole and of each name that was asked for. What can't be told
 * has no entry, but a reason: of constraints, where the network has no place in the dense one's shapes.
 *
 * @param inDenseShape the network at hand in the dense one's shapes, or why it can't be brought there
 * @param asked names that were asked for
 * @param ofGroups the constraints that a budget of groups is for; default all
 */
export function achieved(
  { dense, model, inDenseShape }: { dense: Model; model: Model; inDenseShape: Model | string },
  constraints: readonly ConstraintOptions[],
  asked: Readonly<Record<string, number>>,
  ofGroups = constraints,
): Pick<Report, "achieved" | "untold"> {
  const [before, after] = [graphCost(dense.graph), graphCost(model.graph)];
  const result: Record<string, number> = {
    params: after.params / before.params,
    nonzero: countNonzero(model.params) / countNonzero(dense.params),
    macs: after.macs / before.macs,
  };
  if ("peakBytes" in asked) result.peakBytes = peakBytes(model.graph) / peakBytes(dense.graph);
  const counted = [
    ...("groups" in asked ? [["groups", ofGroups] as const] : []),
    ...constraints.map((options) => [constraintName(options), [options]] as const).filter(([name]) => name in asked),
  ];
  if (typeof inDenseShape === "string") {
    const untold = Object.fromEntries(counted.map(([name]) => [name, inDenseShape]));
    return { achieved: result, ...counted.length > 0 && { untold } };
  }
  for (const [name, options] of counted) result[name] = keptFraction(inDenseShape, options);
  return { achieved: result };
}

/** Which fraction of the groups of these constraints is not empty, over all their layers. */
export function keptFraction(whole: Model, options: readonly ConstraintOptions[]): number {
  const constraints = constraintsOf(whole.graph, options.map((each) => ({ ...each, keep: 1 })));
  const groups = constraints.reduce((sum, constraint) => sum + constraint.groups, 0);
  return constraints.reduce((sum, constraint) => sum + filledGroups(constraint, whole.params), 0) / groups;
}

function keepOf(options: ConstraintOptions): number {
  return options.granularity === "n:m" ? options.n / options.m : options.keep;
}
