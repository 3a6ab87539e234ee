/**
 * Which filters can only go together (docs/pipeline.md). Tied channels (coupling_groups.ts) form groups: filter j of a convolution, the
 * channels it becomes down the stream, filter j of whatever is added to it; the filters of a head or of a group. Layers that
 * share groups form a class. Offsets come by themselves: behind a Concat two layers have classes of their own, and where a
 * Pad widens a shortcut (option A), the narrow stage's filters are groups of the wide one, some places on.
 */

import type { Graph } from "../../graph/types.ts";
import type { Layer } from "../rules/layer_view.ts";
import { parameterAxis, zeroableParameters } from "./channels.ts";
import { type DependencyGraph, dependencyGraph } from "./dependency_graph.ts";
import { DisjointSets } from "./disjoint_sets.ts";
import { groupsOf, type Row, rowsOf } from "./rows.ts";
import { blockedGroups, couplingGroups } from "./coupling_groups.ts";

/** A tensor whose entries along an axis belong to groups of the class. */
export interface Coupled extends Row {
  readonly node: string;
  readonly param: string;
  readonly axis: number;
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
  /** Those of them whose input channels follow the groups in one row. */
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
  const classes = Map.groupBy(layers.keys(), (i) => joined.find(i));
  return [...classes.values()].map((members) => describe(dependencies, groups, blocked, members.map((i) => layers[i])));
}

function describe(
  dependencies: DependencyGraph,
  groups: DisjointSets,
  blocked: ReadonlyMap<number, string>,
  layers: readonly Layer[],
): CoupledClass {
  const mine = new Set(layers.flatMap((layer) => groupsOfValue(dependencies, groups, layer.y)));
  const consumers = [...dependencies.layers.values()].filter(({ x }) =>
    groupsOfValue(dependencies, groups, x).some((group) => mine.has(group))
  );
  const placed = placedClass(dependencies, groups, layers, consumers);
  const why = [...mine].map((group) => blocked.get(group)).find((reason) => reason !== undefined) ??
    (typeof placed === "string" ? placed : mine.size === 1 ? single(layers) : undefined);
  const whole = layers.map(({ node, weight, axes, filters }) => ({
    node: node.name,
    param: weight,
    axis: axes.filter,
    offset: 0,
    repeat: 1,
    period: filters,
  }));
  return {
    id: layers[0].node.name,
    size: mine.size,
    ...(typeof placed === "string" ? { producers: whole, vectors: [], readers: [] } : placed),
    consumers: consumers.map(({ node }) => node.name),
    prunable: why === undefined,
    ...(why === undefined ? {} : { why }),
  };
}

function single(layers: readonly Layer[]): string {
  const filters = layers.reduce((most, layer) => Math.max(most, layer.filters), 0);
  return filters === 1 ? "it has one filter" : `all its ${filters} filters can only go together`;
}

/** Where the groups of a class stand in its tensors; or why that can't be said. */
function placedClass(
  dependencies: DependencyGraph,
  groups: DisjointSets,
  layers: readonly Layer[],
  consumers: readonly Layer[],
): Pick<CoupledClass, "producers" | "vectors" | "readers"> | string {
  const positions = place(dependencies, groups, layers);
  if (typeof positions === "string") return positions;
  const rows = (value: string) => {
    const at = groupsOfValue(dependencies, groups, value).map((group) => positions.get(group));
    return rowsOf(at, positions.size);
  };
  const vectors = vectorsOf(dependencies, rows);
  if (typeof vectors === "string") return vectors;
  return {
    producers: layers.map(({ node, weight, axes, y }) => ({
      node: node.name,
      param: weight,
      axis: axes.filter,
      ...rows(y)![0],
    })),
    vectors,
    readers: consumers.filter(({ group, columnAt }) => group === 1 && !columnAt).flatMap(
      ({ node, weight, axes, x }) => {
        const found = rows(x);
        return found?.length === 1 ? [{ node: node.name, param: weight, axis: axes.channel, ...found[0] }] : [];
      },
    ),
  };
}

/** Position of each group, so that every layer's filters stand in a row; or why they can't. */
function place(
  dependencies: DependencyGraph,
  groups: DisjointSets,
  layers: readonly Layer[],
): Map<number, number> | string {
  const waiting = new Map<Layer, readonly number[]>();
  for (const layer of layers) {
    const row = groupsOf(groupsOfValue(dependencies, groups, layer.y));
    if (!row) return `the filters of "${layer.node.name}" are tied to each other in no order`;
    waiting.set(layer, row.groups);
  }
  const positions = new Map<number, number>();
  const widest = [...waiting].reduce((a, b) => b[1].length > a[1].length ? b : a)[0];
  let next: { layer: Layer; offset: number } | undefined = { layer: widest, offset: 0 };
  while (next) {
    const { layer, offset }: { layer: Layer; offset: number } = next;
    for (const [k, group] of waiting.get(layer)!.entries()) {
      const known = positions.get(group);
      if (known !== undefined && known !== offset + k) return `"${layer.node.name}" meets the stream in another order`;
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
  if (distinct.size < positions.size || Math.max(...distinct) >= positions.size) {
    return "its layers meet in an irregular order";
  }
  return positions;
}

/** Per-channel parameters of the class; or which of them doesn't follow the groups. */
function vectorsOf(
  dependencies: DependencyGraph,
  rows: (value: string) => Row[] | undefined,
): Coupled[] | string {
  const { graph, layers } = dependencies;
  const vectors: Coupled[] = [];
  for (const node of graph.nodes) {
    const y = node.outputs[0];
    for (const param of zeroableParameters(dependencies, node)) {
      if (layers.get(node.name)?.weight === param) continue;
      const axis = parameterAxis(dependencies, node, param);
      if (axis === null) continue;
      const found = rows(y);
      if (!found) return `its channels spread irregularly over "${param}"`;
      vectors.push(...found.map((row) => ({ node: node.name, param, axis, ...row })));
    }
  }
  return vectors;
}

function groupsOfValue({ channels }: DependencyGraph, groups: DisjointSets, value: string): number[] {
  return Array.from({ length: channels.width(value) }, (_, j) => groups.find(channels.base(value) + j));
}
