/**
 * What stands between a stream and the sum that adds to it: a residual block's branch, attention or the MLP of a transformer.
 * Where all of its parameters are 0 it adds nothing, and the sum is the stream.
 */

import { consumers } from "../../graph/names.ts";
import { isSum } from "../../graph/roles.ts";
import type { Graph, HostTensor, Node } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";
import { zeroableParameters } from "../groups/channels.ts";
import { type DependencyGraph, weigh } from "../groups/dependency_graph.ts";
import { constants } from "../rewrite/constant_propagation.ts";

/** A branch that can go as a whole. */
export interface Branch {
  /** The sum's name. */
  readonly sum: string;
  /** Names of its layers, in order of execution. */
  readonly layers: readonly string[];
  /** What is 0 where it is gone: weights, biases, γ and β, each once. */
  readonly params: readonly string[];
}

/** The branches of a network, and which layers are in none that can go. */
export interface Branches {
  /** In order of execution; no node is in two of them. */
  readonly branches: readonly Branch[];
  /** Layer -> why it can't go with a branch, as a clause. */
  readonly refused: ReadonlyMap<string, string>;
}

/** Of layers that no sum takes in. */
const OUTSIDE = "it lies in no branch between a stream and a sum";

/** @throws UserError when the graph isn't valid */
export function branchesOf(dependencies: DependencyGraph): Branches {
  const { layers } = dependencies;
  const refused = new Map([...layers.keys()].map((name) => [name, OUTSIDE]));
  const found = claimBranches(dependencies, (names, why) => names.forEach((name) => refused.set(name, why)));
  const silent = silentValues(dependencies, found);
  const branches = found.filter((branch) => {
    const why = silent(branch);
    for (const name of branch.layers) {
      if (why === undefined) refused.delete(name);
      else refused.set(name, why);
    }
    return why === undefined;
  });
  return { branches: branches.map(({ sum, layers, params }) => ({ sum, layers, params })), refused };
}

interface Found extends Branch {
  /** What it makes. */
  readonly value: string;
}

/** The inner of two branches first, for sums inside of another one's branch stand before it. */
function claimBranches(
  dependencies: DependencyGraph,
  refuse: (layers: readonly string[], why: string) => void,
): Found[] {
  const { layers, whole } = dependencies;
  const graph = withoutAnchors(dependencies);
  const readers = consumers(graph);
  const claimed = new Map<Node, string>();
  return graph.nodes.flatMap((sum, at): Found[] => {
    const sides = isSum(sum) && !whole.has(sum.name) ? sidesOf(dependencies, graph, readers, at) : undefined;
    if (!sides) return [];
    for (const { value, nodes } of sides) {
      const own = nodes.flatMap(({ name }) => layers.has(name) ? [name] : []);
      if (own.length === 0) continue;
      const inner = nodes.flatMap((node) => claimed.get(node) ?? [])[0];
      const params = [...new Set(nodes.flatMap((node) => zeroableParameters(dependencies, node)))];
      const shared = params.find((name) => readers.get(name)!.some((node) => !nodes.includes(node)));
      const free = own.filter((name) => !nodes.some((node) => node.name === name && claimed.has(node)));
      if (inner !== undefined) refuse(free, `its branch holds that of the sum "${inner}"`);
      else if (shared !== undefined) refuse(own, `its branch shares "${shared}" with what lies outside`);
      else {
        for (const node of nodes) claimed.set(node, sum.name);
        return [{ sum: sum.name, layers: own, params, value }];
      }
    }
    return [];
  });
}

/** One of a sum's operands, and the nodes that nobody but it needs. */
interface Side {
  readonly value: string;
  readonly nodes: readonly Node[];
}

/**
 * Both sides of a sum, the one of more layers first; undefined where they don't begin at one value, or differ in shape, so that
 * neither could stand for the sum.
 */
function sidesOf(
  { shapes, layers }: DependencyGraph,
  graph: Graph,
  readers: ReadonlyMap<string, readonly Node[]>,
  at: number,
): readonly Side[] | undefined {
  const { inputs, outputs: [y] } = graph.nodes[at];
  const alike = inputs.every((value) => shapes.get(value)?.join() === shapes.get(y)!.join());
  if (!alike || inputs[0] === inputs[1]) return undefined;
  const sides = inputs.map((value) => ({ value, nodes: ownNodes(graph, readers, at, value) }));
  const streams = new Set(sides.flatMap(({ value, nodes }) => {
    const made = new Set(nodes.flatMap(({ outputs }) => outputs));
    return nodes.length === 0
      ? [value]
      : nodes.flatMap((node) => node.inputs.filter((input) => !(input in graph.params) && !made.has(input)));
  }));
  if (streams.size !== 1) return undefined;
  const count = ({ nodes }: Side) => nodes.filter(({ name }) => layers.has(name)).length;
  return sides.toSorted((a, b) => count(b) - count(a));
}

/** The nodes whose results reach nothing but the sum's operand, in order of execution. */
function ownNodes(
  { nodes, outputs }: Graph,
  readers: ReadonlyMap<string, readonly Node[]>,
  at: number,
  value: string,
): readonly Node[] {
  const own = new Set<Node>();
  for (let i = at - 1; i >= 0; i--) {
    const [made] = nodes[i].outputs;
    const reading = readers.get(made) ?? [];
    const inside = reading.length > 0 &&
      reading.every((node) => own.has(node) || (made === value && node === nodes[at]));
    if (inside && !outputs.includes(made)) own.add(nodes[i]);
  }
  return [...own].reverse();
}

/** Anchors stand for no node of the network. */
function withoutAnchors({ graph, anchors }: DependencyGraph): Graph {
  const sources = new Map(
    graph.nodes.flatMap(({ name, inputs, outputs }) => anchors.has(name) ? [[outputs[0], inputs[0]] as const] : []),
  );
  const nodes = graph.nodes.filter(({ name }) => !anchors.has(name))
    .map((node) => ({ ...node, inputs: node.inputs.map((name) => sources.get(name) ?? name) }));
  return { ...graph, nodes };
}

/** Why a branch doesn't add 0 where its parameters are 0; undefined where it does. */
function silentValues(dependencies: DependencyGraph, found: readonly Found[]): (branch: Found) => string | undefined {
  if (found.length === 0) return () => undefined;
  const gone = new Set(found.flatMap(({ params }) => params));
  const graph = withoutAnchors(dependencies);
  const params = new Map(
    Object.entries(graph.params).map(([name, { shape }]): [string, HostTensor] => [
      name,
      { shape, data: new Float32Array(elements(shape)).fill(gone.has(name) ? 0 : 1) },
    ]),
  );
  const weighed = weigh({ graph, params });
  const known = constants(weighed);
  const { channels } = weighed;
  return ({ value }) => {
    const silent = Array.from({ length: channels.width(value) }, (_, j) => known.valueOf(channels.base(value) + j))
      .every((held) => held === 0);
    return silent ? undefined : "its branch gives something else than 0 where all of its parameters are 0";
  };
}
