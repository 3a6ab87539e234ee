/** From "prune these layers in this way" to a list of constraints over disjoint groups. */

import { UserError } from "../../errors.ts";
import type { Graph, Params } from "../../graph/types.ts";
import { dependencyGraph } from "../groups/dependency_graph.ts";
import { type Coupled, type CoupledClass, coupledClasses } from "../groups/coupling.ts";
import type { Layer } from "../rules/layer_view.ts";
import { checkFraction, keptCount } from "../budget/per_layer.ts";
import { memberOf } from "./elements.ts";
import { patternLibrary } from "./pattern.ts";
import { isFixed, keptOfRow } from "./selection.ts";
import { GRANULARITIES, structureLayout, structureRefusal, structureRule } from "./structures.ts";
import type { Constraint, Member, Structure } from "./types.ts";

/** A structure, where it applies and how much of it stays. */
export type ConstraintOptions = Structure & {
  /** Fraction of the groups that stay, in (0, 1]; n:m has its own. */
  readonly keep: number;
  /**
   * Names of nodes or weights, `*` for any run of characters and `?` for one. Default: every layer that can be pruned this
   * way. A layer that is named in full but can't be pruned is an error, one that a wildcard meets is passed over.
   */
  readonly layers?: readonly string[];
  /** Names that stay as they are, written in the same way: what is coupled to such a layer stays with it. Default: none. */
  readonly exclude?: readonly string[];
  /** Groups that stay in any case; default 1. */
  readonly minKeep?: number;
};

/**
 * Filters: one constraint for each coupled class of which a layer is chosen. All others: one per layer. Several lists may be
 * put together: a tensor may stand under several kinds at once. Patterns are to be settled (`settlePatterns`).
 *
 * @throws UserError for an unknown layer, one that can't be pruned so, or a keep outside (0, 1]
 */
export function coupledConstraints(graph: Graph, options: ConstraintOptions): Constraint[] {
  checkFraction(options.keep, `constraint "${options.granularity}"`);
  const { layers } = dependencyGraph(graph);
  const classes = coupledClasses(graph);
  const all = [...layers.values()];
  const chosen = choose(all, options, refusals(graph, classes, layers, options));
  const excluded = new Set(
    (options.exclude ?? []).flatMap((pattern) => named(all, pattern)).map(({ node }) => node.name),
  );
  const found = options.granularity === "filter"
    ? classes.filter(({ producers }) => {
      const nodes = producers.map(({ node }) => node);
      return nodes.some((node) => chosen.has(node)) && !nodes.some((node) => excluded.has(node));
    }).map((coupled) => filterConstraint(graph, coupled, options))
    : distinct(all.filter(({ node: { name } }) => chosen.has(name) && !excluded.has(name)), ({ weight }) => weight)
      .map((layer) => layerConstraint(graph, layer, options));
  if (found.length > 0) return found;
  throw new UserError(
    `constraint "${options.granularity}": exclude leaves no layer to prune: ${options.exclude!.join(", ")}`,
  );
}

/**
 * The constraints of several options, one of each name, from coarse to fine: the order in which a hard prune applies them. A
 * later, more particular entry replaces an earlier one on the same layer.
 *
 * @throws UserError as `coupledConstraints` does
 */
export function constraintsOf(graph: Graph, all: readonly ConstraintOptions[]): Constraint[] {
  const found = new Map<string, Constraint>();
  for (const options of all) {
    for (const constraint of coupledConstraints(graph, options)) found.set(constraint.name, constraint);
  }
  return [...found.values()].sort((a, b) => GRANULARITIES.indexOf(a.kind) - GRANULARITIES.indexOf(b.kind));
}

/** The constraints with the pattern library of each that has none yet, from the weights as they are. */
export function settlePatterns(constraints: readonly Constraint[], params: Params): Constraint[] {
  return constraints.map((constraint) => {
    const { rule, members } = constraint;
    if (rule?.kind !== "pattern" || rule.patterns.length > 0) return constraint;
    const patterns = patternLibrary(params.get(members[0].param)!.data, rule.library);
    return { ...constraint, rule: { ...rule, patterns } };
  });
}

/** The layers that can be given this structure, by name. */
export function prunableLayers(graph: Graph, structure: Structure): string[] {
  const refused = refusedLayers(graph, structure);
  return [...dependencyGraph(graph).layers.keys()].filter((name) => !refused.has(name));
}

