/** Why a group of weights stays or goes when a network is pruned in one call. */

import { UserError } from "../errors.ts";
import type { Graph, Model } from "../graph/types.ts";
import { type Budget, leastKept } from "./budget/budget.ts";
import { type CostName, costNames, COSTS, type Target } from "./budget/costs/costs.ts";
import { perCost } from "./budget/per_cost.ts";
import { pricing } from "./budget/price.ts";
import { type PruneRequest, type Solution, solve } from "./budget/settle.ts";
import { dependencyGraph } from "./groups/dependency_graph.ts";
import { chooseAll, type ScoredChoice } from "./methods/one_shot.ts";
import { type PruneOptions, pruneRequest } from "./prune_model.ts";
import { constraintsOf, layersOf, refusedLayers } from "./structures/constraints.ts";
import { isFixed, rankGroups } from "./structures/selection.ts";
import type { Constraint, Granularity } from "./structures/types.ts";
import { listed } from "../validation/names.ts";

/** What a group is in its layer and in the network, and what becomes of it. */
export interface ExplainedGroup {
  /** Its index in the layer. */
  readonly group: number;
  /** By the criterion. */
  readonly score: number;
  /** Its place in the layer, 1 for the highest score. */
  readonly rank: number;
  /** What the budget's rule makes of the score, where it may go for a budget. */
  readonly worth?: number;
  /** Its place among all groups that may go for a budget, 1 for the first to go. */
  readonly place?: number;
  /** Whether it is left. */
  readonly stays: boolean;
  /** What sort of reason it has. */
  readonly reason: StayReason;
  /** The reason, in one sentence. */
  readonly why: string;
}

/**
 * "rule": of so many in a row so many stay. "keep": the layer keeps so many. "protected": so many stay in any case. "saves nothing":
 * without it the network costs as much. "within": nothing has to go. "worth": it is set against the budget's threshold. "swapped": a
 * dearer or cheaper one has taken its place. "dear": the budget had too little left for it.
 */
export type StayReason = "rule" | "keep" | "protected" | "saves nothing" | "within" | "worth" | "swapped" | "dear";

/** What the compact network loses by one group, all others being there. */
export interface GroupCost {
  /** Numbers stored, and their part of the network's. */
  readonly params: { readonly amount: number; readonly fraction: number };
  /** Multiply-adds of one sample, and their part of the network's. */
  readonly macs: { readonly amount: number; readonly fraction: number };
  /** By the table of a budget's `latency`. */
  readonly ms?: number;
}

/** Why groups of a layer, or one of them, stay or go. */
export interface Explanation {
  /** The constraint's, such as "conv1:filter", or the layer's where none is on it. */
  readonly name: string;
  /** What its groups are; undefined where there are none. */
  readonly kind?: Granularity;
  /** Layers whose weights they are. */
  readonly layers: readonly string[];
  /** Why none of them can go: an operator, an exclusion, or constraints on other layers. */
  readonly untouched?: string;
  /** How many there are. */
  readonly groups: number;
  /** How many stay. */
  readonly keep: number;
  /** How many stay in any case. */
  readonly least: number;
  /** By what groups were scored. */
  readonly criterion: string;
  /** How the budget puts all groups of the network into one order, and where it has cut it. */
  readonly budget?: {
    readonly rule: string;
    readonly requested: Target;
    readonly achieved: Target;
    /** Groups of the network that may go, and how many of them the budget takes by their worth. */
    readonly order: number;
    readonly cut: number;
    /** The highest worth that goes; undefined where nothing has to. */
    readonly threshold?: number;
    readonly shortfall?: string;
  };
  /** The groups asked for, the highest score first. */
  readonly ranking: readonly ExplainedGroup[];
  /** Of the one group that was asked for. */
  readonly cost?: GroupCost;
}

/**
 * Why a group, or each of a layer's, stays or goes when `prune` is given the same options.
 *
 * @param name a layer ("conv1"), a constraint ("conv1:filter"), or one of their groups ("conv1:3", "conv1:filter:3"); layers that are
 * coupled have the same groups
 * @throws UserError for a name that there isn't, naming those that there are, and as `prune` does
 */
export function explain(model: Model, name: string, options: PruneOptions = {}): Explanation {
  return explainRequest(model, name, pruneRequest(options));
}

