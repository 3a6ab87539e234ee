/** Which groups a network has of each kind of structure: of single layers, of those that are coupled, and of whole branches. */

import type { HeadFeatures } from "../../graph/head_features.ts";
import type { Graph } from "../../graph/types.ts";
import { keptCount, multipleFor } from "../budget/per_layer.ts";
import { type Coupled, type CoupledClass, coupledClasses } from "../groups/coupling.ts";
import { type AttentionHeads, attentionHeads, type HeadProjection } from "../groups/attention_heads.ts";
import { dependencyGraph } from "../groups/dependency_graph.ts";
import { entriesPerGroup } from "../groups/rows.ts";
import type { Layer } from "../rules/layer_view.ts";
import { type Branch, branchesOf } from "./branches.ts";
import { memberOf } from "./elements.ts";
import { wholeTensor } from "./layer.ts";
import { isFixed, keptOfRow, wholeKeep } from "./selection.ts";
import { withoutRowStatistics, yieldingNorms } from "./stream_norms.ts";
import { structureLayout, structureRefusal, structureRule, structureSpan } from "./structures.ts";
import type { Constraint, ConstraintOptions, EvenRule, Member, Span, Structure } from "./types.ts";

/** A structure, and whether layer norms give way to it. */
type Asked = Structure & Pick<ConstraintOptions, "stream">;

/** What of a graph can be given groups of some kind, and what can't. */
export interface Groupings {
  /** Layer name -> why it can't be given this structure. */
  readonly refused: ReadonlyMap<string, string>;
  /** @param wanted whether what these layers have groups of is to be pruned */
  constraints(options: ConstraintOptions, wanted: (layers: readonly string[]) => boolean): Constraint[];
}

/** What of a graph can be pruned so, and what can't. */
export function groupingsOf(graph: Graph, structure: Asked): Groupings {
  return GROUPINGS[structureSpan(structure.granularity)](graph, structure);
}

const GROUPINGS: Readonly<Record<Span, (graph: Graph, structure: Asked) => Groupings>> = {
  "layer": layerGroupings,
  "coupled layers": filterGroupings,
  "heads": headGroupings,
  "branches": branchGroupings,
};

/** One constraint for each layer. */
function layerGroupings(graph: Graph, structure: Structure): Groupings {
  const { layers } = dependencyGraph(graph);
  const refused = new Map([...layers].flatMap(([name, layer]) => {
    const why = structureRefusal(structure, layer, graph.params[layer.weight].shape);
    return why === undefined ? [] : [[name, why] as const];
  }));
  return {
    refused,
    constraints(options, wanted) {
      const chosen = [...layers.values()].filter(({ node: { name } }) => wanted([name]));
      return distinct(chosen, ({ weight }) => weight).map((layer) => layerConstraint(graph, layer, options));
    },
  };
}

/** One constraint for each class of coupled layers. */
function filterGroupings(given: Graph, { stream }: Asked): Groupings {
  const graph = stream ? withoutRowStatistics(given) : given;
  const norms = stream ? yieldingNorms(given) : new Map<string, number>();
  const classes = coupledClasses(graph);
  const refused = classes.filter(({ prunable }) => !prunable)
    .flatMap(({ why, producers }) => producers.map(({ node }) => [node, why!] as const));
  return {
    refused: new Map(refused),
    constraints: (options, wanted) =>
      classes.filter(({ producers }) => wanted(producers.map(({ node }) => node)))
        .map((coupled) => filterConstraint(graph, coupled, options, norms)),
  };
}

/** One constraint for each attention: dimension j of head h is group h · depth + j, and as many stay of each head. */
function headGroupings(graph: Graph, { granularity }: Asked): Groupings {
  const dependencies = dependencyGraph(graph);
  const { found, refused } = attentionHeads(graph, dependencies);
  const parts = granularity === "v" ? (["v"] as const) : (["q", "k"] as const);
  const able = found.flatMap((attention) => {
    const { output, v, q, k } = attention;
    if (parts.length === 1) return output ? [{ attention, depth: v.depth }] : [];
    return q.depth === k.depth ? [{ attention, depth: q.depth }] : [];
  }).filter(({ depth }) => depth > 1);
  const made = new Set(able.flatMap(({ attention }) => parts.map((part) => attention[part].layer.node.name)));
  const [reason] = refused.values();
  const why = `it makes no ${parts.length === 1 ? "values" : "queries or keys"} of heads from which dimensions can go` +
    (reason === undefined ? "" : `: of the network's attention, ${reason}`);
  return {
    refused: new Map([...dependencies.layers.keys()].filter((name) => !made.has(name)).map((name) => [name, why])),
    constraints: (options, wanted) =>
      able.filter(({ attention }) => wanted(parts.map((part) => attention[part].layer.node.name)))
        .map(({ attention, depth }) =>
          headConstraint(graph, options, depth, {
            attention,
            projections: parts.map((part) => attention[part]),
          })
        ),
  };
}

