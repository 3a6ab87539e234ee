/**
 * One budget for the whole network (docs/pipeline.md): what of it may stay, in any of the costs, and how many groups each
 * constraint keeps for it.
 */

import { UserError } from "../../errors.ts";
import type { Graph } from "../../graph/types.ts";
import { isFixed, rankGroups } from "../structures/selection.ts";
import type { Constraint } from "../structures/types.ts";
import { type CostName, costNames, COSTS, type Target } from "./costs/costs.ts";
import { perCost } from "./per_cost.ts";
import { type Achieved, type Price, type PriceOptions, pricing } from "./price.ts";
import { leastThat } from "./search.ts";
import type { BudgetRule, RankedLayer } from "./types.ts";

export interface BudgetOptions extends PriceOptions {
  /** How the groups of different layers are put into one order; default `perCost`. */
  readonly rule?: BudgetRule;
  /** The fraction of its groups that each constraint keeps at least, in 0…1; default 0: its `minKeep`. */
  readonly protect?: number;
  /** What the groups that stay will be chosen by, where it isn't `scores`: what they cost depends on which they are. */
  readonly chosenBy?: readonly Float64Array[];
}

export interface Budget {
  /** The constraints with their `keep` set. */
  readonly constraints: readonly Constraint[];
  readonly requested: Target;
  /** What the compact network has of the dense one, and takes, when each constraint keeps its best groups. */
  readonly achieved: Achieved;
  readonly params: number;
  readonly macs: number;
}

/**
 * Puts all groups into one order by the rule and drops from the bottom until the budget is met: the number to drop is found
 * by trial. What a group saves is what the compact network saves by the first group of its constraint that scores above 0;
 * where that is nothing, none is dropped. No constraint goes below its minKeep and its protected part.
 *
 * @param scores per constraint, length `groups`
 * @throws UnreachableBudget if the budget can't be met
 */
export function solveBudget(
  graph: Graph,
  constraints: readonly Constraint[],
  scores: readonly Float64Array[],
  options: BudgetOptions,
): Budget {
  const { target, rule = perCost, protect = 0, chosenBy = scores } = options;
  checkTarget(target);
  const price = pricing(graph, constraints, chosenBy, options);
  const whole = constraints.map((constraint) => isFixed(constraint.rule) ? constraint.keep : constraint.groups);
  const layers = constraints.map(({ members }, c): RankedLayer => ({
    scores: scores[c],
    shapes: members.filter(({ role }) => role === "weight").map(({ param }) => graph.params[param].shape),
  }));
  const ranked = layers.filter((_, c) => !isFixed(constraints[c].rule));
  const order = constraints.flatMap(({ rule: selection, groups, minKeep }, c) => {
    const least = Math.max(minKeep, Math.ceil(protect * groups));
    if (isFixed(selection) || groups <= least) return [];
    // What scores nothing, such as filters that nobody reads, may save nothing: the next one tells.
    const free = Math.min(scores[c].filter((score) => score === 0).length, groups - 2);
    const without = (gone: number) => price(whole.map((k, i) => i === c ? k - gone : k)).excess;
    const saved = without(free) - without(free + 1);
    if (saved <= 0) return [];
    const worth = rule.worth(scores[c], saved, layers[c], ranked);
    return rankGroups(scores[c]).slice(least).map((group) => ({ c, worth: worth[group] }));
  }).sort((a, b) => a.worth - b.worth || a.c - b.c);
  const keepAfter = (dropped: number) => {
    const keep = [...whole];
    for (let i = 0; i < dropped; i++) keep[order[i].c]--;
    return keep;
  };
  const dropped = leastThat(order.length, (n) => price(keepAfter(n)).gap);
  if (dropped === undefined) throw unreachable(price(keepAfter(order.length)), target);
  const keep = keepAfter(dropped);
  const { achieved, params, macs } = price(keep);
  return {
    constraints: constraints.map((constraint, c) => ({ ...constraint, keep: keep[c] })),
    requested: target,
    achieved,
    params,
    macs,
  };
}

function checkTarget(target: Target): void {
  const given = Object.entries(target).filter(([, amount]) => amount !== undefined);
  if (given.length === 0) throw new UserError(`budget: nothing is asked for; give one of ${costNames.join(", ")}`);
  for (const [name, amount] of given) {
    const cost = COSTS[name as CostName];
    if (!cost) throw new UserError(`budget: unknown cost "${name}": known are ${costNames.join(", ")}`);
    if (!(amount > 0)) throw new UserError(`budget: ${name} is ${amount}, expected a number above 0`);
    if (cost.amount === "fraction" && amount > 1) {
      throw new UserError(`budget: ${name} is ${amount}, expected a fraction above 0 and at most 1`);
    }
  }
}

/** The constraints leave more than a budget allows, whatever goes. */
export class UnreachableBudget extends UserError {}

function unreachable({ achieved }: Price, target: Target): UnreachableBudget {
  const tell = (amounts: Target, text: (amount: number) => string) =>
    costNames.filter((name) => amounts[name] !== undefined)
      .map((name) => COSTS[name].tell(text(amounts[name]!))).join(" and ");
  return new UnreachableBudget(
    `budget: ${tell(target, String)} can't be reached, the constraints leave at least ` +
      `${tell(achieved, (amount) => amount.toPrecision(3))}: lower minKeep or protect, or constrain more layers`,
  );
}
