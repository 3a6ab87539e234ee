/** Finding patterns among ONNX nodes: who makes a value, and which values are a given number. */
import { decode, type External } from "../tensors.ts";
import type { OnnxGraph, OnnxNode, OnnxTensor } from "../types.ts";

export interface NodeGraph extends Pick<OnnxGraph, "nodes" | "initialisers"> {
  /** The files that hold numbers of some initialisers. */
  readonly external?: External;
}

export interface Pattern {
  /** The node of this operator that makes the value. */
  maker(value: string | undefined, op: string): OnnxNode | undefined;
  /** The value as one number; undefined where it is none, or computed. */
  number(value: string | undefined): number | undefined;
  /** Is the value this number, but for what float32 rounds off? */
  is(value: string | undefined, expected: number): boolean;
  /** The other operand of a sum, product or quotient with this number. */
  beside(node: OnnxNode | undefined, number: number): string | undefined;
  /** The values that a chain of products multiplies, at most `most` of them. */
  factors(value: string, most: number): readonly string[];
  /** Whole numbers of a constant list. */
  integers(value: string | undefined): readonly number[] | undefined;
  /** Is the value an initialiser, or made by a Constant node? */
  isConstant(value: string): boolean;
}

export function patternOf({ nodes, initialisers, external }: NodeGraph): Pattern {
  const makers = new Map(nodes.map((node) => [node.outputs[0], node]));
  const tensors = new Map(initialisers.map((tensor) => [tensor.name, tensor]));
  const tensorOf = (value: string) => tensors.get(value) ?? constantTensor(makers.get(value));
  const maker: Pattern["maker"] = (value, op) => {
    const node = value === undefined ? undefined : makers.get(value);
    return node?.op === op ? node : undefined;
  };
  const number: Pattern["number"] = (value) => {
    const tensor = value === undefined ? undefined : tensorOf(value);
    if (!tensor?.dims.every((d) => d === 1)) return undefined;
    return Number(decode(tensor, tensor.name, external).data[0]);
  };
  const is: Pattern["is"] = (value, expected) => {
    const found = number(value);
    return found !== undefined && Math.abs(found - expected) <= 1e-5 * Math.abs(expected);
  };
  return {
    maker,
    number,
    is,
    beside(node, number) {
      if (node?.inputs.length !== 2) return undefined;
      const [a, b] = node.inputs;
      if (is(b, number)) return a;
      return node.op !== "Div" && is(a, number) ? b : undefined;
    },
    factors(value, most) {
      const found = [value];
      for (let i = 0; i < found.length && found.length < most;) {
        const product = maker(found[i], "Mul");
        if (product?.inputs.length === 2) found.splice(i, 1, ...product.inputs);
        else i++;
      }
      return found;
    },
    integers(value) {
      const tensor = value === undefined ? undefined : tensorOf(value);
      return tensor && Array.from(decode(tensor, tensor.name, external).data, Number);
    },
    isConstant: (value) => tensorOf(value) !== undefined,
  };
}

function constantTensor(node: OnnxNode | undefined): OnnxTensor | undefined {
  if (node?.op !== "Constant") return undefined;
  const value = node.attributes.find(({ name }) => name === "value");
  return value?.kind === "tensor" ? value.value : undefined;
}
