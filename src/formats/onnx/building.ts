/** The graph in the making: values, parameters and names, and what each operator's import sees of them. */
import { show, UserError } from "../../errors.ts";
import { inferNode } from "../../graph/infer.ts";
import { freshName } from "../../graph/names.ts";
import type { Attrs, HostTensor, Model, Node, OpName, ParamRole, ParamSpec, Shape } from "../../graph/types.ts";
import { type Attributes, onnxError } from "./attributes.ts";
import { besideBatch, requireClear, takesBatchAnywhere } from "./anywhere.ts";
import type { Call } from "./call.ts";
import { isAnonymous, scopeOf } from "./names.ts";
import { elements } from "../../tensor/tensor.ts";
import type { Size } from "./sizes.ts";
import { type Constant, typeOf } from "./tensors.ts";
import type { OnnxNode, OnnxValue } from "./types.ts";
import {
  batchText,
  groupsInOrder,
  inOrder,
  isBatchFirst,
  isPlain,
  orderOf,
  plainView,
  sizesOf,
  type View,
} from "./views.ts";

export interface Building {
  /** The shape of an activation as the file sees it, wherever its batch stands; undefined for what is none. */
  shape(name: string): readonly Size[] | undefined;
  call(node: OnnxNode, attrs: Attributes, opset: number, fixedBatch: number | undefined): Call;
  /** @throws UserError where nothing made an output */
  model(name: string, outputs: readonly string[]): Model;
}

export function building(
  inputs: readonly OnnxValue[],
  constants: ReadonlyMap<string, Constant>,
  onnxNodes: readonly OnnxNode[],
): Building {
  const { nodes, makers, specs, params, shapes, values, add, parameter } = openDraft(inputs, onnxNodes);
  /** Values whose batch isn't first and alone. */
  const views = new Map<string, View>();

  return {
    shape(name) {
      const view = views.get(name);
      return view ? sizesOf(view, shapes.get(view.value)!) : shapes.get(name);
    },
    call(node, attrs, opset, fixedBatch) {
      const fail = (message: string) => onnxError(node, message);
      const arity = node.inputs.findLastIndex((name) => name !== "") + 1;
      const isConstant = (input: number) => constants.has(node.inputs[input]);
      const view = (input: number): View => {
        const name = node.inputs[input] ?? "";
        const found = views.get(name);
        if (found) return found;
        const shape = shapes.get(name);
        if (shape) return plainView(name, shape.length);
        if (name === "") throw fail(`input ${input} is missing`);
        if (constants.has(name)) throw fail(`input ${input}, ${show(name)}, is constant, expected an activation`);
        throw fail(`reads ${show(name)}, which nothing before it makes`);
      };
      const between = (op: OpName, inputs: readonly string[], attrs: Attrs = {}) => {
        const output = freshName(values, `${node.outputs[0]}_${op.toLowerCase()}`);
        add(node, op, inputs, output, attrs);
        return output;
      };
      /** How the inputs of this node have their batch, and what it makes will; undefined where it is first. */
      const frame = takesBatchAnywhere(node) ? node.inputs.map((name) => views.get(name)).find(Boolean) : undefined;
      const emit = (op: OpName, inputs: readonly string[], attrs: Attrs = {}, output = 0) => {
        const name = node.outputs[output];
        add(node, op, inputs, name, attrs);
        if (frame) views.set(name, { value: name, groups: groupsInOrder(frame) });
      };
      const call: Call = {
        node,
        attrs,
        opset,
        fixedBatch,
        arity,
        fail,
        isConstant,
        isParameter: (value) => specs.has(value),
        activation(input) {
          const found = view(input);
          if (!frame && isPlain(found)) return found.value;
          if (!frame) {
            throw fail(`input ${input}, ${show(node.inputs[input])}, has ${batchText(found)}: it has to stay first`);
          }
          requireClear(node, found, isConstant(1) ? "by a constant" : "of activations");
          if (JSON.stringify(groupsInOrder(found)) !== JSON.stringify(groupsInOrder(frame))) {
            throw fail(`one of its inputs has ${batchText(frame)}, and one ${batchText(found)}`);
          }
          return call.inOrder(found).value;
        },
        view,
        inOrder: (of) => inOrder(of, shapes.get(of.value)!, between),
        shape: (value) => shapes.get(value)!,
        maker: (value) => makers.get(value),
        constant(input) {
          const name = node.inputs[input] ?? "";
          if (name === "") return undefined;
          const constant = constants.get(name);
          if (!constant) throw fail(`input ${input}, ${show(name)}, isn't constant`);
          return frame ? besideBatch(node, constant, frame) : constant;
        },
        parameter: (constant, role, kind) => parameter(node, constant, role, kind),
        between,
        emit,
        emitView(made, output = 0) {
          const name = node.outputs[output];
          if (!isBatchFirst(made)) views.set(name, made);
          else if (made.groups.some((group) => group.length === 0)) {
            add(node, "Identity", [call.inOrder(made).value], name, {});
          } else if (isPlain(made)) add(node, "Identity", [made.value], name, {});
          else add(node, "Transpose", [made.value], name, { perm: orderOf(made) });
        },
      };
      return call;
    },
    model(name, outputs) {
      for (const output of outputs) {
        const view = views.get(output);
        if (view) {
          throw new UserError(`output ${show(output)} has ${batchText(view)}: it has to stay first`);
        }
        if (!shapes.has(output)) throw new UserError(`output ${show(output)} is constant, or nothing makes it`);
      }
      const graph = {
        name,
        inputs: inputs.map((input) => ({ name: input.name, shape: shapes.get(input.name)! })),
        outputs,
        nodes,
        params: Object.fromEntries(specs),
      };
      return { graph, params };
    },
  };
}