/** The same of a request that is settled already, such as a recipe's stage makes. @throws UserError as `explain` does */
export function explainRequest(model: Model, name: string, request: PruneRequest): Explanation {
  const solved = pruned(model, request);
  const { of, layer, index } = resolved(model.graph, solved.constraints, name);
  if (of === undefined) return untouched(model.graph, layer!, solved.request);
  const whole = explained(model.graph, solved, of);
  if (index === undefined) return whole;
  const cost = costOf(model.graph, solved.constraints[of], index, solved.request);
  return { ...whole, ranking: whole.ranking.filter(({ group }) => group === index), cost };
}

/**
 * The same for every constraint, the network being pruned once.
 * @throws UserError as `prune` does
 */
export function explainAll(model: Model, options: PruneOptions = {}): Explanation[] {
  const solved = pruned(model, pruneRequest(options));
  return solved.constraints.map((_, of) => explained(model.graph, solved, of));
}

interface Solved extends Solution {
  readonly request: PruneRequest;
  readonly choices: readonly ScoredChoice[];
}

function pruned(model: Model, request: PruneRequest): Solved {
  const solution = solve({ model, dense: model.graph }, request);
  const { choices } = chooseAll(model, new Map(), solution.constraints, request);
  return { ...solution, request, choices };
}

function explained(graph: Graph, { constraints, budget, request, choices }: Solved, of: number): Explanation {
  const constraint = constraints[of];
  const choice = choices.find((choice) => choice.constraint === constraint)!;
  const least = request.budget ? leastKept(constraints, request.budget)[of] : constraint.minKeep;
  return {
    name: constraint.name,
    kind: constraint.kind,
    layers: layersOf(graph, constraint),
    groups: constraint.groups,
    keep: choice.kept.length,
    least,
    criterion: request.criterion.name,
    ...budget && { budget: cutOf(budget, request) },
    ranking: rankingOf(choice, { c: of, least, budget, request }),
  };
}

interface Resolved {
  /** Index of a constraint, or else a layer that none is on. */
  readonly of?: number;
  readonly layer?: string;
  readonly index?: number;
}

/** The whole name is tried first, for a layer's may end as a group's does. */
function resolved(graph: Graph, constraints: readonly Constraint[], name: string): Resolved {
  const layers = [...dependencyGraph(graph).layers.keys()];
  const found = (asked: string): Resolved | undefined => {
    const of = constraints.flatMap((constraint, c) =>
      constraint.name === asked || layersOf(graph, constraint).includes(asked) ? [c] : []
    );
    if (of.length > 1) {
      const names = of.map((c) => constraints[c].name).join(" or ");
      throw new UserError(`explain: "${asked}" has groups of several kinds: say ${names}`);
    }
    return of.length === 1 ? { of: of[0] } : layers.includes(asked) ? { layer: asked } : undefined;
  };
  const whole = found(name);
  if (whole) return whole;
  const [, before, digits] = /^(.+):(\d+)$/s.exec(name) ?? [];
  const part = before === undefined ? undefined : found(before);
  if (!part) throw new UserError(`explain: no layer or group is named "${name}"; there are ${listed(name, layers)}`);
  if (part.of === undefined) return part;
  const { groups } = constraints[part.of];
  if (Number(digits) >= groups) {
    throw new UserError(`explain: "${before}" has the groups 0 to ${groups - 1}, got ${digits}`);
  }
  return { ...part, index: Number(digits) };
}

/** A layer that no constraint is on. */
function untouched(graph: Graph, layer: string, { constraints, criterion }: PruneRequest): Explanation {
  const reasons = constraints.map((options) => {
    const blocked = refusedLayers(graph, options).get(layer);
    if (blocked !== undefined) return `it can't be pruned by ${options.granularity}: ${blocked}`;
    const free = constraintsOf(graph, [{ ...options, exclude: undefined }]);
    const own = free.find((constraint) => layersOf(graph, constraint).includes(layer));
    if (!own) return `the constraint "${options.granularity}" is for other layers`;
    return `exclude keeps ${options.exclude!.join(", ")}, with all that is coupled to them`;
  });
  return {
    name: layer,
    layers: [layer],
    untouched: reasons.join("; "),
    groups: 0,
    keep: 0,
    least: 0,
    criterion: criterion.name,
    ranking: [],
  };
}