interface HeadParts {
  readonly attention: AttentionHeads;
  /** What makes the dimensions. */
  readonly projections: readonly HeadProjection[];
}

function headConstraint(
  graph: Graph,
  { granularity, keep, minKeep = 1 }: ConstraintOptions,
  depth: number,
  { attention: { node, heads, output }, projections }: HeadParts,
): Constraint {
  const groups = heads * depth;
  const rule: EvenRule = { kind: "even", runs: heads };
  /** Of a parameter with an entry for each feature along an axis. */
  const member = (role: Member["role"], param: string, axis: number, of: readonly HeadFeatures[]) => {
    const { shape } = graph.params[param];
    const map = new Array<number>(shape[axis]).fill(-1);
    of.forEach(({ features, depth: all }) =>
      features.forEach((feature, i) => map[feature] = Math.floor(i / all) * depth + i % all)
    );
    return memberOf({ param, axis, at: { map } }, shape, role);
  };
  const byWeight = Map.groupBy(projections, ({ layer }) => layer.weight);
  const biases = Map.groupBy(projections.filter(({ bias }) => bias), ({ bias }) => bias!.param);
  const read = granularity === "v" && output ? [member("weight", output.layer.weight, 0, [output])] : [];
  const least = heads * Math.min(minKeep, depth);
  return {
    name: `${node.name}:${granularity}`,
    kind: granularity,
    members: [
      ...Array.from(byWeight, ([param, of]) => member("weight", param, 1, of)),
      ...Array.from(biases, ([param, of]) => member("vector", param, graph.params[param].shape.length - 1, of)),
    ],
    readers: read,
    groups,
    keep: Math.max(least, wholeKeep(rule, heads * Math.round(keep * depth))),
    minKeep: least,
    rule,
  };
}

/** One constraint for all branches that are wanted: which of them go is a choice among them. */
function branchGroupings(graph: Graph): Groupings {
  const { branches, refused } = branchesOf(dependencyGraph(graph));
  return {
    refused,
    constraints(options, wanted) {
      const chosen = branches.filter(({ layers }) => wanted(layers));
      return chosen.length === 0 ? [] : [branchConstraint(graph, chosen, options)];
    },
  };
}

/** Its name is that of what was asked for, for the first of its layers may be gone in a smaller network. */
function branchConstraint(
  graph: Graph,
  branches: readonly Branch[],
  { granularity, layers = ["*"], keep, minKeep = 1 }: ConstraintOptions,
): Constraint {
  const members = branches.flatMap(({ params }, group) =>
    params.map((param): Member => {
      const { role, shape } = graph.params[param];
      return {
        param,
        role: role === "weight" ? "weight" : "vector",
        layout: wholeTensor(shape),
        places: { offset: group },
      };
    })
  );
  return {
    name: `${layers.join(" ")}:${granularity}`,
    kind: granularity,
    members,
    readers: [],
    groups: branches.length,
    keep: keptCount(branches.length, keep, minKeep),
    minKeep: Math.min(minKeep, branches.length),
  };
}

function filterConstraint(
  graph: Graph,
  coupled: CoupledClass,
  { keep, minKeep = 1, round = 1 }: ConstraintOptions,
  yielding: ReadonlyMap<string, number>,
): Constraint {
  const { layers } = dependencyGraph(graph);
  const multiple = multipleFor(
    round,
    coupled.producers.map(({ node, at }) => entriesPerGroup(at, layers.get(node)!.filters)),
  );
  const norms = [...new Set(coupled.vectors.map(({ node }) => node))].filter((name) => yielding.has(name));
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
    keep: keptCount(coupled.size, keep, minKeep, multiple),
    minKeep: Math.min(minKeep, coupled.size),
    ...multiple > 1 && { multiple },
    ...norms.length > 0 && { norms },
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
