/** ONNX to a graph: constants folded, what no output needs left out, parameters under PyTorch's names. */
import { show, UserError } from "../../errors.ts";
import { finiteProblem } from "../../graph/finite.ts";
import { neededNodes } from "../../graph/rewrite/needed_nodes.ts";
import type { Model } from "../../graph/types.ts";
import { validateModel } from "../../graph/validate.ts";
import { attributesOf, onnxError } from "./attributes.ts";
import { type Building, building } from "./building.ts";
import { foldConstants, foldShape } from "./fold.ts";
import type { Budget, FoldContext } from "./folding.ts";
import { fuseGraph, fuseNodes } from "./fusion/fuse.ts";
import { OPERATORS } from "./operators.ts";
import { readOnnx } from "./read.ts";
import { REFUSED, whyForeign } from "./refused.ts";
import { type Constant, decode, type External, typeOf } from "./tensors.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxOpset, OnnxValue } from "./types.ts";

const OPSETS = { least: 11, most: 24 } as const;

/** Numbers that an input always has. */
export interface InputConstant {
  /** As the input's type in the file. */
  readonly type: "float" | "integer";
  /** Of one sample: with a batch of 1, or without the axis of the batch. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: ArrayLike<number>;
}

/** What of a file is the network. */
export interface OnnxPart {
  /** The outputs that count; nodes and inputs that only others need aren't read. Default: all. */
  readonly outputs?: readonly string[];
  /** Inputs that are the same for all samples, by name. */
  readonly constants?: ReadonlyMap<string, InputConstant>;
}

/** What folding may make beyond a few times the numbers of the file. */
const FOLDED = { numbers: 2 ** 20, perStored: 4, work: 2 ** 30 } as const;

/**
 * The model in an ONNX file (opset 11 to 24), batch symbolic, even where the file has a fixed one.
 *
 * @param file names the file in errors
 * @param external the files beside it that hold its numbers, by location (see `externalFiles`)
 * @param part what of the file is the network; default: all of it
 * @throws UserError for a damaged file, or naming the node, operator and attribute that aren't supported, or the parameter
 * that isn't finite (see `finiteProblem`)
 */
export function loadOnnx(
  bytes: Uint8Array,
  file: string,
  external: External = new Map(),
  part: OnnxPart = {},
): Model {
  const onnx = readOnnx(bytes, file);
  try {
    const model = importOnnx(onnx, external, part);
    const problem = finiteProblem(model);
    if (problem !== undefined) throw new UserError(problem);
    return model;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Names in a damaged file may be of any length.
    const { message } = error;
    throw new UserError(`${file}: ${message.length > 400 ? `${message.slice(0, 399)}…` : message}`);
  }
}

/** @throws UserError naming the node, operator and attribute that aren't supported, or don't fit together */
export function importOnnx(onnx: OnnxModel, external: External = new Map(), part: OnnxPart = {}): Model {
  const opset = opsetOf(onnx.opsets);
  const { graph } = onnx;
  const outputs = chosenOutputs(outputsOf(graph), part);
  const nodes = neededNodes(fuseNodes({ ...graph, external }), outputs);
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const constants = new Map<string, Constant>();
  for (const tensor of graph.initialisers) {
    if (constants.has(tensor.name)) throw new UserError(`two initialisers are named ${show(tensor.name)}`);
    if (read.has(tensor.name)) constants.set(tensor.name, decode(tensor, tensor.name, external));
  }
  const stored = [...constants.values()].reduce((sum, { data }) => sum + data.length, 0);
  const budget: Budget = { left: FOLDED.numbers + FOLDED.perStored * stored, work: FOLDED.work };

  const given = new Set(graph.initialisers.map(({ name }) => name));
  const inputs = openInputs(graph.inputs.filter(({ name }) => !given.has(name)), constants, read, part);
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
    const folded = fold(node, { node, attrs, opset, budget }, constants, made);
    if (folded) folded.forEach((value, i) => constants.set(node.outputs[i], value));
    else {
      if (!Object.hasOwn(OPERATORS, node.op)) {
        throw onnxError(node, Object.hasOwn(REFUSED, node.op) ? REFUSED[node.op] : "the operator isn't supported");
      }
      OPERATORS[node.op](made.call(node, attrs, opset, fixedBatch));
      attrs.finish();
    }
  }
  const model = fuseGraph(made.model(graph.name || "onnx", outputs));
  validateModel(model);
  return model;
}

