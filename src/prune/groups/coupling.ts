/**
 * Which filters can only go together (docs/pipeline.md). Tied channels (coupling_groups.ts) form groups: filter j of a convolution, the
 * channels it becomes down the stream, filter j of whatever is added to it; the filters of a head or of a group. Layers that
 * share groups form a class. Offsets come by themselves: behind a Concat two layers have classes of their own, and where a
 * Pad widens a shortcut (option A), the narrow stage's filters are groups of the wide one, some places on.
 */

import type { Graph, Node } from "../../graph/types.ts";
import type { Layer } from "../rules/layer_view.ts";
import { activations } from "../rules/operands.ts";
import { forEachLink, parameterAxis, zeroableParameters } from "./channels.ts";
import { blockedGroups, couplingGroups } from "./coupling_groups.ts";
import { type DependencyGraph, dependencyGraph } from "./dependency_graph.ts";
import { DisjointSets } from "./disjoint_sets.ts";
import { groupsOf, type Placement, placementOf } from "./rows.ts";

/** A tensor whose entries along an axis belong to groups of the class. */
export interface Coupled {
  readonly node: string;
  readonly param: string;
  readonly axis: number;
  /** Which of its entries are which group's. */
  readonly at: Placement;
}

export interface CoupledClass {
  /** The name of its first layer. */
  readonly id: string;
  /** Coupling groups: how many can be chosen among. */
  readonly size: number;
  /** Layers whose filters the groups are, by weight. */
  readonly producers: readonly Coupled[];
  /** Biases, γ, β and tables that go with them. */
  readonly vectors: readonly Coupled[];
  /** Layers that read the groups' channels, by node name. */
  readonly consumers: readonly string[];
  /** Those of them whose input channels are the groups' one by one: neither grouped nor of single columns. */
  readonly readers: readonly Coupled[];
  readonly prunable: boolean;
  /** Why it isn't prunable. */
  readonly why?: string;
}

/** The classes of a graph in order of execution; each layer is a producer in exactly one. */
export function coupledClasses(graph: Graph): CoupledClass[] {
  const dependencies = dependencyGraph(graph);
  const layers = [...dependencies.layers.values()];
  const groups = couplingGroups(dependencies);
  const joined = new DisjointSets(layers.length);
  const owner = new Map<number, number>();
  layers.forEach((layer, i) => {
    for (const group of groupsOfValue(dependencies, groups, layer.y)) {
      if (owner.has(group)) joined.join(i, owner.get(group)!);
      else owner.set(group, i);
    }
  });
  const blocked = blockedGroups(dependencies, groups);
  const classOf = (group: number) => owner.has(group) ? joined.find(owner.get(group)!) : undefined;
  // A network may have thousands of classes: who touches which is found in one pass, not in one for each.
  const touching = <T>(all: Iterable<T>, valueOf: (one: T) => string) => {
    const found = new Map<number | undefined, T[]>();
    for (const one of all) {
      for (const id of new Set(groupsOfValue(dependencies, groups, valueOf(one)).map(classOf))) {
        if (found.has(id)) found.get(id)!.push(one);
        else found.set(id, [one]);
      }
    }
    return found;
  };
  const consumers = touching(layers, ({ x }) => x);
  const nodes = touching(graph.nodes, ({ outputs }) => outputs[0]);
  return [...Map.groupBy(layers.keys(), (i) => joined.find(i))].map(([id, members]) =>
    describe(dependencies, groups, blocked, {
      layers: members.map((i) => layers[i]),
      consumers: consumers.get(id) ?? [],
      nodes: nodes.get(id) ?? [],
    })
  );
}

/** What touches a class, each in order of execution. */
interface Touching {
  /** Layers whose filters are its groups. */
  readonly layers: readonly Layer[];
  /** Layers that read its groups' channels. */
  readonly consumers: readonly Layer[];
  /** Nodes that make its groups' channels. */
  readonly nodes: readonly Node[];
}

function describe(
  dependencies: DependencyGraph,
  groups: DisjointSets,
  blocked: ReadonlyMap<number, string>,
  touching: Touching,
): CoupledClass {
  const { layers, consumers } = touching;
  const mine = new Set(layers.flatMap((layer) => groupsOfValue(dependencies, groups, layer.y)));
  const why = [...mine].map((group) => blocked.get(group)).find((reason) => reason !== undefined) ??
    (mine.size === 1 ? single(dependencies, groups, layers) : undefined);
  return {
    id: layers[0].node.name,
    size: mine.size,
    ...placed(dependencies, groups, touching),
    consumers: consumers.map(({ node }) => node.name),
    prunable: why === undefined,
    ...(why === undefined ? {} : { why }),
  };
}

function single(dependencies: DependencyGraph, groups: DisjointSets, layers: readonly Layer[]): string {
  const filters = layers.reduce((most, layer) => Math.max(most, layer.filters), 0);
  if (filters === 1) return "it has one filter";
  const binder = binderOf(dependencies, groups, groups.find(dependencies.channels.base(layers[0].y)));
  const through = binder ? `: they flow through ${binder.op} "${binder.name}"` : "";
  return `all its ${filters} filters can only go together${through}`;
}

