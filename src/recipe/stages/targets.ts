/** From a stage's constraints or budget to the number of groups that each constraint keeps, step by step. */
import type { Graph, Params } from "../../graph/types.ts";
import { solveBudget } from "../../prune/budget.ts";
import { coupledConstraints } from "../../prune/constraints.ts";
import { type Constraint, type Granularity, groupEnergies } from "../../prune/structures.ts";
import type { Budget, Constraint as Asked } from "../constraints.ts";
import type { KeptRecord } from "../run.ts";

export interface Pruning {
  readonly constraints: readonly Asked[];
  readonly budget?: Budget;
}

/** Coarse to fine: whole filters go first, what is left of the others is chosen among the filters that stay. */
const ORDER: readonly Granularity[] = ["filter", "channel", "column", "weight"];

/** The stage's constraints on this graph, one of each name, in the order in which the hard prune applies them. */
export function constraintsOn(graph: Graph, { constraints, budget }: Pruning): Constraint[] {
  const found = new Map<string, Constraint>();
  for (const { kind, layers, keep, minKeep } of constraints) {
    const options = { granularity: kind, layers, keep: budget ? 1 : keep!, minKeep };
    // A later, more particular entry replaces an earlier one on the same layer.
    for (const constraint of coupledConstraints(graph, options)) found.set(constraint.name, constraint);
  }
  return [...found.values()].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
}

/** What the whole stage is to reach, solved once on the network that it starts from. */
export function solveTargets(graph: Graph, params: Params, pruning: Pruning): KeptRecord[] {
  const constraints = constraintsOn(graph, pruning);
  const solved = pruning.budget
    ? solveBudget(graph, constraints, constraints.map((c) => groupEnergies(c, params)), { target: pruning.budget })
      .constraints
    : constraints;
  return solved.map(({ name, kind, keep, groups }) => ({ name, kind, keep, groups }));
}

/**
 * The constraints of progressive step `step` of `steps` (from 0) on the graph as it is by then: keep_t = keep^((t+1)/T)
 * of what the stage began with (ALGORITHMS.md 1.4). Layers that compaction has removed drop out.
 */
export function stepConstraints(
  graph: Graph,
  pruning: Pruning,
  targets: readonly KeptRecord[],
  step: number,
  steps: number,
): Constraint[] {
  const byName = new Map(targets.map((target) => [target.name, target]));
  return constraintsOn(graph, { constraints: pruning.constraints.map((c) => ({ ...c, keep: 1 })) }).flatMap(
    (constraint) => {
      const target = byName.get(constraint.name);
      if (!target) return [];
      const wanted = Math.round(target.groups * (target.keep / target.groups) ** ((step + 1) / steps));
      return [{ ...constraint, keep: Math.min(constraint.groups, Math.max(1, wanted)) }];
    },
  );
}
