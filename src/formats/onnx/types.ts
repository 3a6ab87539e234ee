/** An ONNX file as plain data: what of onnx.proto3 a network needs, nothing interpreted yet. */

export interface OnnxModel {
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: readonly OnnxOpset[];
  readonly graph: OnnxGraph;
  /** metadata_props. */
  readonly properties: readonly OnnxProperty[];
}

export interface OnnxProperty {
  readonly key: string;
  readonly value: string;
}

/** The default domain is written "" or "ai.onnx". */
export interface OnnxOpset {
  readonly domain: string;
  readonly version: number;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initialisers: readonly OnnxTensor[];
  /** Files of IR version 3 list initialisers among the inputs too. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/** Inputs and outputs by name; "" stands for an optional one left out. */
export interface OnnxNode {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

export type OnnxAttribute =
  & { readonly name: string }
  & (
    | { readonly kind: "float" | "int"; readonly value: number }
    | { readonly kind: "string"; readonly value: string }
    | { readonly kind: "tensor"; readonly value: OnnxTensor }
    | { readonly kind: "floats" | "ints"; readonly value: readonly number[] }
    /** Sub-graphs, sparse tensors and the like, by their number in AttributeType: no network of ours has them. */
    | { readonly kind: "other"; readonly value: number }
  );

/** The numbers stand in `raw` (little-endian) or in the list that fits the type; `external` says where in another file. */
export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  /** Of TensorProto.DataType, see `DATA_TYPE`. */
  readonly dataType: number;
  readonly raw?: Uint8Array;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
  readonly doubles?: readonly number[];
  readonly external?: ExternalData;
}

/** Bytes `offset` to `offset + length` (without it: as many as the tensor needs) of the file `location` beside this one. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length?: number;
}

/** Each dimension a number, a symbol's name, or null where the file says nothing; no shape at all: undefined. */
export interface OnnxValue {
  readonly name: string;
  readonly dataType: number;
  readonly shape?: readonly (number | string | null)[];
}

/** TensorProto.DataType. */
export const DATA_TYPE = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;
