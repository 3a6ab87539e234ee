/** GELU as exporters before opset 20 write it, ½ · x · (1 + erf(x / √2)) in any order of the factors, as one Gelu node. */
import { decode } from "./tensors.ts";
import type { OnnxGraph, OnnxNode, OnnxTensor } from "./types.ts";

/** The nodes with a Gelu in place of each last product; what only it needed is left over. */
export function fuseGelu({ nodes, initialisers }: OnnxGraph): OnnxNode[] {
  if (!nodes.some(({ op }) => op === "Erf")) return [...nodes];
  const makers = new Map(nodes.map((node) => [node.outputs[0], node]));
  const tensors = new Map(initialisers.map((tensor) => [tensor.name, tensor]));
  const maker = (value: string, op: string) => {
    const node = makers.get(value);
    return node?.op === op ? node : undefined;
  };
  const isNumber = (value: string, expected: number) => {
    const tensor = tensors.get(value) ?? constantTensor(makers.get(value));
    if (!tensor || tensor.dims.some((d) => d !== 1)) return false;
    return Math.abs(Number(decode(tensor).data[0]) / expected - 1) < 1e-5;
  };
  /** The other operand of a sum, product or quotient with this number. */
  const beside = (node: OnnxNode | undefined, number: number) => {
    if (!node) return undefined;
    const [a, b] = node.inputs;
    if (isNumber(b, number)) return a;
    return node.op !== "Div" && isNumber(a, number) ? b : undefined;
  };
  /** x, where the value is 1 + erf(x / √2). */
  const gated = (value: string) => {
    const sum = beside(maker(value, "Add"), 1);
    const [scaled] = (sum !== undefined && maker(sum, "Erf")?.inputs) || [];
    if (scaled === undefined) return undefined;
    return beside(maker(scaled, "Div"), Math.SQRT2) ?? beside(maker(scaled, "Mul"), Math.SQRT1_2);
  };
  /** x, where the node multiplies ½, x and 1 + erf(x / √2). */
  const argument = (node: OnnxNode) => {
    if (node.op !== "Mul" || node.inputs.length !== 2) return undefined;
    const [a, b] = node.inputs;
    for (const [inner, outer] of [[a, b], [b, a]]) {
      const factors = [outer, ...maker(inner, "Mul")?.inputs ?? []];
      const gate = factors.find((value) => gated(value) !== undefined);
      const half = factors.find((value) => isNumber(value, 0.5));
      if (factors.length !== 3 || gate === undefined || half === undefined) continue;
      const x = factors.find((value) => value !== gate && value !== half);
      if (x !== undefined && x === gated(gate)) return x;
    }
  };
  return nodes.map((node) => {
    const x = argument(node);
    return x === undefined ? node : { ...node, op: "Gelu", inputs: [x], attributes: [] };
  });
}

function constantTensor(node: OnnxNode | undefined): OnnxTensor | undefined {
  if (node?.op !== "Constant") return undefined;
  const value = node.attributes.find(({ name }) => name === "value");
  return value?.kind === "tensor" ? value.value : undefined;
}