interface Ranked {
  readonly c: number;
  readonly least: number;
  readonly budget: Budget | undefined;
  readonly request: PruneRequest;
}

function rankingOf({ constraint, scores, kept }: ScoredChoice, ranked: Ranked): ExplainedGroup[] {
  const stay = new Set(kept);
  const places = new Map<number, number>();
  ranked.budget?.order.forEach(({ c, rank }, place) => c === ranked.c && places.set(rank, place));
  return rankGroups(scores).map((group, rank): ExplainedGroup => {
    const place = places.get(rank);
    const stays = stay.has(group);
    return {
      group,
      score: scores[group],
      rank: rank + 1,
      ...place !== undefined && { worth: ranked.budget!.order[place].worth, place: place + 1 },
      stays,
      ...reasonOf({ constraint, rank, place, stays }, ranked),
    };
  });
}

interface Standing {
  readonly constraint: Constraint;
  readonly rank: number;
  readonly place: number | undefined;
  readonly stays: boolean;
}

type Reason = Pick<ExplainedGroup, "reason" | "why">;

function reasonOf({ constraint, rank, place, stays }: Standing, { least, budget, request }: Ranked): Reason {
  const { rule, groups, keep } = constraint;
  const because = (reason: StayReason, why: string): Reason => ({ reason, why });
  if (isFixed(rule)) {
    const highest = `it is among the ${rule.n} highest of its ${rule.m}`;
    return because("rule", stays ? highest : `${rule.n} others of its ${rule.m} score higher`);
  }
  if (!budget) {
    const by = request.budget?.curves ? " by what the network loses by each layer" : "";
    const among = `it is among the ${keep} of ${groups} that stay${by}`;
    return because("keep", stays ? among : `${keep} of ${groups} stay${by}, and they score higher`);
  }
  if (rank < least) return because("protected", `it is protected: the layer keeps ${least} of ${groups} in any case`);
  if (place === undefined) {
    return because("saves nothing", `without it the network would have as much ${askedCosts(budget)}`);
  }
  const { rule: order = perCost } = request.budget!;
  const threshold = budget.order[Math.max(0, budget.cut - 1)].worth;
  const against = `its worth by ${order.name} is ${place < budget.cut ? "not above" : "not below"} the threshold of ${
    threshold.toPrecision(4)
  }`;
  if (budget.cut === 0) return because("within", "the whole network is within the budget");
  if (stays && place < budget.cut) {
    return because("swapped", `${against}, but it fits into what dearer groups have left over by going`);
  }
  if (!stays && place >= budget.cut) {
    return because("swapped", `${against}, but it goes in place of a dearer group that stays`);
  }
  return stays || rank > keep || budget.shortfall === undefined
    ? because("worth", against)
    : because("dear", `${against}, and it is too dear for what the budget leaves over`);
}

function askedCosts({ requested }: Budget): string {
  return costNames.filter((name) => requested[name] !== undefined).map((name) => COSTS[name].tell("")).join(" and ")
    .trim();
}

function cutOf(budget: Budget, request: PruneRequest): Explanation["budget"] {
  const { requested, achieved, order, cut, shortfall } = budget;
  return {
    rule: (request.budget!.rule ?? perCost).name,
    requested,
    achieved,
    order: order.length,
    cut,
    ...cut > 0 && { threshold: order[cut - 1].worth },
    ...shortfall !== undefined && { shortfall },
  };
}

function costOf(graph: Graph, constraint: Constraint, group: number, { budget }: PruneRequest): GroupCost {
  const latency = budget?.latency;
  const target: Target = { macs: 1, ...latency && { ms: 1 } };
  // As if it were the lowest of its layer, and nothing else went.
  const lone = { ...constraint, rule: undefined };
  const scores = Float64Array.from({ length: constraint.groups }, (_, other) => other === group ? 0 : 1);
  const price = pricing(graph, [lone], [scores], { target, ...latency && { latency } });
  const [whole, without] = [constraint.groups, constraint.groups - 1].map((keep) => price([keep]));
  const of = (name: Extract<CostName, "params" | "macs">) => {
    const amount = whole[name] - without[name];
    return { amount, fraction: amount / whole[name] };
  };
  return {
    params: of("params"),
    macs: of("macs"),
    ...latency && { ms: whole.achieved.ms! - without.achieved.ms! },
  };
}