/** Nodes and parameters made so far, by names that are nobody else's. */
function openDraft(inputs: readonly OnnxValue[], onnxNodes: readonly OnnxNode[]) {
  const nodes: Node[] = [];
  const makers = new Map<string, Node>();
  const specs = new Map<string, ParamSpec>();
  const params = new Map<string, HostTensor>();
  const shapes = new Map<string, Shape>(inputs.map((input) => [input.name, inputShape(input)]));
  const values = new Set([...shapes.keys(), ...onnxNodes.flatMap((node) => node.outputs)]);
  const nodeNames = new Set<string>();
  /** Parameter name -> the numbers it was made from, and who read them first. */
  const sources = new Map<string, { readonly data: Constant["data"]; readonly node: OnnxNode }>();

  /** A layer bears the name of its weight; what has none, or shares it, that of its ONNX node, or of what it makes. */
  const nameFor = (node: OnnxNode, inputs: readonly string[], output: string) => {
    const weight = inputs.find((name) => specs.has(name))?.match(/^(.+)\.(weight|scale|shift|table)$/)?.[1];
    const free = [weight, node.name].find((name) => name && !nodeNames.has(name));
    return freshName(nodeNames, free ?? output);
  };
  const add = (node: OnnxNode, op: OpName, inputs: readonly string[], output: string, attrs: Attrs) => {
    const made: Node = { name: nameFor(node, inputs, output), op, inputs, outputs: [output], attrs };
    const shape = inferNode(made, inputs.map((name) => shapes.get(name) ?? specs.get(name)!.shape));
    requireSizes(shape, (text) => onnxError(node, `makes ${text}`));
    shapes.set(output, shape);
    makers.set(output, made);
    nodes.push(made);
  };
  const parameter = (node: OnnxNode, constant: Constant, role: ParamRole, kind: string) => {
    const own = `${scopeOf(node.name || node.outputs[0])}.${kind}`;
    const given = isAnonymous(constant.name) ? own : constant.name;
    const known = specs.get(given);
    const source = sources.get(given);
    const again = source?.data === constant.data;
    const same = again && known?.role === role && known.shape.join() === constant.shape.join();
    // Exporters store what is equal once, though it is trained and pruned apart. Weights that are one are tied.
    if (same && (source.node === node || isTied(constant))) return given;
    const wanted = again ? own : given;
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
    sources.set(name, { data: constant.data, node });
    return name;
  };

  return { nodes, makers, specs, params, shapes, values, add, parameter };
}

/** Vectors are equal by chance, such as fresh biases and norms, and so is what holds one number throughout. */
function isTied({ shape, data }: Constant): boolean {
  if (shape.filter((d) => d > 1).length < 2) return false;
  for (let i = 1; i < data.length; i++) if (data[i] !== data[0]) return true;
  return false;
}

function inputShape({ name, dataType, shape }: OnnxValue): Shape {
  const fail = (text: string) => new UserError(`input ${show(name)}: ${text}`);
  if (typeOf(dataType) !== "float") throw fail(`data type ${dataType} isn't supported, expected float`);
  if (!shape || shape.length < 2) throw fail(`its shape is ${show(shape)}, expected [N, …]`);
  const known = shape.map((dim, axis) => {
    if (axis === 0) return "N";
    if (typeof dim === "number" && Number.isSafeInteger(dim) && dim > 0) return dim;
    throw fail(`dimension ${axis} is ${show(dim)}, expected a number: only the batch may be open`);
  });
  requireSizes(known, (text) => fail(`is ${text}`));
  return known;
}

/** More than an axis of any network's value has, and all numbers of one sample of it: a few bytes can ask for any. */
const MOST = { axis: 2 ** 24, sample: 2 ** 28 } as const;

function requireSizes(shape: Shape, fail: (text: string) => UserError): void {
  const sizes = shape.filter((size) => typeof size === "number");
  if (sizes.every((size) => size <= MOST.axis) && elements(sizes) <= MOST.sample) return;
  throw fail(`[${shape}], expected at most ${MOST.axis} along an axis, and ${MOST.sample} numbers to a sample`);
}
