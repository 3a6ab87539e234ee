/** Mish as exporters before opset 18 write it, x · Tanh(Softplus(x)), as one Mish node. */
import type { OnnxNode } from "../types.ts";
import { type NodeGraph, patternOf } from "./pattern.ts";

/** The nodes with a Mish in place of each product; what only it needed is left over. */
export function fuseMish(graph: NodeGraph): OnnxNode[] {
  const { nodes } = graph;
  if (!nodes.some(({ op }) => op === "Softplus")) return [...nodes];
  const { maker } = patternOf(graph);
  return nodes.map((node) => {
    if (node.op !== "Mul" || node.inputs.length !== 2) return node;
    const x = node.inputs.find((value, i) =>
      maker(maker(node.inputs[1 - i], "Tanh")?.inputs[0], "Softplus")?.inputs[0] === value
    );
    return x === undefined ? node : { ...node, op: "Mish", inputs: [x], attributes: [] };
  });
}
