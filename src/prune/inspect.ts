/** What there is to know of a network before it is pruned: its layers and what they cost, what goes together, what can't go. */

import { type Cost, graphCost } from "../graph/cost.ts";
import { inferShapes } from "../graph/infer.ts";
import { hasFilterRows } from "../graph/roles.ts";
import type { Graph, OpName, Shape } from "../graph/types.ts";
import { dependencyGraph } from "./groups/dependency_graph.ts";
import { coupledConstraints, layersOf, prunableLayers, refusedLayers } from "./structures/constraints.ts";
import { coupledClasses } from "./groups/coupling.ts";
import { entriesPerGroup } from "./groups/rows.ts";
import type { PlainGranularity } from "./structures/types.ts";

/** A node, what it costs, and what can't be taken from it. */
export interface InspectedNode extends Cost {
  /** The node's. */
  readonly name: string;
  /** Its operator. */
  readonly op: OpName;
  /** Of what it makes. */
  readonly shape: Shape;
  /** Of its weight, if it has one. */
  readonly weight?: readonly number[];
  /** Activations that it reads. */
  readonly inputs: readonly string[];
  /** The value that it makes. */
  readonly output: string;
  /** The group whose filters it has: a layer's. */
  readonly group?: string;
  /** Why it can't be given groups of these kinds, where it can't. */
  readonly refused: Readonly<Partial<Record<PlainGranularity, string>>>;
}

/** Layers that can only be pruned together, by `filter`. */
export interface CoupledGroup {
  /** The name of its first layer. */
  readonly name: string;
  /** How many can be chosen among: filters, heads, or whole groups of a convolution. */
  readonly size: number;
  /** Layers whose filters these are, and how many of each go with a coupling group. */
  readonly layers: readonly { readonly name: string; readonly filters: number; readonly filtersPerGroup: number }[];
  /** Layers that read their channels, by name. */
  readonly readers: readonly string[];
  /** Why none of them can go; undefined if they can. */
  readonly why?: string;
}

/** A network as `inspect` sees it. */
export interface Inspection {
  /** The graph's. */
  readonly name: string;
  /** Activations that it is given. */
  readonly inputs: readonly { readonly name: string; readonly shape: Shape }[];
  /** What it gives. */
  readonly outputs: readonly { readonly name: string; readonly shape: Shape }[];
  /** Numbers stored. */
  readonly params: number;
  /** For one sample. */
  readonly macs: number;
  /** Of the parameters. */
  readonly bytes: number;
  /** In order of execution. */
  readonly nodes: readonly InspectedNode[];
  /** What can only go together, layer by layer. */
  readonly groups: readonly CoupledGroup[];
  /** What can go as a whole, or of attention: branches, and dimensions of heads. */
  readonly others: readonly OtherGroups[];
}

/** Groups of a kind that few networks have. */
export interface OtherGroups {
  /** What a group is. */
  readonly kind: PlainGranularity;
  /** By name, how many each has, and the layers whose weights they are. */
  readonly groups: readonly { readonly name: string; readonly size: number; readonly layers: readonly string[] }[];
  /** Why there are none; undefined where there are. */
  readonly why?: string;
}

const KINDS: readonly PlainGranularity[] = ["filter", "channel", "column", "kernel", "weight"];
/** Layer by layer there is nothing to tell of them: a network has some, or hasn't. */
const OTHERS: readonly PlainGranularity[] = ["layer", "qk", "v"];

/** Layers that can't be given groups of a kind, all for the same reason. */
export interface Refusal {
  readonly kind: PlainGranularity;
  readonly why: string;
  readonly layers: readonly string[];
}

/** What can't be pruned, kind after kind, and why. */
export function refusalsOf({ nodes }: Inspection): Refusal[] {
  const found = new Map<string, { kind: PlainGranularity; why: string; layers: string[] }>();
  for (const kind of KINDS) {
    for (const { name, refused } of nodes) {
      const why = refused[kind];
      if (why === undefined) continue;
      const key = `${kind} ${why}`;
      if (!found.has(key)) found.set(key, { kind, why, layers: [] });
      found.get(key)!.layers.push(name);
    }
  }
  return [...found.values()];
}

/**
 * Looks at a network without changing it: costs, what goes together, what can't go and why.
 * @throws UserError when the graph isn't valid
 */
export function inspect(graph: Graph): Inspection {
  const shapes = inferShapes(graph);
  const cost = graphCost(graph);
  const { layers, whole } = dependencyGraph(graph);
  const groups = coupledClasses(graph).map(({ id, size, producers, consumers, why }): CoupledGroup => ({
    name: id,
    size,
    layers: producers.map(({ node, at }) => {
      const { filters } = layers.get(node)!;
      return { name: node, filters, filtersPerGroup: entriesPerGroup(at, filters) };
    }),
    readers: consumers,
    ...why === undefined ? {} : { why },
  }));
  const groupOf = new Map(groups.flatMap(({ name, layers }) => layers.map((layer) => [layer.name, name] as const)));
  const refusals = KINDS.map((granularity) => [granularity, refusedLayers(graph, { granularity })] as const);
  const nodes = graph.nodes.map((node): InspectedNode => {
    const weight = layers.has(node.name) || hasFilterRows(node) ? graph.params[node.inputs[1]].shape : undefined;
    const refused = hasFilterRows(node) && whole.has(node.name)
      ? KINDS.map((kind) => [kind, `it is a layer ${whole.get(node.name)}`])
      : refusals.flatMap(([kind, found]) => found.has(node.name) ? [[kind, found.get(node.name)!]] : []);
    return {
      name: node.name,
      op: node.op,
      shape: shapes.get(node.outputs[0])!,
      ...weight && { weight },
      inputs: node.inputs.filter((name) => shapes.has(name)),
      output: node.outputs[0],
      ...cost.nodes.get(node.name)!,
      ...groupOf.has(node.name) ? { group: groupOf.get(node.name) } : {},
      refused: Object.fromEntries(refused),
    };
  });
  return {
    name: graph.name,
    inputs: graph.inputs,
    outputs: graph.outputs.map((name) => ({ name, shape: shapes.get(name)! })),
    params: cost.params,
    macs: cost.macs,
    bytes: cost.bytes,
    nodes,
    groups,
    others: OTHERS.map((kind) => otherGroups(graph, kind)),
  };
}

function otherGroups(graph: Graph, kind: PlainGranularity): OtherGroups {
  const structure = { granularity: kind };
  if (prunableLayers(graph, structure).length === 0) {
    const reasons = new Set(refusedLayers(graph, structure).values());
    return { kind, groups: [], why: reasons.size > 0 ? [...reasons].join("; ") : "it has no layers" };
  }
  const groups = coupledConstraints(graph, { ...structure, keep: 1 }).map((constraint) => ({
    name: constraint.name,
    size: constraint.groups,
    layers: layersOf(graph, constraint),
  }));
  return { kind, groups };
}
