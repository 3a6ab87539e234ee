/**
 * Along which axis the channels of each value stand. Axis 1 of a graph's inputs, unless its layers find theirs elsewhere: an
 * image [N,H,W,C] whose convolutions stand behind Transposes has them last. A layer knows by its weight along which axis it
 * reads channels. Where those of its input stand along another one (an MLP over tokens, not over their features), it reads
 * the value through an anchor: an Identity that can only be kept or dropped as a whole, so that the layer's own filters can go.
 */

import { freshName, takenNames } from "../../graph/names.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import { ruleOf } from "../rules/table.ts";

export interface PlacedChannels {
  /** The graph given, with its anchors. */
  readonly graph: Graph;
  /** Of the activations, those that anchors make among them, in order of execution. */
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Value -> the axis of its channels. */
  readonly axes: ReadonlyMap<string, number>;
  /** Anchor, by name -> the layer that it stands before, by name. */
  readonly anchors: ReadonlyMap<string, string>;
}

/** @param shapes of the activations, as `inferShapes` gives them */
export function placeChannels(graph: Graph, shapes: ReadonlyMap<string, Shape>): PlacedChannels {
  const inputs = new Map(graph.inputs.map(({ name }) => [name, 1]));
  let best = place(graph, shapes, inputs);
  for (const { name, shape } of graph.inputs) {
    for (let axis = shape.length - 1; axis > 1 && best.anchors.size > 0; axis--) {
      const found = place(graph, shapes, new Map([...inputs, [name, axis]]));
      if (found.anchors.size >= best.anchors.size) continue;
      best = found;
      inputs.set(name, axis);
    }
  }
  return best;
}

function place(graph: Graph, shapes: ReadonlyMap<string, Shape>, inputs: ReadonlyMap<string, number>): PlacedChannels {
  const axes = new Map(inputs);
  const all = new Map<string, Shape>(graph.inputs.map(({ name, shape }) => [name, shape]));
  const anchors = new Map<string, string>();
  const taken = takenNames(graph);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const before = { shapes, axes };
    const [x, ...others] = node.inputs;
    const [y] = node.outputs;
    const rule = ruleOf(node, graph);
    const wanted = rule.kind === "layer" ? rule.readAxis(node, shapes) : undefined;
    axes.set(y, rule.axis(node, before));
    if (wanted === undefined || axes.get(x) === wanted) {
      all.set(y, shapes.get(y)!);
      return [node];
    }
    const name = freshName(taken, `${node.name}.input`);
    anchors.set(name, node.name);
    axes.set(name, wanted);
    all.set(name, shapes.get(x)!);
    all.set(y, shapes.get(y)!);
    const anchor: Node = { name, op: "Identity", inputs: [x], outputs: [name], attrs: {} };
    return [anchor, { ...node, inputs: [name, ...others] }];
  });
  return { graph: { ...graph, nodes }, shapes: all, axes, anchors };
}
