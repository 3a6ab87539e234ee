/**
 * One budget for the whole network (docs/pipeline.md): which fraction of the parameters or multiply-adds may stay, and how
 * many groups each constraint keeps for it. The price of a choice is that of the network `compact` makes of it, so a
 * filter's removal counts in its readers as well.
 */

import { UserError } from "../../errors.ts";
import { countNonzero, graphCost } from "../../graph/cost.ts";
import type { Graph, HostTensor, Model } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { compact, type CompactOptions } from "../rewrite/compact.ts";
import { type Choice, maskModel, masksOf } from "../structures/masks.ts";
import { type Constraint, keptGroups, leavesZeros } from "../structures/structures.ts";

export interface Target {
  /** Fraction of the stored numbers that may stay, in (0, 1]. Under constraints that leave zeros in place a weight's zeros don't count. */
  readonly params?: number;
  /** Fraction of the multiply-adds. */
  readonly macs?: number;
  /** Milliseconds of one run, as `latency` estimates them. */
  readonly ms?: number;
}

export type Achieved = Required<Pick<Target, "params" | "macs">> & Pick<Target, "ms">;

export interface BudgetOptions {
  readonly target: Target;
  /** How the network will be compacted. */
  readonly compact?: CompactOptions;
  /** What a network takes on the device that is aimed at, in ms: wanted where the target has `ms`. */
  readonly latency?: (model: Model) => number;
}

export interface Budget {
  /** The constraints with their `keep` set. */
  readonly constraints: readonly Constraint[];
  readonly requested: Target;
  /** What the compact network has of the dense one, and takes, when each constraint keeps its strongest groups. */
  readonly achieved: Achieved;
  readonly params: number;
  readonly macs: number;
}

/**
 * Ranks all groups by energy / energy of the layer / cost of a group and drops from the bottom until the budget is met:
 * the number to drop is found by trial. The energy of the layer is what is left of it when the group's turn comes (so
 * the product of the energies that layers retain is what is spared, and none is emptied for being dear); cost is what the
 * compact network saves by the first group. No constraint goes below its minKeep.
 *
 * @param energies per constraint, length `groups` (`groupEnergies`)
 * @throws UserError if the budget can't be met
 */
export function solveBudget(
  graph: Graph,
  constraints: readonly Constraint[],
  energies: readonly ArrayLike<number>[],
  options: BudgetOptions,
): Budget {
  const price = pricing(graph, constraints, energies, options);
  const whole = constraints.map((constraint) => isFixed(constraint) ? constraint.keep : constraint.groups);
  const dense = price(whole).excess;
  const worth = constraints.map((constraint, c) => {
    const { groups, minKeep } = constraint;
    if (isFixed(constraint)) return [];
    const saved = groups > minKeep ? dense - price(whole.map((k, i) => i === c ? k - 1 : k)).excess : 0;
    let left = sum(energies[c]);
    return rank(energies[c]).slice(minKeep).reverse().map((g) => {
      const energy = energies[c][g];
      const score = saved <= 0 ? Infinity : energy <= 0 ? 0 : energy / left / saved;
      left -= energy;
      return { c, score };
    });
  });
  const order = worth.flat().filter(({ score }) => score < Infinity)
    .sort((a, b) => a.score - b.score || a.c - b.c);
  const keepAfter = (dropped: number) => {
    const keep = [...whole];
    for (let i = 0; i < dropped; i++) keep[order[i].c]--;
    return keep;
  };
  const dropped = leastThat(order.length, (n) => price(keepAfter(n)).gap);
  if (dropped === undefined) throw unreachable(price(keepAfter(order.length)).achieved, options.target);
  return budgetOf(constraints, keepAfter(dropped), price(keepAfter(dropped)), options);
}

interface Price {
  readonly params: number;
  readonly macs: number;
  readonly achieved: Achieved;
  /** By how much of the dense network the target that is farthest off is missed; 0 or less where all are met. */
  readonly gap: number;
  /** Sum of the fractions that have a target. */
  readonly excess: number;
}

/** keep per constraint -> the price of the compact network, on a network of ones: only the zeros matter. */
function pricing(
  graph: Graph,
  constraints: readonly Constraint[],
  energies: readonly ArrayLike<number>[],
  { target, compact: options, latency }: BudgetOptions,
): (keep: readonly number[]) => Price {
  checkTarget(target);
  const model = ones(graph);
  const inPlace = new Set(
    constraints.filter(({ kind }) => leavesZeros(kind)).flatMap((c) => c.members.map((m) => m.param)),
  );
  const dense = graphCost(graph);
  if (target.ms !== undefined && !latency) throw new RangeError("a budget in ms needs an estimate of latencies");
  const price = target.ms === undefined ? undefined : latency;
  const denseMs = price?.(model) ?? 1;
  const ranked = energies.map((scores) => rank(scores));
  const seen = new Map<string, Price>();
  return (keep) => {
    const key = keep.join();
    const known = seen.get(key);
    if (known) return known;
    const choices = constraints.map((constraint, c): Choice => ({
      constraint,
      kept: isFixed(constraint) ? keptGroups(constraint, energies[c]) : ranked[c].slice(0, keep[c]),
      ...anyTaps(constraint),
    }));
    // Masks of ones cost as much as others.
    const cutting = choices.filter(({ constraint, kept, taps }) => taps || kept.length < constraint.groups);
    const { model: small } = compact(maskModel(model, masksOf(cutting, model.params)), options);
    const { macs, params: stored } = graphCost(small.graph);
    let params = stored;
    for (const [name, tensor] of small.params) {
      if (inPlace.has(name)) params -= tensor.data.length - countNonzero(new Map([[name, tensor]]));
    }
    const ms = price?.(small);
    const achieved: Achieved = {
      params: params / dense.params,
      macs: macs / dense.macs,
      ...ms === undefined ? {} : { ms },
    };
    const wanted = ([
      [achieved.params, target.params],
      [achieved.macs, target.macs],
      [(ms ?? 0) / denseMs, target.ms && target.ms / denseMs],
    ] as const).filter(([, most]) => most !== undefined);
    const found = {
      params,
      macs,
      achieved,
      gap: Math.max(...wanted.map(([part, most]) => part - most!)),
      excess: wanted.reduce((sum, [part]) => sum + part, 0),
    };
    seen.set(key, found);
    return found;
  };
}

