import type { Model } from "../graph/types.ts";
import { type ConstraintOptions, constraintsOf } from "../prune/structures/constraints.ts";
import { violations } from "../prune/structures/violations.ts";
import { constraintName, keptFraction } from "./achieved.ts";
import { type Check, exact } from "./checks.ts";
import type { Report } from "./types.ts";

/**
 * How much each constraint has left, as the report says, and that what is left has its structure.
 *
 * @param whole the network in the dense one's shapes
 * @param constraints of all stages that prune
 */
export function structureChecks(
  whole: Model,
  constraints: readonly ConstraintOptions[],
  { achieved, requested }: Pick<Report, "achieved" | "requested">,
): Check[] {
  return [...new Map(constraints.map((asked) => [constraintName(asked), asked]))].flatMap(([name, asked]) => {
    const found = constraintsOf(whole.graph, [asked]);
    const outside = found.reduce((sum, constraint) => sum + violations(constraint, whole.params), 0);
    return [
      // With a budget no constraint is asked for a share of its own.
      ...name in requested ? [exact(`achieved, ${name}`, achieved[name], keptFraction(whole, [asked]))] : [],
      ...found.some(({ rule }) => rule) ? [exact(`numbers outside of ${name}`, 0, outside)] : [],
    ];
  });
}

/**
 * What each constraint has left can't be told of a network that has no place in the dense one.
 *
 * @param why it has none
 */
export function untoldStructures(
  why: string,
  constraints: readonly ConstraintOptions[],
  { achieved, untold, requested }: Pick<Report, "achieved" | "untold" | "requested">,
): Check[] {
  return [...new Set(constraints.map(constraintName))].filter((name) => name in requested).map((name) => ({
    name: `achieved, ${name}`,
    expected: achieved[name] ?? `can't be told: ${untold?.[name] ?? "no reason given"}`,
    found: `can't be told: ${why}`,
    verdict: "not proved",
  }));
}
