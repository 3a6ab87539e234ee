/** Writers of onnx.proto3's messages, field for field what schema.ts reads. */
import { PbfWriter } from "pbf";
import type {
  OnnxAttribute,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxOpset,
  OnnxProperty,
  OnnxTensor,
  OnnxValue,
} from "./types.ts";

/** The same model gives the same bytes. */
export function writeOnnx(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const pbf = new PbfWriter();
  pbf.writeVarintField(1, model.irVersion);
  pbf.writeStringField(2, model.producer);
  pbf.writeMessage(7, writeGraph, model.graph);
  for (const opset of model.opsets) pbf.writeMessage(8, writeOpset, opset);
  for (const property of model.properties) pbf.writeMessage(14, writeProperty, property);
  return Uint8Array.from(pbf.finish());
}

function writeOpset({ domain, version }: OnnxOpset, pbf: PbfWriter): void {
  pbf.writeStringField(1, domain);
  pbf.writeVarintField(2, version);
}

function writeProperty({ key, value }: OnnxProperty, pbf: PbfWriter): void {
  pbf.writeStringField(1, key);
  pbf.writeStringField(2, value);
}

function writeGraph(graph: OnnxGraph, pbf: PbfWriter): void {
  for (const node of graph.nodes) pbf.writeMessage(1, writeNode, node);
  pbf.writeStringField(2, graph.name);
  for (const tensor of graph.initialisers) pbf.writeMessage(5, writeTensor, tensor);
  for (const value of graph.inputs) pbf.writeMessage(11, writeValue, value);
  for (const value of graph.outputs) pbf.writeMessage(12, writeValue, value);
}

function writeNode(node: OnnxNode, pbf: PbfWriter): void {
  for (const input of node.inputs) pbf.writeStringField(1, input);
  for (const output of node.outputs) pbf.writeStringField(2, output);
  pbf.writeStringField(3, node.name);
  pbf.writeStringField(4, node.op);
  for (const attribute of node.attributes) pbf.writeMessage(5, writeAttribute, attribute);
  if (node.domain !== "") pbf.writeStringField(7, node.domain);
}

function writeAttribute(attribute: OnnxAttribute, pbf: PbfWriter): void {
  pbf.writeStringField(1, attribute.name);
  switch (attribute.kind) {
    case "float":
      pbf.writeFloatField(2, attribute.value);
      pbf.writeVarintField(20, 1);
      break;
    case "int":
      pbf.writeVarintField(3, attribute.value);
      pbf.writeVarintField(20, 2);
      break;
    case "string":
      pbf.writeStringField(4, attribute.value);
      pbf.writeVarintField(20, 3);
      break;
    case "tensor":
      pbf.writeMessage(5, writeTensor, attribute.value);
      pbf.writeVarintField(20, 4);
      break;
    case "floats":
      pbf.writePackedFloat(7, [...attribute.value]);
      pbf.writeVarintField(20, 6);
      break;
    case "ints":
      pbf.writePackedVarint(8, [...attribute.value]);
      pbf.writeVarintField(20, 7);
      break;
    case "other":
      pbf.writeVarintField(20, attribute.value);
  }
}

function writeTensor(tensor: OnnxTensor, pbf: PbfWriter): void {
  pbf.writePackedVarint(1, [...tensor.dims]);
  pbf.writeVarintField(2, tensor.dataType);
  if (tensor.floats) pbf.writePackedFloat(4, [...tensor.floats]);
  if (tensor.ints) pbf.writePackedVarint(tensor.dataType === 7 ? 7 : 5, [...tensor.ints]);
  pbf.writeStringField(8, tensor.name);
  if (tensor.raw) pbf.writeBytesField(9, tensor.raw);
  if (tensor.doubles) pbf.writePackedDouble(10, [...tensor.doubles]);
  if (!tensor.external) return;
  const { location, offset, length } = tensor.external;
  pbf.writeMessage(13, writeProperty, { key: "location", value: location });
  pbf.writeMessage(13, writeProperty, { key: "offset", value: String(offset) });
  if (length !== undefined) pbf.writeMessage(13, writeProperty, { key: "length", value: String(length) });
  pbf.writeVarintField(14, 1);
}

function writeValue({ name, dataType, shape }: OnnxValue, pbf: PbfWriter): void {
  pbf.writeStringField(1, name);
  pbf.writeMessage(2, (_, pbf) =>
    pbf.writeMessage(1, (_, pbf) => {
      pbf.writeVarintField(1, dataType);
      if (shape) pbf.writeMessage(2, writeShape, shape);
    }, shape), shape);
}

function writeShape(shape: NonNullable<OnnxValue["shape"]>, pbf: PbfWriter): void {
  for (const dim of shape) {
    pbf.writeMessage(1, (_, pbf) => {
      if (typeof dim === "number") pbf.writeVarintField(1, dim);
      else if (dim !== null) pbf.writeStringField(2, dim);
    }, dim);
  }
}