/** Whether how many groups stay is no choice. */
function isFixed({ rule }: Constraint): boolean {
  return rule?.kind === "runs";
}

/** Patterns as mixed as those of real kernels, so that no tap is missing from a whole column: only their price matters. */
function anyTaps({ rule, groups, members: [{ layout }] }: Constraint): { readonly taps?: Uint16Array } {
  if (rule?.kind !== "pattern") return {};
  const { patterns } = rule;
  return {
    taps: Uint16Array.from({ length: groups }, (_, q) => patterns[(q + Math.floor(q / layout.C)) % patterns.length]),
  };
}

/** Weights and γ 1, everything else neutral, so that a masked filter is silent and nothing else is. */
function ones(graph: Graph): Model {
  const params = new Map<string, HostTensor>();
  for (const [name, { shape, role }] of Object.entries(graph.params)) {
    const data = new Float32Array(elements(shape));
    if (role === "weight" || role === "gamma" || role === "variance") data.fill(1);
    params.set(name, { shape, data });
  }
  return { graph, params };
}

/** All groups, the strongest first. */
function rank(scores: ArrayLike<number>): number[] {
  return Array.from({ length: scores.length }, (_, g) => g).sort((a, b) => scores[b] - scores[a] || a - b);
}

/**
 * The least n in 0 … most whose gap isn't above 0, given that the gap never grows with n; undefined if none. Prices are
 * dear and nearly smooth, so that the Illinois method (regula falsi in which an end that stays counts half) asks for few;
 * halving goes on where it doesn't get there.
 */
function leastThat(most: number, gap: (n: number) => number): number | undefined {
  let low = 0, high = most;
  let above = gap(low);
  if (above <= 0) return low;
  let below = gap(high);
  if (below > 0) return undefined;
  let stayed: "low" | "high" | undefined;
  for (let asked = 0; high - low > 1; asked++) {
    const share = asked < SECANTS ? above / (above - below) : 0.5;
    const middle = Math.min(Math.max(low + Math.round((high - low) * share), low + 1), high - 1);
    const value = gap(middle);
    if (value <= 0) {
      [high, below] = [middle, value];
      if (stayed === "low") above /= 2;
      stayed = "low";
    } else {
      [low, above] = [middle, value];
      if (stayed === "high") below /= 2;
      stayed = "high";
    }
  }
  return high;
}

const SECANTS = 10;

function budgetOf(
  constraints: readonly Constraint[],
  keep: readonly number[],
  { params, macs, achieved }: Price,
  { target }: BudgetOptions,
): Budget {
  return {
    constraints: constraints.map((constraint, c) => ({ ...constraint, keep: keep[c] })),
    requested: target,
    achieved,
    params,
    macs,
  };
}

function checkTarget({ ms, ...fractions }: Target): void {
  const given = Object.entries(fractions).filter(([, fraction]) => fraction !== undefined);
  if (given.length === 0 && ms === undefined) throw new UserError("budget: give a fraction of params, of macs, or ms");
  for (const [what, fraction] of given) {
    if (!(fraction > 0 && fraction <= 1)) {
      throw new UserError(`budget: ${what} is ${fraction}, expected a fraction above 0 and at most 1`);
    }
  }
  if (ms !== undefined && !(ms > 0)) throw new UserError(`budget: ms is ${ms}, expected a time above 0`);
}

function unreachable(least: Achieved, { params, macs, ms }: Target): UserError {
  const wanted = [
    ...params === undefined ? [] : [`${params} of the params`],
    ...macs === undefined ? [] : [`${macs} of the macs`],
    ...ms === undefined ? [] : [`${ms} ms`],
  ].join(" and ");
  const got = `${least.params.toPrecision(3)} of the params and ${least.macs.toPrecision(3)} of the macs` +
    (least.ms === undefined ? "" : `, which take ${least.ms.toPrecision(3)} ms by the table`);
  return new UserError(
    `budget: ${wanted} can't be reached, the constraints leave at least ${got}: lower minKeep or constrain more layers`,
  );
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}
