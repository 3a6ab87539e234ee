/**
 * Networks in the form in which tf2onnx writes those of Keras: images are [N,H,W,C], and each operator that wants [N,C,H,W]
 * stands between two Transposes.
 */
import { inferShapes } from "../../src/graph/infer.ts";
import type { Graph, Node, ParamSpec } from "../../src/graph/types.ts";

/** Operators that take the axes of images in any order; their parameters come as [1,1,1,C]. */
const ANY_ORDER: readonly string[] = [
  "Relu",
  "Clip",
  "Gelu",
  "Sigmoid",
  "Tanh",
  "LeakyRelu",
  "HardSigmoid",
  "HardSwish",
];
const ARITHMETIC: readonly string[] = ["Add", "Sub", "Mul", "Div"];
const TO_LAST = [0, 2, 3, 1], TO_FIRST = [0, 3, 1, 2];

/**
 * A graph of images [N,C,H,W] with images [N,H,W,C]. A Flatten then takes the channels of each pixel one after the other, so
 * what reads it computes something else: the two networks are of one structure, not of one function.
 */
export function channelsLast(graph: Graph): Graph {
  const shapes = inferShapes(graph);
  const params: Record<string, ParamSpec> = { ...graph.params };
  const nodes: Node[] = [];
  const isImage = (value: string) => shapes.get(value)?.length === 4;
  const turned = (value: string, perm: readonly number[], kind: string) => {
    const name = `${value}.${kind}`;
    if (!nodes.some((node) => node.name === name)) {
      nodes.push({ name, op: "Transpose", inputs: [value], outputs: [name], attrs: { perm } });
    }
    return name;
  };
  for (const node of graph.nodes) {
    const { op, inputs, outputs: [y] } = node;
    if (!inputs.some(isImage) && !isImage(y)) nodes.push(node);
    else if (ANY_ORDER.includes(op) || op === "Flatten") nodes.push(node);
    else if (ARITHMETIC.includes(op) && inputs.every((name) => isImage(name) || perChannel(graph, name, shapes))) {
      for (const name of inputs.filter((name) => !isImage(name))) {
        const [channels] = graph.params[name].shape.filter((size) => size > 1).concat(1);
        params[name] = { ...graph.params[name], shape: [1, 1, 1, channels] };
      }
      nodes.push(node);
    } else if (op === "GlobalAveragePool") {
      nodes.push({ ...node, op: "ReduceMean", attrs: { axes: [1, 2], keepdims: 1 } });
    } else {
      const first = inputs.map((name) => isImage(name) ? turned(name, TO_FIRST, "first") : name);
      const made = isImage(y) ? `${y}.made` : y;
      nodes.push({ ...node, inputs: first, outputs: [made] });
      if (made !== y) {
        nodes.push({ name: `${y}.last`, op: "Transpose", inputs: [made], outputs: [y], attrs: { perm: TO_LAST } });
      }
    }
  }
  const inputs = graph.inputs.map(({ name, shape }) => {
    return { name, shape: isImage(name) ? TO_LAST.map((axis) => shape[axis]) : shape };
  });
  return { ...graph, inputs, nodes, params };
}

function perChannel(graph: Graph, name: string, shapes: ReturnType<typeof inferShapes>): boolean {
  const shape = graph.params[name]?.shape;
  if (!shape || shapes.has(name)) return false;
  return shape.length <= 3
    ? shape.slice(1).every((size) => size === 1)
    : shape.every((size, i) => i === 1 || size === 1);
}
