/** ONNX to a graph: constants folded, what no output needs left out, parameters under PyTorch's names. */
import { show, UserError } from "../../errors.ts";
import { inferNode } from "../../graph/infer.ts";
import { freshName } from "../../graph/names.ts";
import type { Attrs, HostTensor, Model, Node, OpName, ParamRole, ParamSpec, Shape } from "../../graph/types.ts";
import { validateModel } from "../../graph/validate.ts";
import { type Attributes, attributesOf, onnxError } from "./attributes.ts";
import type { Call } from "./call.ts";
import { type Budget, foldConstants, foldShape } from "./fold.ts";
import { fuseGelu } from "./gelu.ts";
import { isAnonymous, scopeOf } from "./names.ts";
import { OPERATORS } from "./operators.ts";
import { readOnnx } from "./read.ts";
import { type Constant, decode, typeOf } from "./tensors.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxOpset, OnnxValue } from "./types.ts";

const OPSETS = { least: 11, most: 21 } as const;

/** What folding may make beyond a few times the numbers of the file. */
const FOLDED = { numbers: 2 ** 20, perStored: 4 } as const;

/**
 * The model in an ONNX file (opset 11 to 21), batch symbolic, even where the file has a fixed one.
 *
 * @param file names the file in errors
 * @throws UserError for a damaged file, or naming the node, operator and attribute that aren't supported
 */
export function loadOnnx(bytes: Uint8Array, file: string): Model {
  const onnx = readOnnx(bytes, file);
  try {
    return importOnnx(onnx);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Names in a damaged file may hold anything.
    const text = error.message.replace(/\p{Cc}/gu, "�");
    throw new UserError(`${file}: ${text.length > 400 ? `${text.slice(0, 399)}…` : text}`);
  }
}

/** @throws UserError naming the node, operator and attribute that aren't supported, or don't fit together */
export function importOnnx(onnx: OnnxModel): Model {
  const opset = opsetOf(onnx.opsets);
  const { graph } = onnx;
  const nodes = needed(graph, fuseGelu(graph));
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const constants = new Map<string, Constant>();
  for (const tensor of graph.initialisers) {
    if (constants.has(tensor.name)) throw new UserError(`two initialisers are named ${show(tensor.name)}`);
    if (read.has(tensor.name)) constants.set(tensor.name, decode(tensor));
  }
  const stored = [...constants.values()].reduce((sum, { data }) => sum + data.length, 0);
  const budget: Budget = { left: FOLDED.numbers + FOLDED.perStored * stored };

  const given = new Set(graph.initialisers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !given.has(name));
  const made = building(inputs, constants, nodes);
  /** Constants that the file expands to the batch, each kept as its one sample. */
  const expanded = new Set<string>();
  const fixedBatch = inputs.map(({ shape }) => shape?.[0]).find((batch) => typeof batch === "number") as
    | number
    | undefined;
  for (const node of nodes) {
    requireSupported(node, read);
    const attrs = attributesOf(node);
    const perSample = node.inputs.find((name) => expanded.has(name));
    if (perSample !== undefined && !BROADCASTING.includes(node.op)) {
      throw onnxError(
        node,
        `reads ${show(perSample)}, a constant that is expanded to the batch, which isn't supported`,
      );
    }
    const token = expandedToBatch(node, constants);
    if (token) {
      attrs.finish();
      constants.set(node.outputs[0], token);
      expanded.add(node.outputs[0]);
      continue;
    }
    const folded = fold(node, { node, attrs, opset, budget }, constants, made.shapes);
    if (folded) constants.set(node.outputs[0], folded);
    else {
      if (!Object.hasOwn(OPERATORS, node.op)) throw onnxError(node, "the operator isn't supported");
      OPERATORS[node.op](made.call(node, attrs, opset, fixedBatch));
      attrs.finish();
    }
  }
  const outputs = graph.outputs.map(({ name }) => name);
  const lost = outputs.find((name) => !made.shapes.has(name));
  if (lost !== undefined) throw new UserError(`output ${show(lost)} is constant, or nothing makes it`);
  const model = made.model(graph.name || "onnx", outputs);
  validateModel(model);
  return model;
}

/** Operators that take one sample for all. */
const BROADCASTING: readonly string[] = ["Add", "Sub", "Mul", "Div", "Concat"];

/** A constant [1, …] that nothing but the batch is expanded of. */
function expandedToBatch(node: OnnxNode, constants: ReadonlyMap<string, Constant>): Constant | undefined {
  if (node.op !== "Expand") return undefined;
  const [x, shape] = node.inputs.map((name) => constants.get(name));
  const wanted = shape && Array.from(shape.data);
  const fits = x?.shape[0] === 1 && wanted?.[0] === "N" && wanted.length === x.shape.length &&
    wanted.every((d, axis) => axis === 0 || d === 1 || d === x.shape[axis]);
  return fits ? x : undefined;
}

function opsetOf(opsets: readonly OnnxOpset[]): number {
  const opset = opsets.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version;
  if (opset === undefined || opset < OPSETS.least || opset > OPSETS.most) {
    throw new UserError(
      `opset ${opset ?? "missing"} isn't supported, expected ${OPSETS.least} to ${OPSETS.most}; export the model again`,
    );
  }
  return opset;
}

/** The nodes that some output depends on, in the file's order, which is the order of execution. */
function needed({ outputs }: OnnxGraph, nodes: readonly OnnxNode[]): OnnxNode[] {
  const wanted = new Set(outputs.map(({ name }) => name));
  const kept: OnnxNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    kept.push(node);
    node.inputs.forEach((name) => name !== "" && wanted.add(name));
  }
  return kept.reverse();
}

