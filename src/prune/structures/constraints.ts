/** From "prune these layers in this way" to a list of constraints over disjoint groups. */

import { show, UserError } from "../../errors.ts";
import type { Graph, Params } from "../../graph/types.ts";
import { dependencyGraph } from "../groups/dependency_graph.ts";
import type { Layer } from "../rules/layer_view.ts";
import { checkFraction } from "../budget/per_layer.ts";
import { groupingsOf } from "./groupings.ts";
import { patternLibrary } from "./pattern.ts";
import { GRANULARITIES, structureFault, structureSpan } from "./structures.ts";
import type { Constraint, ConstraintOptions, Structure } from "./types.ts";
import { refuseUnknownKeys } from "../../validation/choice.ts";
import { listed } from "../../validation/names.ts";

export type { ConstraintOptions };

/**
 * Branches: one constraint for all of those of which a layer is chosen. Filters: one for each coupled class of which one is. All
 * others: one per layer. Several lists may be put together: a tensor may stand under several kinds at once. Patterns are to be
 * settled (`settlePatterns`).
 *
 * @throws UserError for an unknown layer, one that can't be pruned so, or a keep outside (0, 1]
 */
export function coupledConstraints(graph: Graph, options: ConstraintOptions): Constraint[] {
  checkOptions(options);
  const { refused, constraints } = groupingsOf(graph, options);
  const all = [...dependencyGraph(graph).layers.values()];
  const chosen = choose(all, options, refused);
  const excluded = new Set(
    (options.exclude ?? []).flatMap((pattern) => named(all, pattern)).map(({ node }) => node.name),
  );
  const found = constraints(
    options,
    (layers) => layers.some((name) => chosen.has(name)) && !layers.some((name) => excluded.has(name)),
  );
  if (found.length > 0) return found;
  throw new UserError(
    `constraint "${options.granularity}": exclude leaves no layer to prune: ${options.exclude!.join(", ")}`,
  );
}

/** Keys that options of some structure have. */
const KNOWN: { readonly [Key in KeyOfAny<ConstraintOptions>]: true } = {
  granularity: true,
  layers: true,
  exclude: true,
  keep: true,
  minKeep: true,
  round: true,
  stream: true,
  block: true,
  direction: true,
  library: true,
  n: true,
  m: true,
};

type KeyOfAny<Options> = Options extends unknown ? keyof Options : never;

/** @throws UserError for options that aren't any, or can't be */
function checkOptions(options: ConstraintOptions): void {
  const { granularity, keep, minKeep = 1, round = 1, stream } = options;
  const where = `constraint "${granularity}"`;
  refuseUnknownKeys(where, options, Object.keys(KNOWN));
  checkFraction(keep, where);
  for (const [name, count] of [["minKeep", minKeep], ["round", round]] as const) {
    if (Number.isInteger(count) && count >= 1) continue;
    throw new UserError(`${where}: ${name} is ${show(count)}, expected a whole number of at least 1`);
  }
  for (const name of ["layers", "exclude"] as const) {
    const patterns: unknown = options[name];
    if (patterns === undefined || (Array.isArray(patterns) && (name === "exclude" || patterns.length > 0))) continue;
    throw new UserError(`${where}: ${name} is ${show(patterns)}, expected a list of names, such as ["conv*"]`);
  }
  const fault = structureFault(options);
  if (fault) throw new UserError(`${where}: ${fault}`);
  if (structureSpan(granularity) === "coupled layers") return;
  if (stream) throw new UserError(`${where}: stream is for the kind filter, whose groups pass a norm`);
  if (options.round !== undefined) {
    throw new UserError(`${where}: round is for the kind filter, whose counts are widths`);
  }
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

/** Names of the layers whose weights a constraint's groups are of, in order of execution. */
export function layersOf(graph: Graph, { members }: Constraint): string[] {
  const weights = new Set(members.filter(({ role }) => role === "weight").map(({ param }) => param));
  return [...dependencyGraph(graph).layers.values()].filter(({ weight }) => weights.has(weight))
    .map(({ node }) => node.name);
}

/** Those that can't, with the reason. */
export function refusedLayers(graph: Graph, structure: Structure): Map<string, string> {
  return new Map(groupingsOf(graph, structure).refused);
}

/** @throws UserError where no layer has such a name */
function named(all: readonly Layer[], pattern: string): Layer[] {
  const matches = matcher(pattern);
  const found = all.filter(({ node, weight }) => matches(node.name) || matches(weight));
  if (found.length > 0) return found;
  const names = all.map(({ node }) => node.name);
  throw new UserError(`no layer is named "${pattern}"; there are ${listed(pattern, names)}`);
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
