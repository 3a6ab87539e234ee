/**
 * A model as the bytes of an ONNX file (opset 17), for the benches only: every node as it stands, weights as raw data.
 * Field numbers are those of onnx.proto3.
 */
import { PbfWriter } from "pbf";
import { nodeError, padAttrs } from "../../src/graph/attrs.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import type { Attr, Attrs, HostTensor, Model, Node, Shape } from "../../src/graph/types.ts";

const IR_VERSION = 8;
const OPSET = 17;
const DATA_TYPE = { float: 1, int64: 7 } as const;
const ATTRIBUTE_TYPE = { int: 2, string: 3, ints: 7 } as const;

interface OnnxNode {
  readonly node: Node;
  readonly inputs: readonly string[];
  readonly attrs: Attrs;
}

type Constants = Map<string, readonly number[]>;

/** @throws UserError for an operator that ONNX doesn't have */
export function onnxBytes({ graph, params }: Model): Uint8Array<ArrayBuffer> {
  const constants: Constants = new Map();
  const shapes = inferShapes(graph);
  const nodes = graph.nodes.map((node) => standard(node, shapes.get(node.inputs[0])!, constants));
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, IR_VERSION);
  pbf.writeStringField(2, "secateur");
  pbf.writeMessage(7, (_, pbf) => {
    for (const node of nodes) pbf.writeMessage(1, writeNode, node);
    pbf.writeStringField(2, graph.name);
    for (const [name, tensor] of params) pbf.writeMessage(5, writeFloats, { name, ...tensor });
    for (const [name, values] of constants) pbf.writeMessage(5, writeIntegers, { name, values });
    for (const input of graph.inputs) pbf.writeMessage(11, writeValue, input);
    for (const name of graph.outputs) pbf.writeMessage(12, writeValue, { name, shape: shapes.get(name)! });
  }, graph);
  pbf.writeMessage(8, (_, pbf) => pbf.writeVarintField(2, OPSET), OPSET);
  return Uint8Array.from(pbf.finish());
}

/** Since opset 10, ONNX takes what a Slice keeps and what a Pad adds as inputs; our other attributes are its own. */
function standard(node: Node, input: Shape, constants: Constants): OnnxNode {
  const constant = (key: string, values: readonly number[]) => {
    const name = `${node.name}.${key}`;
    constants.set(name, values);
    return name;
  };
  switch (node.op) {
    case "Slice": {
      const inputs = ["starts", "ends", "axes", "steps"].map((key) =>
        constant(key, node.attrs[key] as readonly number[])
      );
      return { node, inputs: [...node.inputs, ...inputs], attrs: {} };
    }
    case "Pad": {
      const { begins, ends } = padAttrs(node, input.length);
      return { node, inputs: [...node.inputs, constant("pads", [...begins, ...ends])], attrs: {} };
    }
    case "Gemm":
      return { node, inputs: node.inputs, attrs: { transB: 1 } };
    case "Conv":
    case "Relu":
    case "Add":
    case "MaxPool":
    case "AveragePool":
    case "GlobalAveragePool":
    case "Flatten":
      return { node, inputs: node.inputs, attrs: node.attrs };
    default:
      throw nodeError(node, "the benches have no ONNX form of it");
  }
}

function writeNode({ node, inputs, attrs }: OnnxNode, pbf: PbfWriter): void {
  for (const input of inputs) pbf.writeStringField(1, input);
  for (const output of node.outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, node.name);
  pbf.writeStringField(4, node.op);
  for (const attribute of Object.entries(attrs)) pbf.writeMessage(5, writeAttribute, attribute);
}

function writeAttribute([name, value]: [string, Attr], pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  if (typeof value === "string") {
    pbf.writeStringField(4, value);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.string);
  } else if (typeof value === "number") {
    pbf.writeVarintField(3, value);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.int);
  } else {
    pbf.writePackedVarint(8, [...value]);
    pbf.writeVarintField(20, ATTRIBUTE_TYPE.ints);
  }
}

function writeFloats({ name, shape, data }: HostTensor & { name: string }, pbf: PbfWriter): void {
  pbf.writePackedVarint(1, [...shape]);
  pbf.writeVarintField(2, DATA_TYPE.float);
  pbf.writeStringField(8, name);
  pbf.writeBytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function writeIntegers({ name, values }: { name: string; values: readonly number[] }, pbf: PbfWriter): void {
  pbf.writePackedVarint(1, [values.length]);
  pbf.writeVarintField(2, DATA_TYPE.int64);
  pbf.writePackedVarint(7, [...values]);
  pbf.writeStringField(8, name);
}

function writeValue({ name, shape }: { name: string; shape: Shape }, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(2, (_, pbf) =>
    pbf.writeMessage(1, (_, pbf) => {
      pbf.writeVarintField(1, DATA_TYPE.float);
      pbf.writeMessage(2, writeShape, shape);
    }, shape), shape);
}

function writeShape(shape: Shape, pbf: PbfWriter): void {
  for (const dim of shape) {
    pbf.writeMessage(1, (_, pbf) => {
      if (dim === "N") pbf.writeStringField(2, dim);
      else pbf.writeVarintField(1, dim);
    }, dim);
  }
}
