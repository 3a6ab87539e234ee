/** A graph in the making, in the names and the order that an exporter chooses, with made-up weights. */
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from "../../../src/formats/onnx/types.ts";
import { sample } from "../../oracle/samples.ts";
import { float32, int64, node } from "../onnx-models.ts";

/** A file as an exporter leaves it: with some of its numbers in other files beside it. */
export interface WrittenFile {
  readonly onnx: OnnxModel;
  readonly external?: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

export type Attributes = Readonly<Record<string, number | string | readonly number[] | OnnxTensor | OnnxAttribute>>;

/** A float attribute whose number is whole. */
export function float(value: number): OnnxAttribute {
  return { name: "", kind: "float", value };
}

export function floats(...value: number[]): OnnxAttribute {
  return { name: "", kind: "floats", value };
}

export function writtenGraph() {
  const nodes: OnnxNode[] = [];
  const initialisers: OnnxTensor[] = [];
  const graph = {
    /** A node of this name that makes `outputs`; the first of them. */
    node(name: string, op: string, inputs: readonly string[], outputs: readonly string[], attributes: Attributes = {}) {
      const plain = Object.entries(attributes).filter(([, value]) => !isAttribute(value));
      const given = Object.entries(attributes).filter(([, value]) => isAttribute(value));
      const made = node(op, inputs, outputs[0], Object.fromEntries(plain) as Parameters<typeof node>[3], name);
      const named = given.map(([name, value]) => ({ ...value as OnnxAttribute, name }));
      nodes.push({ ...made, outputs, attributes: [...made.attributes, ...named] });
      return outputs[0];
    },
    weight(name: string, ...dims: number[]): string {
      initialisers.push(float32(name, dims, [...sample(name, ...dims).data]));
      return name;
    },
    /** Above 0, for variances. */
    positive(name: string, ...dims: number[]): string {
      initialisers.push(float32(name, dims, [...sample(name, ...dims).data].map((v) => 0.5 + v * v)));
      return name;
    },
    floats(name: string, dims: readonly number[], ...values: number[]): string {
      initialisers.push(float32(name, dims, values));
      return name;
    },
    ints(name: string, values: readonly number[], dims: readonly number[] = [values.length]): string {
      initialisers.push(int64(name, values, dims));
      return name;
    },
    file(
      { input, shape, output, opset, producer }: {
        readonly input: string;
        readonly shape: readonly (number | string)[];
        readonly output: string;
        readonly opset: number;
        readonly producer: string;
      },
    ): WrittenFile {
      return {
        onnx: {
          irVersion: opset >= 21 ? 10 : 8,
          producer,
          properties: [],
          opsets: [{ domain: "", version: opset }],
          graph: {
            name: "main_graph",
            nodes,
            initialisers,
            inputs: [{ name: input, dataType: 1, shape }],
            outputs: [{ name: output, dataType: 1 }],
          },
        },
      };
    },
  };
  return graph;
}

export type WrittenGraph = ReturnType<typeof writtenGraph>;

/** The same with all initialisers of floats in a file beside it, each at a multiple of 64 bytes. */
export function withExternalData({ onnx }: WrittenFile, location: string): WrittenFile {
  let end = 0;
  const parts: { readonly offset: number; readonly data: Float32Array }[] = [];
  const initialisers = onnx.graph.initialisers.map(({ floats, ...tensor }): OnnxTensor => {
    if (!floats) return tensor;
    const offset = Math.ceil(end / 64) * 64;
    const data = Float32Array.from(floats);
    end = offset + data.byteLength;
    parts.push({ offset, data });
    return { ...tensor, external: { location, offset, length: data.byteLength } };
  });
  const bytes = new Uint8Array(end);
  for (const { offset, data } of parts) bytes.set(new Uint8Array(data.buffer), offset);
  return { onnx: { ...onnx, graph: { ...onnx.graph, initialisers } }, external: new Map([[location, bytes]]) };
}

function isAttribute(value: Attributes[string]): value is OnnxAttribute {
  return typeof value === "object" && "kind" in value;
}
