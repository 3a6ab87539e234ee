/** From what is asked of a network to the number of groups that each constraint keeps, step by step. */

import { graphCost } from "../../graph/cost.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { l2 } from "../criteria/l2.ts";
import { checkScorable, scoreGroups } from "../criteria/score.ts";
import type { Criterion, Scoring } from "../criteria/types.ts";
import { oneShot } from "../methods/one_shot.ts";
import { compact } from "../rewrite/compact.ts";
import { removeUnused } from "../rewrite/unused.ts";
import { type ConstraintOptions, constraintsOf, settlePatterns } from "../structures/constraints.ts";
import { filledGroups } from "../structures/elements.ts";
import type { Sensitivity } from "../sensitivity/types.ts";
import { maskModel, withStreamNorms } from "../structures/masks.ts";
import { isFixed, wholeKeep } from "../structures/selection.ts";
import { leavesZeros } from "../structures/structures.ts";
import type { Constraint, Granularity } from "../structures/types.ts";
import { type Budget, leastKept } from "./budget.ts";
import { budgetByCurves } from "./by_curves.ts";
import { costNames, COSTS, type Target } from "./costs/costs.ts";
import { keptUnderway } from "./per_layer.ts";
import { solveAsChosen } from "./solve_as_chosen.ts";
import type { BudgetRule, Priced } from "./types.ts";

/** What is to be pruned, and how much of it: by each constraint's own `keep`, or by a budget for all of them. */
export interface PruneRequest extends Scoring {
  readonly constraints: readonly ConstraintOptions[];
  readonly budget?: BudgetRequest;
}

/** What of the whole network may stay, and how layers are compared. */
export interface BudgetRequest {
  /** Fractions count from the network before anything was pruned. */
  readonly target: Target;
  /** Default `perCost`. */
  readonly rule?: BudgetRule;
  /** What the network loses by each layer, in place of a rule. */
  readonly curves?: Sensitivity;
  /** The fraction of its groups that each constraint keeps at least; default the rule's, which mostly is 0. */
  readonly protect?: number;
  /** What a network takes on the device that is aimed at, in ms; for targets in ms. */
  readonly latency?: (model: Model) => number;
}

/** What a constraint is to keep of the groups that the pruning began with. */
export interface KeptRecord {
  /** The constraint's, such as "conv1:filter". */
  readonly name: string;
  /** What its groups are. */
  readonly kind: Granularity;
  /** Groups that stay. */
  readonly keep: number;
  /** Groups that there are. */
  readonly groups: number;
  /** The library of a constraint to patterns, chosen from the weights that the pruning began with. */
  readonly patterns?: readonly number[];
}

/** How many groups the constraints of a request keep. */
export interface Settled {
  /** Of each constraint, coarse ones first. */
  readonly kept: readonly KeptRecord[];
  /** What is reached instead of a budget and why, where that is more than a hundredth of the network below it. */
  readonly shortfall?: string;
}

/** The constraints on this graph, in the order in which a hard prune applies them; with a budget, before it has settled them. */
export function requestedConstraints(graph: Graph, { constraints, budget }: PruneRequest): Constraint[] {
  return constraintsOf(graph, budget ? constraints.map(whole) : constraints);
}

/** The constraints of a request, each with its `keep`. */
export interface Solution extends Pick<Budget, "constraints" | "shortfall"> {
  /** By which it was found, where scores and not curves have decided. */
  readonly budget?: Budget;
}

/**
 * What the whole pruning is to reach, solved once on the network that it starts from.
 *
 * @param dense the network before anything was pruned: fractions count from it
 * @throws UserError where a budget can't be met, or the criterion can't score a layer
 */
export function solve({ model, dense }: { model: Model; dense: Graph }, request: PruneRequest): Solution {
  const { budget, criterion, seed, gathered } = request;
  const constraints = settlePatterns(requestedConstraints(model.graph, request), model.params);
  checkScorable(criterion, constraints, model.graph);
  if (!budget) return { constraints };
  // As pruning will score them: what nobody reads goes first, and leaving it pays for nothing.
  const evidence = { model: removeUnused(model).model, seed, gathered };
  const scoredBy = (by: Criterion) => constraints.map((constraint) => scoreGroups(by, constraint, evidence));
  const scored = scoredBy(criterion);
  const chosenBy = scored.map(({ scores }) => scores);
  const share = shareOf(model.graph, dense);
  const target = fromHere(budget.target, share);
  const { curves } = budget;
  if (curves) return budgetByCurves(model.graph, constraints, chosenBy, { ...budget, curves, target, share });
  const scores = criterion.arbitrary ? scoredBy(l2).map(({ scores }) => scores) : chosenBy;
  const taps = scored.map(({ taps }) => taps);
  const solved = solveAsChosen(model, { constraints, scores, chosenBy }, { ...budget, target, share, taps }, request);
  return { ...solved, budget: solved };
}

