/** From a stage's constraints or budget to the number of groups that each constraint keeps, step by step. */
import { countNonzero, graphCost } from "../../graph/cost.ts";
import { scatterModel } from "../../graph/scatter.ts";
import type { Graph } from "../../graph/types.ts";
import { solveBudget } from "../../prune/budget.ts";
import { coupledConstraints } from "../../prune/constraints.ts";
import { type Constraint, type Granularity, groupEnergies } from "../../prune/structures.ts";
import type { Budget, Constraint as Asked } from "../constraints.ts";
import type { KeptRecord, RunState } from "../run.ts";
import { GRANULARITIES } from "./choose.ts";

export interface Pruning {
  readonly constraints: readonly Asked[];
  readonly budget?: Budget;
}

/** The stage's constraints on this graph, one of each name, in the order in which the hard prune applies them. */
export function constraintsOn(graph: Graph, { constraints, budget }: Pruning): Constraint[] {
  const found = new Map<string, Constraint>();
  for (const { kind, layers, keep, minKeep } of constraints) {
    const options = { granularity: kind, layers, keep: budget ? 1 : keep!, minKeep };
    // A later, more particular entry replaces an earlier one on the same layer.
    for (const constraint of coupledConstraints(graph, options)) found.set(constraint.name, constraint);
  }
  return [...found.values()].sort((a, b) => GRANULARITIES.indexOf(a.kind) - GRANULARITIES.indexOf(b.kind));
}

/** What the whole stage is to reach, solved once on the network that it starts from. */
export function solveTargets({ model, dense }: Pick<RunState, "model" | "dense">, pruning: Pruning): KeptRecord[] {
  const { graph, params } = model;
  const constraints = constraintsOn(graph, pruning);
  const energies = constraints.map((c) => groupEnergies(c, params));
  const solved = pruning.budget
    ? solveBudget(graph, constraints, energies, { target: fromHere(pruning.budget, dense.graph, graph) }).constraints
    : constraints;
  return solved.map(({ name, kind, keep, groups }) => ({ name, kind, keep, groups }));
}

/** A budget counts from the baseline; this is what it leaves of a network that may be smaller already. */
function fromHere({ params, macs }: Budget, dense: Graph, now: Graph): Budget {
  const [before, after] = [graphCost(dense), graphCost(now)];
  return {
    ...params === undefined ? {} : { params: Math.min(1, params * before.params / after.params) },
    ...macs === undefined ? {} : { macs: Math.min(1, macs * before.macs / after.macs) },
  };
}

/**
 * The constraints, on the graph as it is by now, of which each keeps keep^exponent of the groups that the stage began
 * with (docs/pipeline.md). Layers that compaction has removed drop out.
 */
export function stepConstraints(
  graph: Graph,
  pruning: Pruning,
  targets: readonly KeptRecord[],
  exponent: number,
): Constraint[] {
  const byName = new Map(targets.map((target) => [target.name, target]));
  return unsolved(graph, pruning.constraints).flatMap((constraint) => {
    const target = byName.get(constraint.name);
    if (!target) return [];
    const wanted = Math.round(target.groups * (target.keep / target.groups) ** exponent);
    return [{ ...constraint, keep: Math.min(constraint.groups, Math.max(1, wanted)) }];
  });
}

/** What a stage asks for, by names that `achieved` understands. */
export function requestOf({ constraints, budget }: Pruning): Record<string, number> {
  if (budget) return Object.fromEntries(Object.entries(budget).filter(([, fraction]) => fraction !== undefined));
  return Object.fromEntries(constraints.map(({ kind, layers, keep }) => [`${kind} ${layers.join(" ")}`, keep!]));
}

/** For each name that was asked for, and for the whole: which fraction of the dense network the network at hand has. */
export function achieved(state: RunState): Record<string, number> {
  const [dense, small] = [graphCost(state.dense.graph), graphCost(state.model.graph)];
  const result: Record<string, number> = {
    params: small.params / dense.params,
    nonzero: countNonzero(state.model.params) / countNonzero(state.dense.params),
    macs: small.macs / dense.macs,
  };
  for (const name of Object.keys(state.requested)) {
    if (name in result) continue;
    const [kind, ...layers] = name.split(" ");
    const constraints = stillKept(state, [{ kind: kind as Granularity, layers, minKeep: 1 }]);
    const groups = constraints.reduce((sum, constraint) => sum + constraint.groups, 0);
    result[name] = constraints.reduce((sum, { keep }) => sum + keep, 0) / groups;
  }
  return result;
}

/** Constraints on the dense network, each keeping as many groups as the network at hand still has. */
export function stillKept(
  { model, origin, dense, masked }: Pick<RunState, "model" | "origin" | "dense" | "masked">,
  asked: readonly Asked[],
): Constraint[] {
  const whole = scatterModel(model, origin, dense) ?? masked ?? dense;
  return unsolved(dense.graph, asked).map((constraint) => {
    const left = groupEnergies(constraint, whole.params).filter((energy) => energy > 0).length;
    return { ...constraint, keep: Math.max(1, left) };
  });
}

function unsolved(graph: Graph, constraints: readonly Asked[]): Constraint[] {
  return constraintsOn(graph, { constraints: constraints.map((c) => ({ ...c, keep: 1 })) });
}
