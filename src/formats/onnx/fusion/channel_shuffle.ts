/**
 * A channel shuffle (ShuffleNet, Zhang et al. 2017), which exporters write as a Reshape that splits the channels, a Transpose
 * that exchanges their parts and a Reshape back, as one Gather: its indices say which channel is which, so that pruning sees
 * each of them go its way.
 */
import { transposeAttrs } from "../../../graph/attrs.ts";
import { inferShapes } from "../../../graph/infer.ts";
import { consumers, freshName, takenNames } from "../../../graph/names.ts";
import type { Model, Node } from "../../../graph/types.ts";
import { elements } from "../../../tensor/tensor.ts";
import { exchange } from "../layout.ts";

/** The model with a Gather in place of each last Reshape; what only it needed is left over. */
export function fuseChannelShuffle(model: Model): Model {
  const { graph } = model;
  if (!graph.nodes.some(({ op }) => op === "Transpose")) return model;
  const shapes = inferShapes(graph);
  const readers = consumers(graph);
  const taken = takenNames(graph);
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  /** The maker of a value that nobody else reads. */
  const own = (value: string, op: Node["op"]) => {
    const node = makers.get(value);
    return node?.op === op && readers.get(value)?.length === 1 && !graph.outputs.includes(value) ? node : undefined;
  };
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const turned = node.op === "Reshape" ? own(node.inputs[0], "Transpose") : undefined;
    const split = turned && own(turned.inputs[0], "Reshape");
    if (!split) return [node];
    const [x] = split.inputs;
    const shape = shapes.get(x)! as number[];
    if (shapes.get(node.outputs[0])!.join() !== shape.join()) return [node];
    const found = shuffleOf(shape.slice(1), shapes.get(split.outputs[0])!.slice(1) as number[], turned);
    if (!found) return [node];
    const { axis, indices } = found;
    const [y] = node.outputs;
    if (axis === 1) return [gather(node.name, x, indices, y)];
    const perm = exchange(shape.length, axis);
    const [first, last] = ["first", "taken"].map((kind) => freshName(taken, `${node.name}.${kind}`));
    return [
      { name: first, op: "Transpose", inputs: [x], outputs: [first], attrs: { perm } },
      gather(last, first, indices, last),
      { name: node.name, op: "Transpose", inputs: [last], outputs: [y], attrs: { perm } },
    ];
  });
  return { ...model, graph: { ...graph, nodes } };
}

function gather(name: string, x: string, indices: readonly number[], y: string): Node {
  return { name, op: "Gather", inputs: [x], outputs: [y], attrs: { axis: 1, indices } };
}

/**
 * The axis of a sample whose parts are exchanged, and which entry each one then is; undefined where more than one axis is
 * split, or a part of it leaves it.
 *
 * @param whole sizes of a sample
 * @param split sizes of its form with the axis in parts
 */
function shuffleOf(
  whole: readonly number[],
  split: readonly number[],
  turned: Node,
): { readonly axis: number; readonly indices: readonly number[] } | undefined {
  const at = whole.findIndex((size, i) => size !== split[i]);
  const parts = split.length - whole.length + 1;
  const fits = at >= 0 && parts > 1 && elements(split.slice(at, at + parts)) === whole[at] &&
    whole.slice(at + 1).join() === split.slice(at + parts).join();
  if (!fits) return undefined;
  const perm = transposeAttrs(turned, split.length + 1).perm.slice(1).map((axis) => axis - 1);
  const inside = (axis: number) => axis >= at && axis < at + parts;
  if (!perm.every((axis, i) => inside(i) ? inside(axis) : axis === i)) return undefined;
  const sizes = split.slice(at, at + parts);
  const order = perm.slice(at, at + parts).map((axis) => axis - at);
  const steps = sizes.map((_, i) => elements(sizes.slice(i + 1)));
  const indices = Array.from({ length: whole[at] }, (_, made) => {
    let from = 0;
    for (let i = order.length - 1, rest = made; i >= 0; i--) {
      from += rest % sizes[order[i]] * steps[order[i]];
      rest = Math.floor(rest / sizes[order[i]]);
    }
    return from;
  });
  return { axis: at + 1, indices };
}
