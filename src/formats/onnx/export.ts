/** A graph as an ONNX file of standard operators: our own nodes lowered, the batch dynamic, parameters under their names. */
import { requireFinite } from "../../graph/finite.ts";
import { inferShapes } from "../../graph/infer.ts";
import { consumers, freshName, takenNames } from "../../graph/names.ts";
import type { Model, Shape } from "../../graph/types.ts";
import { type Lowering, lowerings } from "./lower.ts";
import { floatTensor, integerTensor } from "./tensors.ts";
import { DATA_TYPE, type OnnxModel, type OnnxNode, type OnnxTensor } from "./types.ts";
import { writeOnnx } from "./write.ts";

/** The oldest opset written, which most runtimes read; younger operators raise it. */
const LEAST_OPSET = 17;

/** Opset -> the ir_version that its release of ONNX came with. */
const IR_VERSION: Readonly<Record<number, number>> = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10 };

/**
 * The bytes of an ONNX file.
 *
 * @param metadata texts by key, for its metadata_props
 * @throws UserError naming a parameter that isn't finite
 */
export function onnxBytes(model: Model, metadata: Readonly<Record<string, string>> = {}): Uint8Array<ArrayBuffer> {
  requireFinite(model, `"${model.graph.name}" isn't written as ONNX`);
  const properties = Object.entries(metadata).map(([key, value]) => ({ key, value }));
  return writeOnnx({ ...exportOnnx(model), properties });
}

export function exportOnnx({ graph, params }: Model): OnnxModel {
  const shapes = inferShapes(graph);
  const taken = takenNames(graph);
  const nodes: OnnxNode[] = [];
  const readers = consumers(graph);
  const initialisers = new Map<string, OnnxTensor>();
  const add = (tensor: OnnxTensor): string => {
    initialisers.set(tensor.name, tensor);
    return tensor.name;
  };
  // In the graph's order: the map's is that of whatever made it, and the same network shall give the same bytes.
  for (const name of Object.keys(graph.params)) add(floatTensor(name, params.get(name)!.shape, params.get(name)!.data));
  let opset = LEAST_OPSET;

  for (const node of graph.nodes) {
    const lowering: Lowering = {
      node,
      shape: (value: string): Shape => shapes.get(value) ?? graph.params[value].shape,
      parameter: (value) => params.get(value),
      reformed(value, { shape, data }) {
        const own = readers.get(value)!.length === 1;
        return add(floatTensor(own ? value : freshName(taken, value), shape, data));
      },
      integers: (kind, values) => add(integerTensor(freshName(taken, `${node.name}.${kind}`), values)),
      numbers(kind, values) {
        const name = freshName(taken, `${node.name}.${kind}`);
        return add(floatTensor(name, [values.length], Float32Array.from(values)));
      },
      tensor: (kind, { shape, data }) => add(floatTensor(freshName(taken, `${node.name}.${kind}`), shape, data)),
      number: (kind, value) => add(floatTensor(freshName(taken, `${node.name}.${kind}`), [], Float32Array.of(value))),
      between(op, inputs, attributes = []) {
        const name = freshName(taken, `${node.name}.${op.toLowerCase()}`);
        nodes.push({ name, op, domain: "", inputs, outputs: [name], attributes });
        return name;
      },
      emit(op, inputs, attributes = []) {
        nodes.push({ name: node.name, op, domain: "", inputs, outputs: node.outputs, attributes });
      },
      requireOpset(version) {
        opset = Math.max(opset, version);
      },
    };
    lowerings[node.op](lowering);
  }
  const value = (name: string) => ({ name, dataType: DATA_TYPE.float, shape: shapes.get(name)! });
  return {
    irVersion: IR_VERSION[opset],
    producer: "secateur",
    opsets: [{ domain: "", version: opset }],
    graph: {
      name: graph.name,
      nodes,
      initialisers: [...initialisers.values()],
      inputs: graph.inputs.map(({ name }) => value(name)),
      outputs: graph.outputs.map(value),
    },
    properties: [],
  };
}
