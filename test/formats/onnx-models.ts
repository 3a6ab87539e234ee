/** ONNX models by hand: input "x", output "y". */
import {
  DATA_TYPE,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from "../../src/formats/onnx/types.ts";

export interface HandModel {
  readonly input?: readonly (number | string | null)[];
  readonly initialisers?: readonly OnnxTensor[];
  readonly opset?: number;
}

/** Default: x is [N,4,6,6], opset 17. */
export function model(nodes: readonly OnnxNode[], { input, initialisers = [], opset = 17 }: HandModel = {}): OnnxModel {
  return {
    irVersion: 8,
    producer: "by hand",
    properties: [],
    opsets: [{ domain: "", version: opset }],
    graph: {
      name: "hand",
      nodes,
      initialisers,
      inputs: [{ name: "x", dataType: DATA_TYPE.float, shape: input ?? ["N", 4, 6, 6] }],
      outputs: [{ name: "y", dataType: DATA_TYPE.float }],
    },
  };
}

/** A node that makes "y" unless told; whole numbers become int attributes, lists ints, others as they are. */
export function node(
  op: string,
  inputs: readonly string[],
  output = "y",
  attributes: Readonly<Record<string, number | string | readonly number[] | OnnxTensor>> = {},
  name = `/block/${op}`,
): OnnxNode {
  const list = Object.entries(attributes).map(([name, value]): OnnxAttribute => {
    if (typeof value === "number") return { name, kind: Number.isInteger(value) ? "int" : "float", value };
    if (typeof value === "string") return { name, kind: "string", value };
    return Array.isArray(value)
      ? { name, kind: "ints", value: value as readonly number[] }
      : { name, kind: "tensor", value: value as OnnxTensor };
  });
  return { name, op, domain: "", inputs, outputs: [output], attributes: list };
}

export function int64(name: string, values: readonly number[], dims: readonly number[] = [values.length]): OnnxTensor {
  return { name, dims, dataType: DATA_TYPE.int64, ints: values };
}

export function float32(name: string, dims: readonly number[], values: readonly number[]): OnnxTensor {
  return { name, dims, dataType: DATA_TYPE.float, floats: values };
}
