/**
 * Along which axis the channels of each value stand: axis 1 of an image, the last one of tokens [N,T,D], axis 1 of heads
 * [N,H,T,D]. Operators that move axes move it along; where one can't say where the channels went, it mixes them
 * (`isWhole` in channels.ts).
 */

import { reduceMeanAttrs, transposeAttrs } from "../../graph/attrs.ts";
import { broadcastOf } from "../../graph/broadcast.ts";
import type { Graph, Node, Shape } from "../../graph/types.ts";
import { elements } from "../../tensor/tensor.ts";

/** Value -> the axis of its channels. */
export function channelAxes(graph: Graph, shapes: ReadonlyMap<string, Shape>): Map<string, number> {
  const axes = new Map<string, number>(graph.inputs.map(({ name }) => [name, 1]));
  for (const node of graph.nodes) axes.set(node.outputs[0], axisOf(node, shapes, axes));
  return axes;
}

function axisOf(node: Node, shapes: ReadonlyMap<string, Shape>, axes: ReadonlyMap<string, number>): number {
  const [y] = node.outputs;
  const read = node.inputs.filter((name) => axes.has(name));
  // A gate has fewer axes than what it gates.
  const x = read.find((name) => shapes.get(name)!.length === shapes.get(y)!.length) ?? read[0];
  const axis = axes.get(x)!;
  switch (node.op) {
    case "Transpose":
      return transposeAttrs(node, shapes.get(x)!.length).perm.indexOf(axis);
    case "Flatten":
    case "Reshape":
      return reshapedAxis(shapes.get(x)!, axis, shapes.get(y)!) ?? 1;
    case "ReduceMean": {
      const { axes: reduced, keepdims } = reduceMeanAttrs(node, shapes.get(x)!.length);
      return keepdims === "keep" ? axis : Math.max(1, axis - reduced.filter((along) => along < axis).length);
    }
    default:
      return axis;
  }
}

/**
 * The axis of a reshaped value that begins where the given one began: as many elements stand before it. Undefined if none
 * does. Of several, for axes of size 1 make no difference to what stands before, the last. Features of tokens that are cut
 * into three axes or more are so many kinds of heads ([N,T,3,H,D], queries, keys and values at once): the heads' axis.
 */
export function reshapedAxis(from: Shape, axis: number, into: Shape): number | undefined {
  const wanted = elementsBefore(from, axis);
  const first = into.findLastIndex((_, i) => i > 0 && elementsBefore(into, i) === wanted);
  if (first < 0) return undefined;
  const tokens = axis > 1 && axis === from.length - 1;
  return tokens && into.length - first > 2 ? into.length - 2 : first;
}

/** Elements of a sample before an axis. */
export function elementsBefore(shape: Shape, axis: number): number {
  return elements(shape.slice(1, axis) as readonly number[]);
}

/** Elements of a sample behind the channel axis. */
export function innerSize(shape: Shape, axis: number): number {
  return elements(shape.slice(axis + 1) as readonly number[]);
}

/**
 * The axis of a parameter along which the channels of what its node makes stand; null where it is the same for all of them.
 * Weights of layers have two such axes (layers.ts).
 */
export function parameterAxis(
  node: Node,
  name: string,
  graph: Graph,
  shapes: ReadonlyMap<string, Shape>,
  axis: number,
): number | null {
  switch (node.op) {
    case "Add":
    case "Sub":
    case "Mul":
    case "Div": {
      const [a, b] = node.inputs.map((input) => shapes.get(input) ?? graph.params[input].shape);
      const { shape } = graph.params[name];
      const y = shapes.get(node.outputs[0])!;
      // [C] and [C,1,1] stand over axis 1, as [1,C,1,1] does.
      if (broadcastOf(node, a, b).kind === "channel" && shape.length < y.length) return axis === 1 ? 0 : null;
      return shape[axis] === y[axis] ? axis : null;
    }
    case "PRelu":
      return axis === 1 ? 0 : null;
    case "Concat":
      // Along the channels it has some of its own.
      return axis === 1 ? null : axis;
    default:
      return 0;
  }
}
