/**
 * One budget for the whole network (docs/pipeline.md): what of it may stay, in any of the costs, and how many groups each
 * constraint keeps for it.
 */

import { UserError } from "../../errors.ts";
import type { Graph } from "../../graph/types.ts";
import { isFixed, rankGroups } from "../structures/selection.ts";
import { leavesZeros } from "../structures/structures.ts";
import type { Constraint } from "../structures/types.ts";
import { approach, WITHIN } from "./approach.ts";
import { type CostName, costNames, COSTS, type Target } from "./costs/costs.ts";
import { perCost } from "./per_cost.ts";
import { allowedCounts } from "./per_layer.ts";
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
 * (approach). Where what stays is to be a multiple, as many groups go or come back at once as lie between two of them, and
 * stand in the order by the mean of what they are worth.
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
  const counts = constraints.map((constraint, c) =>
    isFixed(constraint.rule) ? [constraint.keep] : allowedCounts(constraint, least[c])
  );
  const saving = { scores, price, whole, least, target };
  const saved = constraints.map((constraint, c) =>
    isFixed(constraint.rule) || constraint.groups <= least[c] ? 0 : savedByOne(c, constraint, saving)
  );
  const units = unitsOf(graph, { constraints, scores, saved, counts, rule });
  const ordered = units.map(({ c }) => c);
  const steps = counts.map((own) => own.length - 1);
  const keepOf = (left: readonly number[]) => left.map((count, c) => counts[c][steps[c] - count]);
  const found = approach(steps, ordered, (left) => price(keepOf(left)).gap);
  if (!found) {
    const least = price(keepOf(steps.map((all, c) => all - ordered.filter((other) => other === c).length)));
    throw unreachable({ constraints, least, mayGo: steps.some((most) => most > 0) }, options);
  }
  const keep = keepOf(found.keep);
  const order = units.flatMap(groupsOf);
  const cut = units.slice(0, found.cut).reduce((sum, { from, to }) => sum + to - from, 0);
  const reached = price(keep);
  const { achieved, params, macs } = reached;
  const shortfall = shortfallOf(constraints, keep, price, options);
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
  return constraints.map((constraint) => {
    const least = Math.max(constraint.minKeep, Math.ceil(protect * constraint.groups));
    return constraint.multiple === undefined ? least : allowedCounts(constraint, least).at(-1)!;
  });
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
  /** What each constraint may keep, the most first. */
  readonly counts: readonly (readonly number[])[];
  readonly rule: BudgetRule;
}

/** Groups of one constraint that go together: those that are ranked from…to, one of them where counts are no multiples. */
interface Unit {
  readonly c: number;
  readonly from: number;
  readonly to: number;
  /** The mean of its groups'. */
  readonly worth: number;
}

function groupsOf({ c, from, to, worth }: Unit): Ordered[] {
  return Array.from({ length: to - from }, (_, i) => ({ c, rank: to - 1 - i, worth }));
}

