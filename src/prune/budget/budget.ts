/**
 * One budget for the whole network (docs/pipeline.md): what of it may stay, in any of the costs, and how many groups each
 * constraint keeps for it.
 */

import { UserError } from "../../errors.ts";
import type { Graph } from "../../graph/types.ts";
import { isFixed, rankGroups } from "../structures/selection.ts";
import type { Constraint } from "../structures/types.ts";
import { approach, WITHIN } from "./approach.ts";
import { type CostName, costNames, COSTS, type Target } from "./costs/costs.ts";
import { perCost } from "./per_cost.ts";
import { type Achieved, type Price, type PriceOptions, pricing } from "./price.ts";
import type { BudgetRule, RankedLayer } from "./types.ts";

export interface BudgetOptions extends PriceOptions {
  /** How the groups of different layers are put into one order; default `perCost`. */
  readonly rule?: BudgetRule;
  /** The fraction of its groups that each constraint keeps at least, in 0…1; default the rule's, which mostly is 0. */
  readonly protect?: number;
  /** What the groups that stay will be chosen by, where it isn't `scores`: what they cost depends on which they are. */
  readonly chosenBy?: readonly Float64Array[];
}

/** A group that may go, as the rule sees it. */
export interface Ordered {
  /** Index of its constraint. */
  readonly c: number;
  /** Its place among the groups of its constraint, 0 for the last to go. */
  readonly rank: number;
  /** By the rule: the lower goes first. */
  readonly worth: number;
}

export interface Budget {
  /** The constraints with their `keep` set. */
  readonly constraints: readonly Constraint[];
  readonly requested: Target;
  /** What the compact network has of the dense one, and takes, when each constraint keeps its best groups. */
  readonly achieved: Achieved;
  readonly params: number;
  readonly macs: number;
  /** All groups that may go, the first to go first. */
  readonly order: readonly Ordered[];
  /** How many of the order the budget takes; some may stay, or others go, where that leaves too much over (approach). */
  readonly cut: number;
  /** What is reached instead and why, where that is further from what was asked for than WITHIN. */
  readonly shortfall?: string;
}

/**
 * Puts all groups into one order by the rule and drops from the bottom until the budget is met: the number to drop is found
 * by trial. What a group saves is what the compact network saves by the first group of its constraint that scores above 0. Where
 * that is nothing, it is what all that may go save on average if the cost falls in steps, and else none is dropped. No constraint
 * goes below its minKeep and its protected part. Where the last group to go has saved far more than it had to, others come back
 * (approach).
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
  const { target, rule = perCost, chosenBy = scores } = options;
  checkTarget(target);
  const price = pricing(graph, constraints, chosenBy, options);
  const whole = constraints.map((constraint) => isFixed(constraint.rule) ? constraint.keep : constraint.groups);
  const least = leastKept(constraints, options);
  const saving = { scores, price, whole, least, target };
  const saved = constraints.map((constraint, c) =>
    isFixed(constraint.rule) || constraint.groups <= least[c] ? 0 : savedByOne(c, constraint, saving)
  );
  const order = orderOf(graph, { constraints, scores, saved, least, rule });
  const ordered = order.map(({ c }) => c);
  const found = approach(whole, ordered, (keep) => price(keep).gap);
  if (!found) throw unreachable(price(whole.map((k, c) => k - ordered.filter((other) => other === c).length)), target);
  const { keep, cut } = found;
  const reached = price(keep);
  const { achieved, params, macs } = reached;
  const shortfall = shortfallOf(constraints, keep, price, target);
  return {
    constraints: constraints.map((constraint, c) => ({ ...constraint, keep: keep[c] })),
    requested: target,
    achieved,
    params,
    macs,
    order,
    cut,
    ...shortfall !== undefined && { shortfall },
  };
}

/** Groups that each constraint keeps in any case. */
export function leastKept(
  constraints: readonly Constraint[],
  { rule = perCost, protect = rule.protect ?? 0 }: Pick<BudgetOptions, "rule" | "protect">,
): number[] {
  return constraints.map(({ minKeep, groups }) => Math.max(minKeep, Math.ceil(protect * groups)));
}

