/** From "prune these layers in this way" to a list of constraints over disjoint groups. */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/types.ts";
import { anatomyOf } from "./anatomy.ts";
import { type CoupledClass, coupledClasses } from "./coupling.ts";
import type { Linear } from "./linear.ts";
import { checkFraction, type Constraint, type Granularity, keptCount, type Member, memberOf } from "./structures.ts";

export interface ConstraintOptions {
  readonly granularity: Granularity;
  /** Fraction of the groups that stay, in (0, 1]. */
  readonly keep: number;
  /**
   * Names of nodes or weights, `*` for any run of characters and `?` for one. Default: every layer that can be pruned this
   * way. A layer that is named in full but can't be pruned is an error, one that a wildcard meets is passed over.
   */
  readonly layers?: readonly string[];
  /** Groups that stay in any case; default 1. */
  readonly minKeep?: number;
}

/**
 * Filters: one constraint for each coupled class of which a layer is chosen. Channels, columns and single weights: one
 * per layer. Several lists may be put together: a tensor may stand under several kinds at once.
 *
 * @throws UserError for an unknown layer, one that can't be pruned so, or a keep outside (0, 1]
 */
export function coupledConstraints(graph: Graph, options: ConstraintOptions): Constraint[] {
  checkFraction(options.keep, `constraint "${options.granularity}"`);
  const { linears } = anatomyOf(graph);
  const classes = coupledClasses(graph);
  const chosen = choose([...linears.values()], options, refusals(classes, linears, options.granularity));
  return options.granularity === "filter"
    ? classes.filter(({ producers }) => producers.some(({ node }) => chosen.has(node)))
      .map((coupled) => filterConstraint(graph, coupled, options))
    : [...linears.values()].filter(({ node }) => chosen.has(node.name))
      .map((linear) => layerConstraint(graph, linear, options));
}

/** The layers (Conv, Gemm and ColumnConv nodes) that can be pruned at this granularity, by name. */
export function prunableLayers(graph: Graph, granularity: Granularity): string[] {
  const { linears } = anatomyOf(graph);
  const refused = refusals(coupledClasses(graph), linears, granularity);
  return [...linears.keys()].filter((name) => !refused.has(name));
}

function filterConstraint(graph: Graph, coupled: CoupledClass, { keep, minKeep = 1 }: ConstraintOptions): Constraint {
  const member = (role: "weight" | "vector") => ({ param, offset }: { param: string; offset: number }) =>
    memberOf("filter", param, perChannel(graph.params[param].shape), role, offset);
  return {
    name: `${coupled.id}:filter`,
    kind: "filter",
    members: [...coupled.producers.map(member("weight")), ...coupled.vectors.map(member("vector"))],
    readers: coupled.readers.map(({ param, offset, fold }) => readerOf(param, graph.params[param].shape, fold, offset)),
    groups: coupled.size,
    keep: keptCount(coupled.size, keep, minKeep),
    minKeep: Math.min(minKeep, coupled.size),
  };
}

/** A weight by the units that its columns read: `fold` input channels, with all their taps, to a unit. */
function readerOf(param: string, [F, C, ...kernel]: readonly number[], fold: number, offset: number): Member {
  return memberOf("channel", param, [F, C / fold, fold, ...kernel, 1], "weight", offset);
}

function layerConstraint(
  graph: Graph,
  { node, weight }: Linear,
  { granularity, keep, minKeep = 1 }: ConstraintOptions,
): Constraint {
  const member = memberOf(granularity, weight, graph.params[weight].shape, "weight");
  const { groups } = member.layout;
  return {
    name: `${node.name}:${granularity}`,
    kind: granularity,
    members: [member],
    readers: [],
    groups,
    keep: keptCount(groups, keep, minKeep),
    minKeep: Math.min(minKeep, groups),
  };
}

/** A parameter [1,C,1,1] of an Add or Mul is a vector as well. */
function perChannel(shape: readonly number[]): readonly number[] {
  return shape.length === 4 && shape[0] === 1 && shape[2] === 1 && shape[3] === 1 ? [shape[1]] : shape;
}

/** Layer name -> why it can't be pruned at this granularity. */
function refusals(
  classes: readonly CoupledClass[],
  linears: ReadonlyMap<string, Linear>,
  granularity: Granularity,
): Map<string, string> {
  const refused = new Map<string, string>();
  if (granularity === "filter") {
    for (const { prunable, why, producers } of classes) {
      if (!prunable) producers.forEach(({ node }) => refused.set(node, why!));
    }
  } else if (granularity !== "weight") {
    for (const [name, { group, node }] of linears) {
      if (group > 1) refused.set(name, `a grouped convolution has no ${granularity}s that all its filters share`);
      if (granularity === "channel" && node.op === "ColumnConv") refused.set(name, "it keeps single columns already");
    }
  }
  return refused;
}

function choose(
  linears: readonly Linear[],
  { layers = ["*"], granularity }: ConstraintOptions,
  refused: ReadonlyMap<string, string>,
): Set<string> {
  const chosen = new Set<string>();
  for (const pattern of layers) {
    const matches = matcher(pattern);
    const found = linears.filter(({ node, weight }) => matches(node.name) || matches(weight));
    if (found.length === 0) {
      throw new UserError(`no layer is named "${pattern}"; there are ${linears.map((l) => l.node.name).join(", ")}`);
    }
    const exact = !/[*?]/.test(pattern);
    for (const { node } of found) {
      const why = refused.get(node.name);
      if (why === undefined) chosen.add(node.name);
      else if (exact) throw new UserError(`layer "${node.name}" can't be pruned by ${granularity}: ${why}`);
    }
  }
  if (chosen.size === 0) {
    const reasons = [...refused].map(([name, why]) => `${name} (${why})`).join(", ");
    throw new UserError(`none of the layers ${layers.join(", ")} can be pruned by ${granularity}: ${reasons}`);
  }
  return chosen;
}

function matcher(pattern: string): (name: string) => boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*/g, ".*").replace(/\?/g, ".");
  const regex = new RegExp(`^${escaped}$`);
  return (name) => regex.test(name);
}
