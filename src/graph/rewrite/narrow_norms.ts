/**
 * Norms that look at a part of a stream's channels: what a layer norm is where the others have been pruned. In the shapes of the
 * whole stream it is a projection onto the channels that stay, a norm over them, and a projection back; a network that is
 * compacted has only the norm left of it.
 */
import { freshName, takenNames } from "../names.ts";
import { identityMap, keptOrigins } from "../indexmap.ts";
import { isRowNorm } from "../roles.ts";
import type { Graph, HostTensor, IndexMap, Model, Node, Origin, ParamSpec, Rewrite } from "../types.ts";

/**
 * The network whose layer norms take mean and variance over these channels alone, in the places in which they stand, and give 0
 * in the others. It computes something else than the network given.
 *
 * @param kept by the node's name: the channels that stay, ascending. Norms without an entry stay as they are. Nodes that share
 * γ or β keep the same ones
 */
export function narrowNorms({ graph, params }: Model, kept: ReadonlyMap<string, readonly number[]>): Rewrite {
  const taken = takenNames(graph);
  const specs: Record<string, ParamSpec> = { ...graph.params };
  const made = new Map<string, HostTensor>(params);
  const map = new Map<string, Origin>(identityMap(graph));
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const stays = kept.get(node.name);
    if (!stays || !isRowNorm(node)) return [node];
    const [x, ...own] = node.inputs;
    for (const name of own) {
      const { shape: [width] } = graph.params[name];
      specs[name] = { ...graph.params[name], shape: [stays.length] };
      made.set(name, entriesOf(params.get(name)!, stays));
      map.set(name, { source: name, keep: [stays.length === width ? null : stays] });
    }
    const { shape: [width] } = graph.params[own[0]];
    const [inner, outer] = (["chosen", "placed"] as const).map((kind) => {
      const name = freshName(taken, `${node.name}.${kind}`);
      const weight = freshName(taken, `${name}.weight`);
      const tensor = selection(stays, width, kind);
      specs[weight] = { shape: tensor.shape, role: "weight" };
      made.set(weight, tensor);
      return { name, weight };
    });
    const normed = freshName(taken, `${node.name}.normed`);
    return [
      { name: inner.name, op: "MatMul", inputs: [x, inner.weight], outputs: [inner.name], attrs: {} },
      { ...node, inputs: [inner.name, ...own], outputs: [normed] },
      { name: outer.name, op: "MatMul", inputs: [normed, outer.weight], outputs: node.outputs, attrs: {} },
    ];
  });
  return { model: { graph: { ...graph, nodes, params: specs }, params: made }, map };
}

/**
 * A smaller network's parameters in the shapes of the dense one, with norms over as many channels as the smaller one has: so it
 * computes what the smaller one does.
 *
 * @param origin parameters of the smaller network -> their places in the dense one
 */
export function withNormsOf(origin: IndexMap, whole: Model): Model {
  const kept = narrowedNorms(whole.graph, origin);
  return kept.size === 0 ? whole : narrowNorms(whole, kept).model;
}

/** Which norms of a dense network a smaller one has over fewer channels, by where the smaller one's γ come from. */
export function narrowedNorms({ nodes }: Graph, origin: IndexMap): Map<string, readonly number[]> {
  const kept = new Map(keptOrigins(origin).map(([, { source, keep: [entries] }]) => [source, entries]));
  return new Map(nodes.flatMap((node) => {
    const entries = isRowNorm(node) ? kept.get(node.inputs[1]) : undefined;
    return entries ? [[node.name, entries] as const] : [];
  }));
}

/** Some entries of a vector, in the precision that it has. */
function entriesOf({ data }: HostTensor, stays: readonly number[]): HostTensor {
  const out = new (data.constructor as typeof Float32Array)(stays.length);
  stays.forEach((j, i) => out[i] = data[j]);
  return { shape: [stays.length], data: out };
}

/** A matrix that chooses the channels that stay, [width, stays], or one that puts them where they were, [stays, width]. */
function selection(stays: readonly number[], width: number, kind: "chosen" | "placed"): HostTensor {
  const data = new Float32Array(stays.length * width);
  stays.forEach((j, i) => data[kind === "chosen" ? j * stays.length + i : i * width + j] = 1);
  return { shape: kind === "chosen" ? [width, stays.length] : [stays.length, width], data };
}
