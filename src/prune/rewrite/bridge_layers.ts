/**
 * Layers that give what they read in the same shape, with a shortcut around them: y = W x + b becomes x + (W − I) x + b. It is the same
 * function, and now the layer is a branch between a stream and its sum: the structure `layer` can take it away, and what
 * remains hands x on. Those that stay are merged with their shortcuts again by `reparameterise`.
 */

import { UserError } from "../../errors.ts";
import { layerOf } from "../../graph/fuse.ts";
import { identityMap } from "../../graph/indexmap.ts";
import { consumers, freshName, takenNames } from "../../graph/names.ts";
import { concrete } from "../../graph/shapes.ts";
import type { HostTensor, Model, Node, Origin, Rewrite } from "../../graph/types.ts";
import { dependencyGraph } from "../groups/dependency_graph.ts";
import { type Layer, weightAt } from "../rules/layer_view.ts";
import { listed } from "../../validation/names.ts";

/**
 * The same function with a shortcut around each of these layers, y = x + (W − I) x + b, so that `layer` can take them away.
 *
 * @param names of layers that give what they read in the same shape
 * @throws UserError for a layer that isn't there, or around which no shortcut fits, with the reason
 */
export function bridgeLayers(model: Model, names: readonly string[]): Rewrite {
  const { graph } = model;
  const { shapes, layers } = dependencyGraph(graph);
  const readers = consumers(graph);
  const taken = takenNames(graph);
  const params = new Map<string, HostTensor>(model.params);
  const map = new Map<string, Origin>(identityMap(graph));
  const unknown = names.find((name) => !layers.has(name));
  if (unknown !== undefined) {
    throw new UserError(`no layer is named "${unknown}"; there are ${listed(unknown, [...layers.keys()])}`);
  }
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (!names.includes(node.name)) return [node];
    const layer = layers.get(node.name)!;
    const centre = centreOf(node, layer, model, shapes);
    const shared = node.inputs.slice(1).find((name) => readers.get(name)!.length > 1);
    const why = shared === undefined ? centre : `it shares "${shared}" with another node`;
    if (typeof why === "string") throw new UserError(`layer "${node.name}" can't have a shortcut around it: ${why}`);
    const { shape, data } = params.get(layer.weight)!;
    const less = data.slice();
    for (let c = 0; c < layer.channels; c++) less[weightAt(layer, c, c, why)] -= 1;
    params.set(layer.weight, { shape, data: less });
    map.set(layer.weight, { sources: [layer.weight], how: `${layer.weight} without the identity` });
    const [x] = node.inputs, [y] = node.outputs;
    const inner = freshName(taken, `${y}.branch`);
    const sum = freshName(taken, `${node.name}.bridge`);
    return [
      { ...node, outputs: [inner] },
      { name: sum, op: "Add", inputs: [inner, x], outputs: [y], attrs: {} },
    ];
  });
  return { model: { graph: { ...graph, nodes }, params }, map };
}

/** The tap of a kernel that sees the pixel that it makes, or why the layer can't hand on what it reads. */
function centreOf(
  node: Node,
  layer: Layer,
  { graph }: Model,
  shapes: ReturnType<typeof dependencyGraph>["shapes"],
): number | string {
  const x = shapes.get(node.inputs[0])!, y = shapes.get(node.outputs[0])!;
  if (x.join() !== y.join()) return `it makes [${y}] of [${x}]`;
  const made = layerOf(graph, node);
  if (layer.group > 1 || layer.columnAt || !made) return "it doesn't read all channels by a weight of its own for each";
  const problem = made.layer(node, concrete(x, 1), graph.params[layer.weight].shape);
  if (problem.kind === "linear") return 0;
  const { stride, pads: [top, left], dilation, kernel: [kh, kw] } = problem.conv;
  const [row, column] = [top / dilation[0], left / dilation[1]];
  const centred = stride.every((step) => step === 1) && Number.isInteger(row) && Number.isInteger(column);
  return centred && row < kh && column < kw ? row * kw + column : "no tap of its kernels sees the pixel that it makes";
}