/** The same in a form that is kept and reported. @throws UserError as `solve` does */
export function settle(from: { model: Model; dense: Graph }, request: PruneRequest): Settled {
  const { constraints, shortfall } = solve(from, request);
  const kept = constraints.map(({ name, kind, keep, groups, rule }): KeptRecord => ({
    name,
    kind,
    keep: wholeKeep(rule, keep),
    groups,
    ...rule?.kind === "pattern" && { patterns: rule.patterns },
  }));
  return { kept, ...shortfall !== undefined && { shortfall } };
}

/**
 * The constraints, on the graph as it is by now, of which each keeps what it has to after a part of the way (`keptUnderway`);
 * N:M, and the taps of patterns, are whole from the first step. Layers that compaction has removed drop out.
 *
 * @param progress 0 at the beginning and 1 at the end
 */
export function stepConstraints(
  graph: Graph,
  constraints: readonly ConstraintOptions[],
  targets: readonly KeptRecord[],
  progress: number,
): Constraint[] {
  const byName = new Map(targets.map((target) => [target.name, target]));
  return constraintsOf(graph, constraints.map(whole)).flatMap((constraint) => {
    const target = byName.get(constraint.name);
    if (!target) return [];
    const { rule, groups } = constraint;
    if (isFixed(rule)) return [constraint];
    const keep = Math.min(groups, Math.max(1, keptUnderway(target.groups, target.keep, progress)));
    const settled = rule?.kind === "pattern" ? { ...rule, patterns: target.patterns! } : rule;
    return [{ ...constraint, keep: wholeKeep(rule, keep), ...settled && { rule: settled } }];
  });
}

/**
 * Constraints on the dense network, each keeping as many groups as are left in a pruned one.
 *
 * @param pruned in the dense network's shapes
 */
export function matchingConstraints(
  dense: Model,
  pruned: Model,
  constraints: readonly ConstraintOptions[],
): Constraint[] {
  return settlePatterns(constraintsOf(dense.graph, constraints.map(whole)), dense.params).map((constraint) => ({
    ...constraint,
    keep: Math.max(1, filledGroups(constraint, pruned.params)),
  }));
}

/**
 * Says before anything is trained what of a request can't be: layers that aren't there or that the criterion can't score, and
 * a budget that even the smallest network misses.
 *
 * @throws UserError
 */
export function checkRequest(model: Model, request: PruneRequest): void {
  const { budget, criterion } = request;
  const constraints = requestedConstraints(model.graph, request);
  checkScorable(criterion, constraints, model.graph);
  if (!budget) return;
  // Nothing is gathered yet. What can be reached doesn't depend on which groups go first.
  const byWeights = criterion.request ? { ...request, criterion: l2 } : request;
  // Curves say how far each layer may go, and whether they are of this network.
  if (budget.curves) return void settle({ model, dense: model.graph }, byWeights);
  // What zeros in place cost is known to the one that solves the budget alone; they are the same whatever the weights are.
  if (constraints.some(({ kind }) => leavesZeros(kind))) {
    return void settle({ model, dense: model.graph }, byWeights);
  }
  const { target, latency } = budget;
  const counts = leastKept(constraints, budget);
  const least = constraints.map((constraint, c) => ({ ...constraint, keep: counts[c] }));
  const masks = oneShot(model, new Map(), least, { criterion: l2, seed: 0 });
  const smallest = compact(withStreamNorms(maskModel(model, masks), masks, least).model).model;
  const before = priced(model, sum(constraints.map(({ groups }) => groups)), latency);
  const after = priced(smallest, sum(least.map(({ keep }) => keep)), latency);
  const met = costNames.every((name) => {
    const most = target[name];
    if (most === undefined) return true;
    const { amount, of } = COSTS[name];
    return of(after) <= (amount === "fraction" ? most * of(before) : most);
  });
  // Solving it, which takes longer, says what is wrong.
  if (!met) settle({ model, dense: model.graph }, byWeights);
}

/** Says before anything is trained that another criterion can't score what a request prunes. @throws UserError */
export function checkCriterion(model: Model, request: PruneRequest, criterion: Criterion): void {
  checkScorable(criterion, requestedConstraints(model.graph, request), model.graph);
}

/** What a network has of the one before anything was pruned, in all that is asked for as a fraction. */
function shareOf(now: Graph, dense: Graph): Target {
  const [before, after] = [dense, now].map((graph) => priced({ graph, params: new Map() }, 1));
  return Object.fromEntries(
    costNames.filter((name) => COSTS[name].amount === "fraction")
      .map((name) => [name, COSTS[name].of(after) / COSTS[name].of(before)]),
  );
}

/** Fractions count from the dense network; this is what they leave of one that has this share of it. */
function fromHere(target: Target, share: Target): Target {
  return Object.fromEntries(costNames.flatMap((name) => {
    const amount = target[name];
    if (amount === undefined) return [];
    return [[name, COSTS[name].amount === "absolute" ? amount : Math.min(1, amount / share[name]!)]];
  }));
}

function priced(model: Model, groups: number, latency?: (model: Model) => number): Priced {
  return { model, cost: graphCost(model.graph), inPlace: new Set(), groups, latency };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function whole(options: ConstraintOptions): ConstraintOptions {
  return { ...options, keep: 1 };
}