/** The outputs of the network. Running statistics, which a file in training mode may give as well, are none of them. */
function outputsOf({ nodes, outputs }: OnnxGraph): readonly string[] {
  const statistics = new Set(nodes.flatMap(({ op, outputs }) => op === "BatchNormalization" ? outputs.slice(1) : []));
  const names = outputs.map(({ name }) => name);
  return statistics.size === 0 ? names : names.filter((name) => !statistics.has(name));
}

function chosenOutputs(all: readonly string[], { outputs }: OnnxPart): readonly string[] {
  const unknown = outputs?.find((name) => !all.includes(name));
  if (unknown === undefined) return outputs ?? all;
  throw new UserError(`it has no output ${show(unknown)}: known are ${all.map((name) => show(name)).join(", ")}`);
}

/** The inputs that stay open; the others become constants. */
function openInputs(
  all: readonly OnnxValue[],
  constants: Map<string, Constant>,
  read: ReadonlySet<string>,
  { outputs, constants: fed = new Map() }: OnnxPart,
): readonly OnnxValue[] {
  for (const [name, value] of fed) {
    const input = all.find((input) => input.name === name);
    if (!input) {
      throw new UserError(`it has no input ${show(name)}: known are ${all.map(({ name }) => show(name)).join(", ")}`);
    }
    constants.set(name, constantOf(input, value));
  }
  return all.filter(({ name }) => !fed.has(name) && (outputs === undefined || read.has(name)));
}

type Dims = NonNullable<OnnxValue["shape"]>;

function constantOf({ name, dataType, shape = [] }: OnnxValue, value: InputConstant): Constant {
  const type = typeOf(dataType);
  const wanted = shapesOfOne(shape);
  const fits = wanted.some((dims) =>
    dims.length === value.shape.length && dims.every((d, axis) => typeof d !== "number" || d === value.shape[axis])
  );
  if (!fits || type !== value.type) {
    const written = (dims: Dims) => `[${dims.map((d) => d ?? "?")}]`;
    const expected = `${type} ${wanted.map(written).join(" or ")}${
      wanted.length > 1 ? ", the numbers of one sample" : ""
    }`;
    throw new UserError(
      `input ${show(name)} is ${type} ${written(shape)}, got ${value.type} ${written(value.shape)} for it: ` +
        `expected ${expected}`,
    );
  }
  const batch = value.shape.length < shape.length ? [1] : [];
  return { ...value, name, shape: [...batch, ...value.shape] };
}

/** The shapes that numbers for an input may have: of an open batch, one sample's, with the axis of the batch or without. */
function shapesOfOne(shape: Dims): readonly Dims[] {
  if (shape.length === 0 || typeof shape[0] === "number") return [shape];
  const sample = shape.slice(1);
  return [[1, ...sample], sample];
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

function requireSupported(node: OnnxNode, read: ReadonlySet<string>): void {
  if (node.domain !== "" && node.domain !== "ai.onnx") {
    throw onnxError(node, `the operator is of domain ${show(node.domain)}: ${whyForeign(node.domain)}`);
  }
  if (node.op === "Split") return;
  const second = node.outputs.slice(1).find((name) => name !== "" && read.has(name));
  if (second === undefined) return;
  if (Object.hasOwn(REFUSED, node.op)) throw onnxError(node, REFUSED[node.op]);
  throw onnxError(node, `its output ${show(second)} is read, only the first is supported`);
}

function fold(
  node: OnnxNode,
  ctx: FoldContext,
  constants: ReadonlyMap<string, Constant>,
  made: Building,
): readonly Constant[] | undefined {
  if (node.op === "Shape") {
    const shape = made.shape(node.inputs[0]);
    if (shape) return [foldShape(ctx, shape)];
  }
  // Activations are floats, and what is like them is too.
  const read = node.op === "CastLike" ? node.inputs.slice(0, 1) : node.inputs;
  if (!read.every((name) => name === "" || constants.has(name))) return undefined;
  return foldConstants(ctx, node.inputs.map((name) => constants.get(name)));
}