/** The first node that by itself ties different channels of a value that it reads or makes, which are all of this group. */
function binderOf(dependencies: DependencyGraph, groups: DisjointSets, group: number): Node | undefined {
  const { graph, channels } = dependencies;
  const channelsOf = (value: string) =>
    Array.from({ length: channels.width(value) }, (_, j) => channels.base(value) + j);
  return graph.nodes.find((node) => {
    const values = [...new Set([...activations(node, channels), node.outputs[0]])];
    if (!values.some((value) => groups.find(channels.base(value)) === group)) return false;
    const own = new Map(values.flatMap(channelsOf).map((channel, i) => [channel, i]));
    const sets = new DisjointSets(own.size);
    forEachLink(dependencies, node, (made, read, kind) => {
      if (kind !== "spread") sets.join(own.get(made)!, own.get(read)!);
    });
    return values.some((value) => {
      const all = channelsOf(value).map((channel) => sets.find(own.get(channel)!));
      return all.length > 1 && new Set(all).size === 1;
    });
  });
}

/** Where the groups of a class stand in its tensors. */
function placed(
  dependencies: DependencyGraph,
  groups: DisjointSets,
  { layers, consumers, nodes }: Touching,
): Pick<CoupledClass, "producers" | "vectors" | "readers"> {
  const positions = numbered(dependencies, groups, layers);
  const at = (value: string) =>
    placementOf(
      groupsOfValue(dependencies, groups, value).map((group) => positions.get(group)),
      positions.size,
    );
  return {
    producers: layers.map(({ node, weight, axes, y }) => ({
      node: node.name,
      param: weight,
      axis: axes.filter,
      at: at(y),
    })),
    vectors: nodes.flatMap((node) => vectorsOf(dependencies, node, at)),
    readers: consumers.filter(({ group, columnAt }) => group === 1 && !columnAt).map(({ node, weight, axes, x }) => ({
      node: node.name,
      param: weight,
      axis: axes.channel,
      at: at(x),
    })),
  };
}

/**
 * A number for each group of the class, so that every layer's filters stand in a row where they can; where they can't, in the
 * order in which its layers have them, the widest one's first.
 */
function numbered(
  dependencies: DependencyGraph,
  groups: DisjointSets,
  layers: readonly Layer[],
): Map<number, number> {
  const byWidth = layers.toSorted((a, b) => b.filters - a.filters);
  const met = new Set(byWidth.flatMap(({ y }) => groupsOfValue(dependencies, groups, y)));
  return inRows(dependencies, groups, layers) ?? new Map([...met].map((group, position) => [group, position]));
}

function inRows(
  dependencies: DependencyGraph,
  groups: DisjointSets,
  layers: readonly Layer[],
): Map<number, number> | undefined {
  const waiting = new Map<Layer, readonly number[]>();
  for (const layer of layers) {
    const row = groupsOf(groupsOfValue(dependencies, groups, layer.y));
    if (!row) return undefined;
    waiting.set(layer, row.groups);
  }
  const positions = new Map<number, number>();
  const widest = [...waiting].reduce((a, b) => b[1].length > a[1].length ? b : a)[0];
  let next: { layer: Layer; offset: number } | undefined = { layer: widest, offset: 0 };
  while (next) {
    const { layer, offset }: { layer: Layer; offset: number } = next;
    for (const [k, group] of waiting.get(layer)!.entries()) {
      const known = positions.get(group);
      if (known !== undefined && known !== offset + k) return undefined;
      positions.set(group, offset + k);
    }
    waiting.delete(layer);
    next = undefined;
    for (const [layer, row] of waiting) {
      const k = row.findIndex((group) => positions.has(group));
      if (k >= 0) next = { layer, offset: positions.get(row[k])! - k };
      if (next) break;
    }
  }
  const least = Math.min(...positions.values());
  for (const [group, position] of positions) positions.set(group, position - least);
  const distinct = new Set(positions.values());
  return distinct.size < positions.size || Math.max(...distinct) >= positions.size ? undefined : positions;
}

/** A node's per-channel parameters. */
function vectorsOf(dependencies: DependencyGraph, node: Node, at: (value: string) => Placement): Coupled[] {
  const weight = dependencies.layers.get(node.name)?.weight;
  return zeroableParameters(dependencies, node).flatMap((param) => {
    const axis = param === weight ? null : parameterAxis(dependencies, node, param);
    return axis === null ? [] : [{ node: node.name, param, axis, at: at(node.outputs[0]) }];
  });
}

function groupsOfValue({ channels }: DependencyGraph, groups: DisjointSets, value: string): number[] {
  return Array.from({ length: channels.width(value) }, (_, j) => groups.find(channels.base(value) + j));
}
