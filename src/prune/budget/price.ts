/** What a choice of groups costs: that of the network which `compact` makes of it, so that a filter counts in its readers as well. */

import { graphCost } from "../../graph/cost.ts";
import type { Graph, HostTensor, Model, ParamRole } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { compact, type CompactOptions } from "../rewrite/compact.ts";
import { removeUnused } from "../rewrite/unused.ts";
import { nonzeroPerGroup } from "../structures/elements.ts";
import { bothMasks, type Choice, maskModel, type Masks, masksOf, withStreamNorms } from "../structures/masks.ts";
import { isFixed, keptGroups, rankGroups } from "../structures/selection.ts";
import { GRANULARITIES, leavesZeros } from "../structures/structures.ts";
import type { Constraint } from "../structures/types.ts";
import { type CostName, costNames, COSTS, type Target } from "./costs/costs.ts";
import type { Priced } from "./types.ts";

/** Params and macs in any case, the others where they were asked for. */
export type Achieved = Target & { readonly params: number; readonly macs: number };

export interface Price {
  readonly params: number;
  readonly macs: number;
  readonly achieved: Achieved;
  /** By how much of the dense network the target that is farthest off is missed; 0 or less where all are met. */
  readonly gap: number;
  /** Sum of the fractions that have a target. */
  readonly excess: number;
}

export interface PriceOptions {
  /** Fractions of the network that is priced. */
  readonly target: Target;
  /** What that network has of the dense one, by which fractions are told to users; default 1. */
  readonly share?: Target;
  /** Of each constraint to patterns what stays of its kernels; default: as mixed as in any layer. */
  readonly taps?: readonly (Uint16Array | undefined)[];
  /** How the network will be compacted. */
  readonly compact?: CompactOptions;
  /** What a network takes on the device that is aimed at, in ms: wanted where the target has `ms`. */
  readonly latency?: (model: Model) => number;
}

/** keep per constraint -> the price of the compact network that keeps the best of each by these scores. */
export function pricing(
  graph: Graph,
  constraints: readonly Constraint[],
  scores: readonly ArrayLike<number>[],
  options: PriceOptions,
): (keep: readonly number[]) => Price {
  const model = ones(graph);
  const priceOf = maskPricing(graph, constraints, options);
  const seen = new Map<string, Price>();
  const ranked = scores.map((of) => rankGroups(of));
  const byKind = GRANULARITIES.map((kind) => constraints.flatMap((own, c) => own.kind === kind ? [c] : []))
    .filter((own) => own.length > 0);
  const chosen = (c: number, keep: number, left: Model | undefined) => {
    const constraint = constraints[c];
    const counts = left && nonzeroPerGroup(constraint, left.params, ["weight"]);
    const alive = (group: number) => !counts || counts[group] > 0;
    if (isFixed(constraint.rule) || constraint.rule?.kind === "even") {
      const among = Array.from(scores[c], (score, group) => alive(group) ? score : -Infinity);
      return keptGroups({ ...constraint, keep }, among);
    }
    const order = counts ? [...ranked[c].filter(alive), ...ranked[c].filter((group) => !alive(group))] : ranked[c];
    return order.slice(0, keep);
  };
  return (keep) => {
    const key = keep.join();
    const known = seen.get(key);
    if (known) return known;
    let masks: Masks = new Map();
    for (const own of byKind) {
      // As pruning does it: finer groups are chosen among what the coarser ones have left.
      const left = own === byKind[0] ? undefined : removeUnused(maskModel(model, masks)).model;
      const choices = own.map((c): Choice => ({
        constraint: constraints[c],
        kept: chosen(c, keep[c], left),
        taps: options.taps?.[c] ?? anyTaps(constraints[c]),
      }));
      const cutting = choices.filter(({ constraint, kept, taps }) => taps || kept.length < constraint.groups);
      masks = bothMasks(masks, masksOf(cutting, model.params));
    }
    const found = priceOf(masks, keep);
    seen.set(key, found);
    return found;
  };
}

/**
 * Masks, and how many groups each constraint keeps of them -> the price of the compact network: that of a network of ones, since only
 * the zeros matter.
 */
export function maskPricing(
  graph: Graph,
  constraints: readonly Constraint[],
  { target, compact: options, latency }: PriceOptions,
): (masks: Masks, keep: readonly number[]) => Price {
  const model = ones(graph);
  const inPlace = new Set(
    constraints.filter(({ kind }) => leavesZeros(kind)).flatMap((c) => c.members.map((m) => m.param)),
  );
  const asked = costNames.filter((name) => target[name] !== undefined);
  const told = costNames.filter((name) => name === "params" || name === "macs" || asked.includes(name));
  const all = constraints.reduce((sum, { groups }) => sum + groups, 0);
  const whole = measured(told, { model, cost: graphCost(graph), inPlace: new Set(), groups: all, latency });
  return (masks, keep) => {
    const { model: pruned } = withStreamNorms(maskModel(model, masks), masks, constraints);
    const { model: small } = compact(pruned, options);
    const groups = keep.reduce((sum, count) => sum + count, 0);
    return priceOf(
      target,
      whole,
      measured(told, { model: small, cost: graphCost(small.graph), inPlace, groups, latency }),
    );
  };
}

type Amounts = Readonly<Record<CostName, number>>;

function measured(names: readonly CostName[], network: Priced): Amounts {
  return Object.fromEntries(names.map((name) => [name, COSTS[name].of(network)])) as Amounts;
}

function priceOf(target: Target, whole: Amounts, small: Amounts): Price {
  const names = Object.keys(small) as CostName[];
  const amounts = names.map((name): [CostName, number] => [
    name,
    COSTS[name].amount === "fraction" ? small[name] / whole[name] : small[name],
  ]);
  const wanted = names.flatMap((name) => {
    const most = target[name];
    if (most === undefined) return [];
    return [{ part: small[name] / whole[name], most: COSTS[name].amount === "fraction" ? most : most / whole[name] }];
  });
  return {
    params: small.params,
    macs: small.macs,
    achieved: Object.fromEntries(amounts) as unknown as Achieved,
    gap: Math.max(...wanted.map(({ part, most }) => part - most)),
    excess: wanted.reduce((sum, { part }) => sum + part, 0),
  };
}

/** Patterns as mixed as those of real kernels, so that no tap is missing from a whole column: only their price matters. */
function anyTaps({ rule, groups, members: [{ layout }] }: Constraint): Uint16Array | undefined {
  if (rule?.kind !== "pattern") return undefined;
  const { patterns } = rule;
  return Uint16Array.from({ length: groups }, (_, q) => patterns[(q + Math.floor(q / layout.C)) % patterns.length]);
}

const FILLED: ReadonlySet<ParamRole> = new Set(["weight", "bias", "gamma", "beta", "variance"]);

/**
 * Weights, γ and shifts 1, everything else neutral: a masked filter is silent, and nothing else is. One whose kernels are all gone
 * still gives its shift, as in a trained network.
 */
function ones(graph: Graph): Model {
  const params = new Map<string, HostTensor>();
  for (const [name, { shape, role }] of Object.entries(graph.params)) {
    const data = new Float32Array(elements(shape));
    if (FILLED.has(role)) data.fill(1);
    params.set(name, { shape, data });
  }
  return { graph, params };
}