type Pricing = (keep: readonly number[]) => Price;

/** What a constraint's group saves, in fractions of the whole network: the first to go, or in steps all that may go on average. */
function savedByOne(c: number, { groups }: Constraint, { scores, price, whole, least, target }: Saving): number {
  // What scores nothing, such as filters that nobody reads, may save nothing: the next one tells.
  const free = Math.min(scores[c].filter((score) => score === 0).length, groups - 2);
  const without = (gone: number) => price(whole.map((k, i) => i === c ? k - gone : k)).excess;
  const first = without(free) - without(free + 1);
  const most = groups - least[c];
  const inSteps = costNames.some((name) => target[name] !== undefined && COSTS[name].inSteps);
  return first > 0 || !inSteps || most <= free ? first : (without(free) - without(most)) / (most - free);
}

interface Saving {
  readonly scores: readonly Float64Array[];
  readonly price: Pricing;
  readonly whole: readonly number[];
  readonly least: readonly number[];
  readonly target: Target;
}

interface Ranking {
  readonly constraints: readonly Constraint[];
  readonly scores: readonly Float64Array[];
  readonly saved: readonly number[];
  readonly least: readonly number[];
  readonly rule: BudgetRule;
}

function orderOf(graph: Graph, { constraints, scores, saved, least, rule }: Ranking): Ordered[] {
  const layers = constraints.map(({ members }, c): RankedLayer => ({
    scores: scores[c],
    shapes: members.filter(({ role }) => role === "weight").map(({ param }) => graph.params[param].shape),
  }));
  const ranked = layers.filter((_, c) => !isFixed(constraints[c].rule));
  return layers.flatMap((layer, c) => {
    if (saved[c] <= 0) return [];
    const worth = rule.worth(scores[c], saved[c], layer, ranked);
    return rankGroups(scores[c]).map((group, rank) => ({ c, rank, worth: worth[group] })).slice(least[c]);
  }).sort((a, b) => a.worth - b.worth || a.c - b.c || b.rank - a.rank);
}

/** @throws UserError for a target that asks for nothing, or for something that there isn't */
export function checkTarget(target: Target): void {
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

/** What to say where even the smallest network, which has this price, misses the target. */
export function unreachable({ achieved }: Price, target: Target): UnreachableBudget {
  return new UnreachableBudget(
    `budget: ${told(target, String)} can't be reached, the constraints leave at least ` +
      `${told(achieved, rounded, target)}: lower minKeep or protect, or constrain more layers`,
  );
}

/**
 * Where what is reached lies more than a hundredth of the network below what was asked for: both, and what the least would be that
 * could stay as well. Undefined where it is nearer, or nothing goes.
 */
export function shortfallOf(
  constraints: readonly Constraint[],
  keep: readonly number[],
  price: Pricing,
  target: Target,
): string | undefined {
  const whole = constraints.every(({ rule, groups }, c) => isFixed(rule) || keep[c] === groups);
  if (whole || price(keep).gap >= -WITHIN) return undefined;
  const [next] = constraints.flatMap(({ name, groups, rule }, c) =>
    isFixed(rule) || keep[c] === groups ? [] : [{ name, price: price(keep.map((k, i) => i === c ? k + 1 : k)) }]
  ).sort((a, b) => a.price.gap - b.price.gap);
  const [asked, reached, above] = [
    told(target, String),
    ...[price(keep), next.price].map(({ achieved }) => told(achieved, rounded, target)),
  ];
  return `budget: ${asked} was asked for, and ${reached} is the nearest below it that was found: one group more of ` +
    `"${next.name}", the cheapest, would make it ${above}`;
}

function rounded(amount: number): string {
  return amount.toPrecision(3);
}

/** "0.3 of the params and 2.5 ms by the table": of the amounts those that were asked for. */
function told(amounts: Target, text: (amount: number) => string, asked: Target = amounts): string {
  return costNames.filter((name) => asked[name] !== undefined).map((name) => COSTS[name].tell(text(amounts[name]!)))
    .join(" and ");
}