function requireSupported(node: OnnxNode, read: ReadonlySet<string>): void {
  if (node.domain !== "" && node.domain !== "ai.onnx") {
    throw onnxError(node, `the operator is of domain ${show(node.domain)}, which isn't supported`);
  }
  const second = node.outputs.slice(1).find((name) => name !== "" && read.has(name));
  if (second !== undefined) throw onnxError(node, `its output ${show(second)} is read, only the first is supported`);
}

function fold(
  node: OnnxNode,
  ctx: Parameters<typeof foldConstants>[0],
  constants: ReadonlyMap<string, Constant>,
  shapes: ReadonlyMap<string, Shape>,
): Constant | undefined {
  if (node.op === "Shape") {
    const shape = shapes.get(node.inputs[0]);
    if (shape) return foldShape(ctx, shape);
  }
  if (!node.inputs.every((name) => name === "" || constants.has(name))) return undefined;
  return foldConstants(ctx, node.inputs.map((name) => constants.get(name)));
}

function inputShape({ name, dataType, shape }: OnnxValue): Shape {
  const fail = (text: string) => new UserError(`input ${show(name)}: ${text}`);
  if (typeOf(dataType) !== "float") throw fail(`data type ${dataType} isn't supported, expected float`);
  if (!shape || shape.length < 2) throw fail(`its shape is ${show(shape)}, expected [N, …]`);
  return shape.map((dim, axis) => {
    if (axis === 0) return "N";
    if (typeof dim === "number" && Number.isSafeInteger(dim) && dim > 0) return dim;
    throw fail(`dimension ${axis} is ${show(dim)}, expected a number: only the batch may be open`);
  });
}

/** The graph in the making. */
function building(
  inputs: readonly OnnxValue[],
  constants: ReadonlyMap<string, Constant>,
  onnxNodes: readonly OnnxNode[],
) {
  const nodes: Node[] = [];
  const specs = new Map<string, ParamSpec>();
  const params = new Map<string, HostTensor>();
  const shapes = new Map<string, Shape>(inputs.map((input) => [input.name, inputShape(input)]));
  const values = new Set([...shapes.keys(), ...onnxNodes.flatMap((node) => node.outputs)]);
  const nodeNames = new Set<string>();
  /** Parameter name -> the numbers it was made from. */
  const sources = new Map<string, Constant["data"]>();

  /** A layer bears the name of its weight; what has none, or shares it, that of its ONNX node, or of what it makes. */
  const nameFor = (node: OnnxNode, inputs: readonly string[], output: string) => {
    const weight = inputs.find((name) => specs.has(name))?.match(/^(.+)\.(weight|scale|shift|table)$/)?.[1];
    const free = [weight, node.name].find((name) => name && !nodeNames.has(name));
    return freshName(nodeNames, free ?? output);
  };
  const add = (node: OnnxNode, op: OpName, inputs: readonly string[], output: string, attrs: Attrs) => {
    const made: Node = { name: nameFor(node, inputs, output), op, inputs, outputs: [output], attrs };
    shapes.set(output, inferNode(made, inputs.map((name) => shapes.get(name) ?? specs.get(name)!.shape)));
    nodes.push(made);
  };
  const parameter = (node: OnnxNode, constant: Constant, role: ParamRole, kind: string) => {
    const wanted = isAnonymous(constant.name) ? `${scopeOf(node.name || node.outputs[0])}.${kind}` : constant.name;
    const known = specs.get(wanted);
    const same = known?.role === role && known.shape.join() === constant.shape.join() &&
      sources.get(wanted) === constant.data;
    if (same) return wanted;
    if (constant.type !== "float" || !constant.shape.every((d) => d > 0)) {
      throw onnxError(node, `its ${kind} is [${constant.shape}] of type ${constant.type}, expected float numbers`);
    }
    const name = freshName(values, wanted);
    const { shape } = constant;
    const data = constant.data instanceof Float32Array
      ? constant.data as HostTensor["data"]
      : Float32Array.from(constant.data as ArrayLike<number>);
    specs.set(name, { shape, role });
    params.set(name, { shape, data });
    sources.set(name, constant.data);
    return name;
  };

  const call = (node: OnnxNode, attrs: Attributes, opset: number, fixedBatch: number | undefined): Call => {
    const fail = (message: string) => onnxError(node, message);
    const arity = node.inputs.findLastIndex((name) => name !== "") + 1;
    return {
      node,
      attrs,
      opset,
      fixedBatch,
      arity,
      fail,
      isConstant: (input) => constants.has(node.inputs[input]),
      activation(input) {
        const name = node.inputs[input] ?? "";
        if (shapes.has(name)) return name;
        if (name === "") throw fail(`input ${input} is missing`);
        if (constants.has(name)) throw fail(`input ${input}, ${show(name)}, is constant, expected an activation`);
        throw fail(`reads ${show(name)}, which nothing before it makes`);
      },
      shape: (value) => shapes.get(value)!,
      constant(input) {
        const name = node.inputs[input] ?? "";
        if (name === "") return undefined;
        const constant = constants.get(name);
        if (!constant) throw fail(`input ${input}, ${show(name)}, isn't constant`);
        return constant;
      },
      parameter: (constant, role, kind) => parameter(node, constant, role, kind),
      between(op, inputs, attrs = {}) {
        const output = freshName(values, `${node.outputs[0]}_${op.toLowerCase()}`);
        add(node, op, inputs, output, attrs);
        return output;
      },
      emit: (op, inputs, attrs = {}) => add(node, op, inputs, node.outputs[0], attrs),
    };
  };

  const model = (name: string, outputs: readonly string[]): Model => ({
    graph: {
      name,
      inputs: inputs.map((input) => ({ name: input.name, shape: shapes.get(input.name)! })),
      outputs,
      nodes,
      params: Object.fromEntries(specs),
    },
    params,
  });
  return { shapes, call, model };
}
