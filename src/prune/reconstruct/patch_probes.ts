/** Layers beside those of a network that see some of their patches: the moments of all of them take long, and neighbours say the same. */
import { layerOf } from "../../graph/fuse.ts";
import { inferShapes } from "../../graph/infer.ts";
import { freshName, takenNames } from "../../graph/names.ts";
import { withoutUnneeded } from "../../graph/rewrite/needed_nodes.ts";
import { concrete } from "../../graph/shapes.ts";
import type { Graph, Model, Node, Shape } from "../../graph/types.ts";

/** A network that ends with what is looked at. */
export interface Probed {
  readonly model: Model;
  /** By layer: the one whose patches stand for its own. */
  readonly probes: ReadonlyMap<string, Probe>;
}

/** A layer that sees one patch of `of` that lie beside each other. */
export interface Probe {
  readonly name: string;
  readonly of: number;
}

/**
 * The network as far as these layers need it, each with a twin that sees every second row and column of patches, or fewer of
 * large images: sixteen of each are enough. The border has its share in them.
 */
export function withPatchProbes(model: Model, layers: readonly string[]): Probed {
  const { graph } = model;
  const taken = takenNames(graph);
  const shapes = inferShapes(graph);
  const probes = new Map<string, Probe>();
  const twins = graph.nodes.filter(({ name }) => layers.includes(name)).map((node): Node => {
    const name = freshName(taken, `${node.name}.probe`);
    const { strides, of } = stridesOf(graph, node, shapes);
    probes.set(node.name, { name, of });
    return { ...node, name, outputs: [name], attrs: { ...node.attrs, ...strides && { strides } } };
  });
  const outputs = twins.map(({ name }) => name);
  return {
    model: withoutUnneeded({ ...model, graph: { ...graph, nodes: [...graph.nodes, ...twins], outputs } }),
    probes,
  };
}

/** Rows and columns from which on some are passed over, and how many of them stay where images are large. */
const SMALL = 8, ENOUGH = 16;

function stridesOf(
  graph: Graph,
  node: Node,
  shapes: ReadonlyMap<string, Shape>,
): { readonly strides?: readonly number[]; readonly of: number } {
  const [x, weight] = node.inputs;
  const problem = layerOf(graph, node)!.layer(node, concrete(shapes.get(x)!, 1), graph.params[weight].shape);
  if (problem.kind === "linear") return { of: 1 };
  const made = shapes.get(node.outputs[0])!.slice(2) as number[];
  const step = made.map((side) => side < SMALL ? 1 : Math.max(2, Math.floor(side / ENOUGH)));
  return { strides: problem.conv.stride.map((stride, axis) => stride * step[axis]), of: step[0] * step[1] };
}
