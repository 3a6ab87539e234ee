/** softmax(scale · q·kᵀ)·v as one Attention, wherever the scale stands: on the scores, on q, on k or on both. */
import { inferShapes } from "../../../graph/infer.ts";
import { consumers, freshName, takenNames } from "../../../graph/names.ts";
import type { Model, Node, Shape } from "../../../graph/types.ts";

/** The model with an Attention in place of each last product; what only it needed is left over. */
export function fuseAttention(model: Model): Model {
  const { graph, params } = model;
  if (!graph.nodes.some(({ op }) => op === "Softmax")) return model;
  const shapes = inferShapes(graph);
  const readers = consumers(graph);
  const taken = takenNames(graph);
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  /** The maker of a value that nobody else reads. */
  const own = (value: string, ...ops: Node["op"][]) => {
    const node = makers.get(value);
    const alone = readers.get(value)?.length === 1 && !graph.outputs.includes(value);
    return node && alone && ops.includes(node.op) ? node : undefined;
  };
  /** The value without the equal numbers that it was multiplied by. */
  const unscaled = (value: string): { value: string; scale: number } => {
    const product = own(value, "Mul");
    const at = product?.inputs.findIndex((name) => params.has(name)) ?? -1;
    if (!product || at < 0) return { value, scale: 1 };
    const { data } = params.get(product.inputs[at])!;
    if (!data.every((v) => v === data[0])) return { value, scale: 1 };
    const inner = unscaled(product.inputs[1 - at]);
    return { value: inner.value, scale: inner.scale * data[0] };
  };
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (node.op !== "MatMul" || params.has(node.inputs[1])) return [node];
    let [weights] = node.inputs;
    for (let dropout = own(weights, "Dropout", "Identity"); dropout; dropout = own(weights, "Dropout", "Identity")) {
      [weights] = dropout.inputs;
    }
    const softmax = own(weights, "Softmax");
    const scores = softmax && unscaled(softmax.inputs[0]);
    const product = scores && own(scores.value, "MatMul");
    if (!product || params.has(product.inputs[1])) return [node];
    const [q, keys] = product.inputs.map(unscaled);
    const v = node.inputs[1];
    const { perm, source } = swapped(keys.value, shapes.get(keys.value)!, makers);
    const fits = shapes.get(q.value)!.length >= 3 &&
      fitting(shapes.get(source)!, perm).join() === shapes.get(v)!.join();
    if (!fits) return [node];
    const straight = perm.every((axis, i) => axis === i);
    const turned: Node = {
      name: freshName(taken, `${node.name}.keys`),
      op: "Transpose",
      inputs: [source],
      outputs: [freshName(taken, `${node.outputs[0]}_keys`)],
      attrs: { perm },
    };
    const k = straight ? source : turned.outputs[0];
    const scale = scores.scale * q.scale * keys.scale;
    return [...straight ? [] : [turned], { ...node, op: "Attention", inputs: [q.value, k, v], attrs: { scale } }];
  });
  return { ...model, graph: { ...graph, nodes } };
}

/** kᵀ with its last two axes exchanged, as an order of the axes of what kᵀ was transposed from. */
function swapped(value: string, shape: Shape, makers: ReadonlyMap<string, Node>) {
  const maker = makers.get(value);
  const axes = shape.map((_, axis) => axis);
  const before = maker?.op === "Transpose" ? maker.attrs.perm as readonly number[] : axes;
  const perm = [...before.slice(0, -2), before[before.length - 1], before[before.length - 2]];
  return { perm, source: maker?.op === "Transpose" ? maker.inputs[0] : value };
}

function fitting(shape: Shape, perm: readonly number[]): Shape {
  return perm.map((axis) => shape[axis]);
}