/** Those that can't, with the reason. */
export function refusedLayers(graph: Graph, structure: Structure): Map<string, string> {
  const classes = structure.granularity === "filter" ? coupledClasses(graph) : [];
  return refusals(graph, classes, dependencyGraph(graph).layers, structure);
}

function filterConstraint(graph: Graph, coupled: CoupledClass, { keep, minKeep = 1 }: ConstraintOptions): Constraint {
  const member = (role: Member["role"]) => (of: Coupled) => memberOf(of, graph.params[of.param].shape, role);
  return {
    name: `${coupled.id}:filter`,
    kind: "filter",
    members: [
      ...distinct(coupled.producers, ({ param }) => param).map(member("weight")),
      ...distinct(coupled.vectors, ({ param }) => param).map(member("vector")),
    ],
    readers: distinct(coupled.readers, ({ param }) => param).map(member("weight")),
    groups: coupled.size,
    keep: keptCount(coupled.size, keep, minKeep),
    minKeep: Math.min(minKeep, coupled.size),
  };
}

/** One of each key: a parameter that several nodes share is pruned once. */
function distinct<T>(all: readonly T[], keyOf: (one: T) => string): T[] {
  return [...new Map([...all].reverse().map((one) => [keyOf(one), one])).values()].reverse();
}

function layerConstraint(graph: Graph, layer: Layer, options: ConstraintOptions): Constraint {
  const { granularity, keep, minKeep = 1 } = options;
  const { node, weight } = layer;
  const { shape } = graph.params[weight];
  const layout = structureLayout(options, layer, shape);
  const { groups } = layout;
  const rule = structureRule(options, shape);
  const fixed = isFixed(rule) ? shape[0] * keptOfRow(rule) : undefined;
  return {
    name: `${node.name}:${granularity}`,
    kind: granularity,
    members: [{ param: weight, role: "weight", layout, places: { offset: 0 } }],
    readers: [],
    groups,
    keep: fixed ?? keptCount(groups, keep, minKeep),
    minKeep: fixed ?? Math.min(minKeep, groups),
    ...rule && { rule },
  };
}

/** Layer name -> why it can't be given this structure. */
function refusals(
  graph: Graph,
  classes: readonly CoupledClass[],
  layers: ReadonlyMap<string, Layer>,
  structure: Structure,
): Map<string, string> {
  const refused = new Map<string, string>();
  if (structure.granularity === "filter") {
    for (const { prunable, why, producers } of classes) {
      if (!prunable) producers.forEach(({ node }) => refused.set(node, why!));
    }
    return refused;
  }
  for (const [name, layer] of layers) {
    const why = structureRefusal(structure, layer, graph.params[layer.weight].shape);
    if (why) refused.set(name, why);
  }
  return refused;
}

/** @throws UserError where no layer has such a name */
function named(all: readonly Layer[], pattern: string): Layer[] {
  const matches = matcher(pattern);
  const found = all.filter(({ node, weight }) => matches(node.name) || matches(weight));
  if (found.length > 0) return found;
  throw new UserError(`no layer is named "${pattern}"; there are ${all.map((l) => l.node.name).join(", ")}`);
}

function choose(
  all: readonly Layer[],
  { layers = ["*"], granularity }: ConstraintOptions,
  refused: ReadonlyMap<string, string>,
): Set<string> {
  const chosen = new Set<string>();
  for (const pattern of layers) {
    const found = named(all, pattern);
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

/**
 * `*` stands for any characters and `?` for one, also a line's end. A star first stands for nothing and takes one more
 * character whenever what follows doesn't fit; only the last star may have to, so no pattern takes longer than both lengths'
 * product.
 */
function matcher(pattern: string): (name: string) => boolean {
  return (name) => {
    let [at, next] = [0, 0];
    let star: { readonly after: number; from: number } | undefined;
    while (at < name.length) {
      if (pattern[next] === "*") star = { after: ++next, from: at };
      else if (pattern[next] === "?" || pattern[next] === name[at]) {
        at++;
        next++;
      } else if (star) {
        at = ++star.from;
        next = star.after;
      } else return false;
    }
    return /^\**$/.test(pattern.slice(next));
  };
}
