/** From a stage's constraints or budget to the number of groups that each constraint keeps, step by step. */
import { countNonzero, graphCost } from "../../graph/cost.ts";
import { scatterModel } from "../../graph/scatter.ts";
import type { Graph, Model, Params } from "../../graph/types.ts";
import { estimateFor } from "../../measure/latency/choose.ts";
import type { LatencyTable } from "../../measure/latency/types.ts";
import { solveBudget, type Target } from "../../prune/budget/budget.ts";
import { type ConstraintOptions, coupledConstraints, settlePatterns } from "../../prune/structures/constraints.ts";
import { type Constraint, GRANULARITIES, groupEnergies, structureName } from "../../prune/structures/structures.ts";
import type { Budget, Constraint as Asked } from "../constraints.ts";
import type { KeptRecord, RunState } from "../run.ts";
import type { Recipe } from "../schema.ts";

export interface Pruning {
  readonly constraints: readonly Asked[];
  readonly budget?: Budget;
}

/** The stage's constraints on this graph, one of each name, in the order in which the hard prune applies them. */
export function constraintsOn(graph: Graph, { constraints, budget }: Pruning): Constraint[] {
  const found = new Map<string, Constraint>();
  for (const asked of constraints) {
    const options = { ...optionsOf(asked), ...budget && { keep: 1 } };
    // A later, more particular entry replaces an earlier one on the same layer.
    for (const constraint of coupledConstraints(graph, options)) found.set(constraint.name, constraint);
  }
  return [...found.values()].sort((a, b) => GRANULARITIES.indexOf(a.kind) - GRANULARITIES.indexOf(b.kind));
}

function optionsOf({ kind, ...asked }: Asked): ConstraintOptions {
  return { keep: 1, ...asked, granularity: kind } as ConstraintOptions;
}

/** What the whole stage is to reach, solved once on the network that it starts from. */
export function solveTargets(
  { model, dense }: Pick<RunState, "model" | "dense">,
  pruning: Pruning,
  tables: readonly LatencyTable[],
): KeptRecord[] {
  const { graph, params } = model;
  const constraints = settlePatterns(constraintsOn(graph, pruning), params);
  const energies = constraints.map((c) => groupEnergies(c, params));
  const { budget } = pruning;
  const solved = budget
    ? solveBudget(graph, constraints, energies, {
      target: fromHere(budget, dense.graph, graph),
      latency: budget.ms === undefined ? undefined : estimateFor(tables, budget, model),
    }).constraints
    : constraints;
  return solved.map(({ name, kind, keep, groups, rule }) => ({
    ...{ name, kind, keep, groups },
    ...rule?.kind === "pattern" && { patterns: rule.patterns },
  }));
}

/** A budget counts from the baseline; this is what it leaves of a network that may be smaller already. */
function fromHere({ params, macs, ms }: Budget, dense: Graph, now: Graph): Target {
  const [before, after] = [graphCost(dense), graphCost(now)];
  return {
    ...params === undefined ? {} : { params: Math.min(1, params * before.params / after.params) },
    ...macs === undefined ? {} : { macs: Math.min(1, macs * before.macs / after.macs) },
    ...ms === undefined ? {} : { ms },
  };
}

/**
 * The constraints, on the graph as it is by now, of which each keeps keep^exponent of the groups that the stage began
 * with (docs/pipeline.md); N:M, and the taps of patterns, are whole from the first step. Layers that compaction has removed
 * drop out.
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
    const { rule } = constraint;
    if (rule?.kind === "runs") return [constraint];
    const wanted = Math.round(target.groups * (target.keep / target.groups) ** exponent);
    return [{
      ...constraint,
      keep: Math.min(constraint.groups, Math.max(1, wanted)),
      ...rule && { rule: { ...rule, patterns: target.patterns! } },
    }];
  });
}

/** What a stage asks for, by names that `achieved` understands. */
export function requestOf({ constraints, budget }: Pruning): Record<string, number> {
  if (budget) {
    const { params, macs, ms } = budget;
    return Object.fromEntries(
      Object.entries({ params, macs, ms }).filter(([, asked]) => asked !== undefined),
    ) as Record<
      string,
      number
    >;
  }
  return Object.fromEntries(constraints.map((asked) => [nameOf(asked), keepOf(asked)]));
}

/** "filter layer*", "block 4×4 conv2", "2:4 *". */
export function nameOf(asked: Asked): string {
  return `${structureName(optionsOf(asked))} ${asked.layers.join(" ")}`;
}

function keepOf(asked: Asked): number {
  return asked.kind === "n:m" ? asked.n / asked.m : asked.keep!;
}

/**
 * For each name that was asked for, and for the whole: which fraction of the dense network the network at hand has; and
 * what it takes by the device's table, where that was asked for.
 */
export function achieved(
  state: Pick<RunState, "model" | "dense" | "origin" | "masked" | "requested">,
  { stages }: Recipe,
  tables: readonly LatencyTable[],
): Record<string, number> {
  const [dense, small] = [graphCost(state.dense.graph), graphCost(state.model.graph)];
  const result: Record<string, number> = {
    params: small.params / dense.params,
    nonzero: countNonzero(state.model.params) / countNonzero(state.dense.params),
    macs: small.macs / dense.macs,
  };
  const whole = inDenseShape(state);
  for (const stage of stages) {
    if (!("constraints" in stage)) continue;
    if (stage.budget?.ms !== undefined) result.ms = estimateFor(tables, stage.budget, state.dense)(state.model);
    for (const asked of stage.constraints) {
      if (nameOf(asked) in state.requested) result[nameOf(asked)] = keptFraction(whole, asked);
    }
  }
  return result;
}

/** Which fraction of the groups of a constraint is not empty, over all its layers. */
export function keptFraction(whole: Model, asked: Asked): number {
  const constraints = unsolved(whole.graph, [asked]);
  const groups = constraints.reduce((sum, constraint) => sum + constraint.groups, 0);
  return constraints.reduce((sum, constraint) => sum + filled(constraint, whole.params), 0) / groups;
}

/** Constraints on the dense network, each keeping as many groups as the network at hand still has. */
export function stillKept(state: Network, asked: readonly Asked[]): Constraint[] {
  const whole = inDenseShape(state);
  return settlePatterns(unsolved(state.dense.graph, asked), state.dense.params).map((constraint) => ({
    ...constraint,
    keep: Math.max(1, filled(constraint, whole.params)),
  }));
}

type Network = Pick<RunState, "model" | "origin" | "dense" | "masked">;

function inDenseShape({ model, origin, dense, masked }: Network): Model {
  return scatterModel(model, origin, dense) ?? masked ?? dense;
}

/** Groups that aren't all zero. */
function filled(constraint: Constraint, params: Params): number {
  return groupEnergies(constraint, params).filter((energy) => energy > 0).length;
}

function unsolved(graph: Graph, constraints: readonly Asked[]): Constraint[] {
  return constraintsOn(graph, { constraints: constraints.map((c) => ({ ...c, keep: 1 })) });
}