function unitsOf(graph: Graph, { constraints, scores, saved, counts, rule }: Ranking): Unit[] {
  const layers = constraints.map(({ members }, c): RankedLayer => ({
    scores: scores[c],
    shapes: members.filter(({ role }) => role === "weight").map(({ param }) => graph.params[param].shape),
  }));
  const ranked = layers.filter((_, c) => !isFixed(constraints[c].rule));
  return layers.flatMap((layer, c) => {
    if (saved[c] <= 0) return [];
    const worth = rule.worth(scores[c], saved[c], layer, ranked);
    const order = rankGroups(scores[c]);
    return counts[c].slice(1).map((from, i): Unit => {
      const own = order.slice(from, counts[c][i]).map((group) => worth[group]);
      return { c, from, to: counts[c][i], worth: own.length === 1 ? own[0] : own.reduce((a, b) => a + b) / own.length };
    });
  }).sort((a, b) => a.worth - b.worth || a.c - b.c || b.from - a.from);
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

/** What was asked for, and what of the dense network the one that is pruned has. */
type Asked = Pick<PriceOptions, "target" | "share">;

/** The smallest network that constraints leave. */
interface Smallest {
  readonly constraints: readonly Constraint[];
  readonly least: Price;
  /** Whether any group may go. */
  readonly mayGo: boolean;
}

/** What to say where even the smallest network misses the target. */
export function unreachable(smallest: Smallest, asked: Asked): UnreachableBudget {
  return new UnreachableBudget(
    `budget: ${toldAsked(asked)} can't be reached, the constraints leave at least ${
      toldOf(smallest.least.achieved, asked)
    }: ${howToReach(smallest, asked)}`,
  );
}

function howToReach({ constraints, least: { achieved }, mayGo }: Smallest, { target }: Asked): string {
  const kinds = listedKinds(constraints);
  if (!mayGo) return `no more of ${kinds} may go: lower minKeep or protect, or constrain other layers`;
  const costs = costNames.filter((name) => target[name] !== undefined);
  const unsaved = costs.filter((name) => COSTS[name].amount === "fraction" && achieved[name]! >= 1).join(" or ");
  if (unsaved === "") return "ask for more than that, lower minKeep or protect, or constrain more layers";
  return constraints.every(({ kind }) => leavesZeros(kind))
    ? `zeros by ${kinds} stay in place and save no ${unsaved}: ask for params or groups, or prune a structure that shrinks ` +
      "tensors, such as filter"
    : `what goes by ${kinds} saves no ${unsaved}: ask for another cost, or constrain other layers`;
}

/** "filter and n:m" */
function listedKinds(constraints: readonly Constraint[]): string {
  return [...new Set(constraints.map(({ kind }) => kind))].join(" and ");
}

/**
 * Where what is reached lies more than a hundredth of the network below what was asked for: both, and what the least would be that
 * could stay as well, or that some structures leave no more by themselves. Undefined where it is nearer, or nothing goes.
 */
export function shortfallOf(
  constraints: readonly Constraint[],
  keep: readonly number[],
  price: Pricing,
  asked: Asked,
): string | undefined {
  const reached = price(keep);
  if (reached.gap >= -WITHIN) return undefined;
  const [before, after] = [toldAsked(asked), toldOf(reached.achieved, asked)];
  const whole = constraints.every(({ rule, groups }, c) => isFixed(rule) || keep[c] === groups);
  if (whole) {
    const own = listedKinds(constraints.filter(takesByItself));
    if (own === "") return undefined;
    return `budget: ${before} was asked for, and ${after} is left by ${own} alone, whatever is asked for: all other groups ` +
      `stay; ask for that much, or leave ${own} out`;
  }
  const [next] = constraints.flatMap((constraint, c) => {
    if (isFixed(constraint.rule) || keep[c] === constraint.groups) return [];
    const more = allowedCounts(constraint, 1).findLast((count) => count > keep[c])!;
    const groups = more - keep[c] === 1 ? "one group" : `${more - keep[c]} groups`;
    return [{ name: constraint.name, groups, price: price(keep.with(c, more)) }];
  }).sort((a, b) => a.price.gap - b.price.gap);
  return `budget: ${before} was asked for, and ${after} is the nearest below it that was found: ${next.groups} more of ` +
    `"${next.name}", the cheapest, would make it ${toldOf(next.price.achieved, asked)}`;
}

/** Whether weights go though every group stays: a kernel that stays has a pattern. */
function takesByItself({ rule }: Constraint): boolean {
  return isFixed(rule) || rule?.kind === "pattern";
}

/** What to say where no solution was found that meets the target, and the nearest has this price. */
export function missed({ achieved }: Price, asked: Asked): string {
  return `budget: ${toldAsked(asked)} was asked for, and ${toldOf(achieved, asked)} is the nearest that was found: ` +
    "what coarse constraints take decides which finer groups stay; ask for a little less, or constrain one kind of structure";
}

/** As the user has written it: of the dense network, and without what dividing has rounded. */
function toldAsked({ target, share }: Asked): string {
  return told(ofDense(target, share), (amount) => String(Number(amount.toPrecision(12))), target);
}

function toldOf(achieved: Target, { target, share }: Asked): string {
  return told(ofDense(achieved, share), (amount) => amount.toPrecision(3), target);
}

/** The amounts of a network that has so much of the dense one. */
function ofDense(amounts: Target, share: Target = {}): Target {
  return Object.fromEntries(costNames.flatMap((name) => {
    const amount = amounts[name];
    return amount === undefined ? [] : [[name, amount * (share[name] ?? 1)]];
  }));
}

/** "0.3 of the params and 2.5 ms by the table": of the amounts those that were asked for. */
function told(amounts: Target, text: (amount: number) => string, asked: Target): string {
  return costNames.filter((name) => asked[name] !== undefined).map((name) => COSTS[name].tell(text(amounts[name]!)))
    .join(" and ");
}
