/**
 * The sum over all paths through a network, each the product of its weights' magnitudes, and how much of it passes each weight:
 * R = 1ᵀ·|W_L|···|W_1|·1 (Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving synaptic
 * flow"). The input is ones, biases and shifts are left out, activations pass what they are given, and a batch norm multiplies by
 * |γ|/√(σ² + ε). All in float64: in float32 the sum overflows in networks of some forty layers.
 */
import { UserError } from "../../errors.ts";
import { convAttrs, poolAttrs } from "../../graph/attrs.ts";
import { opOf } from "../../graph/ops/ops.ts";
import { type Array64, zeros } from "../../graph/reference/array.ts";
import { referenceForward, referenceNode } from "../../graph/reference/forward.ts";
import type { Graph, HostTensor, Model, Node, OpName, ParamRole } from "../../graph/types.ts";

/** What a node read and made, and the derivative of R by what it made. */
interface Passed {
  readonly inputs: readonly Array64[];
  readonly output: Array64;
  readonly gradient: Float64Array;
}

/** The derivative of R by each of a node's inputs; undefined for those of which nobody asks. */
type Back = (node: Node, passed: Passed) => readonly (Float64Array | undefined)[];

/** Of the operators of which R's derivatives are known, how they are passed back. */
const BACK: Partial<Readonly<Record<OpName, Back>>> = {
  Conv: convBack,
  Gemm: gemmBack,
  BatchNormalization: normBack,
  MaxPool: maxPoolBack,
  AveragePool: averagePoolBack,
  GlobalAveragePool: globalAveragePoolBack,
  Add: movedBack,
  Concat: movedBack,
  Slice: movedBack,
  Pad: movedBack,
  Gather: movedBack,
  Flatten: movedBack,
  Reshape: movedBack,
  Transpose: movedBack,
  DepthToSpace: movedBack,
  Dropout: movedBack,
  Identity: movedBack,
};

/** Why R isn't defined for a network; undefined where it is. */
export function withoutPathSums({ nodes }: Graph): string | undefined {
  const other = nodes.find((node) => !isActivation(node) && !BACK[node.op]);
  return other && `what ${other.op} "${other.name}" makes is no sum over paths of weights`;
}

/** Networks don't change; each of a layer's constraints asks for the same derivatives. */
const known = new WeakMap<Model, ReadonlyMap<string, Float64Array>>();

/**
 * ∂R/∂|w| of each number of each parameter that paths pass.
 *
 * @throws UserError where R is too large for float64
 */
export function pathDerivatives(model: Model): ReadonlyMap<string, Float64Array> {
  const found = known.get(model) ?? derivatives(linear(model));
  known.set(model, found);
  return found;
}

function derivatives({ graph, params }: Model): ReadonlyMap<string, Float64Array> {
  const ones = Object.fromEntries(graph.inputs.map(({ name, shape }) => {
    const image = zeros(shape.map((size) => size === "N" ? 1 : size));
    image.data.fill(1);
    return [name, image];
  }));
  const values = referenceForward({ graph, params }, ones);
  const weights = new Map(Array.from(params, ([name, { shape, data }]) => [
    name,
    { shape, data: Float64Array.from(data) },
  ]));
  const valueOf = (name: string) => (values.get(name) ?? weights.get(name))!;
  const gradients = new Map<string, Float64Array>(
    graph.outputs.map((name) => [name, new Float64Array(valueOf(name).data.length).fill(1)]),
  );
  for (const node of graph.nodes.toReversed()) {
    const gradient = gradients.get(node.outputs[0]);
    if (!gradient) continue;
    const passed = { inputs: node.inputs.map(valueOf), output: valueOf(node.outputs[0]), gradient };
    BACK[node.op]!(node, passed).forEach((more, i) => {
      const so = gradients.get(node.inputs[i]);
      if (more) gradients.set(node.inputs[i], so ? so.map((value, at) => value + more[at]) : more);
    });
  }
  const found = new Map([...gradients].filter(([name]) => params.has(name)));
  for (const [name, gradient] of found) {
    if (gradient.every(Number.isFinite)) continue;
    throw new UserError(
      `the sum over paths of "${graph.name}" is too large for a number at "${name}": use a criterion that looks at one layer, such as l2`,
    );
  }
  return found;
}

/** The network of which R is the sum of outputs. */
function linear({ graph, params }: Model): Model {
  const nodes = graph.nodes.map((node): Node =>
    isActivation(node) ? { ...node, op: "Identity", inputs: node.inputs.slice(0, 1), attrs: {} } : node
  );
  const tensors = Array.from(params, ([name, tensor]): [string, HostTensor] => {
    const of = NUMBERS[graph.params[name].role];
    return [name, { ...tensor, data: tensor.data.map(of) }];
  });
  return { graph: { ...graph, nodes }, params: new Map(tensors) };
}

const NUMBERS: Readonly<Record<ParamRole, (value: number) => number>> = {
  weight: Math.abs,
  gamma: Math.abs,
  table: Math.abs,
  slope: Math.abs,
  variance: (value) => value,
  bias: () => 0,
  beta: () => 0,
  mean: () => 0,
};

function isActivation(node: Node): boolean {
  return opOf(node).inference.kind === "activation";
}

/** Of nodes that put numbers elsewhere, or add such: the numbers of an input are numbered, and found again in the output. */
function movedBack(node: Node, { inputs, gradient }: Passed): Float64Array[] {
  return inputs.map((input, i) => {
    const numbered = inputs.map((other, k) =>
      k === i ? { ...other, data: other.data.map((_, at) => at + 1) } : zeros(other.shape)
    );
    const back = new Float64Array(input.data.length);
    referenceNode(node, numbered).data.forEach((from, at) => {
      if (from > 0) back[from - 1] += gradient[at];
    });
    return back;
  });
}

function convBack(node: Node, { inputs: [x, weight], output, gradient }: Passed): Float64Array[] {
  const { strides, pads, dilations, group } = convAttrs(node);
  const [filters, perGroup, kh, kw] = weight.shape;
  const [, , height, width] = x.shape;
  const [, , rows, columns] = output.shape;
  const [ofX, ofWeight] = [new Float64Array(x.data.length), new Float64Array(weight.data.length)];
  weight.data.forEach((w, at) => {
    const f = Math.floor(at / (perGroup * kh * kw));
    const c = Math.floor(f / (filters / group)) * perGroup + Math.floor(at / (kh * kw)) % perGroup;
    const top = Math.floor(at / kw) % kh * dilations[0] - pads[0];
    const left = at % kw * dilations[1] - pads[1];
    let sum = 0;
    for (let i = 0; i < rows; i++) {
      const row = i * strides[0] + top;
      if (row < 0 || row >= height) continue;
      const [from, to] = [(c * height + row) * width, (f * rows + i) * columns];
      for (let j = 0; j < columns; j++) {
        const column = j * strides[1] + left;
        if (column < 0 || column >= width) continue;
        sum += x.data[from + column] * gradient[to + j];
        ofX[from + column] += w * gradient[to + j];
      }
    }
    ofWeight[at] = sum;
  });
  return [ofX, ofWeight];
}

function gemmBack(_: Node, { inputs: [x, weight], gradient }: Passed): Float64Array[] {
  const [ofX, ofWeight] = [new Float64Array(x.data.length), new Float64Array(weight.data.length)];
  weight.data.forEach((w, at) => {
    const [f, k] = [Math.floor(at / x.data.length), at % x.data.length];
    ofX[k] += w * gradient[f];
    ofWeight[at] = x.data[k] * gradient[f];
  });
  return [ofX, ofWeight];
}

function normBack(node: Node, { inputs: [x, ...perChannel], gradient }: Passed): Float64Array[] {
  const { inference } = opOf(node);
  if (inference.kind !== "channel affine") throw new Error(`${node.op} has no scale`);
  const { scale } = inference.affine(node, perChannel.map(({ data }) => data));
  const pixels = x.data.length / scale.length;
  return [gradient.map((value, at) => value * scale[Math.floor(at / pixels)])];
}

/** All of it to the first of a window's largest numbers. */
function maxPoolBack(node: Node, passed: Passed): Float64Array[] {
  const { inputs: [x], gradient } = passed;
  const back = new Float64Array(x.data.length);
  forEachWindow(node, passed, (at, window) => {
    const first = window.reduce((best, place) => x.data[place] > x.data[best] ? place : best, window[0]);
    back[first] += gradient[at];
  });
  return [back];
}

function averagePoolBack(node: Node, passed: Passed): Float64Array[] {
  const { inputs: [x], gradient } = passed;
  const { kernel, countIncludePad } = poolAttrs(node);
  const back = new Float64Array(x.data.length);
  forEachWindow(node, passed, (at, window) => {
    const share = gradient[at] / (countIncludePad ? kernel[0] * kernel[1] : window.length);
    for (const place of window) back[place] += share;
  });
  return [back];
}

function globalAveragePoolBack(_: Node, { inputs: [x], gradient }: Passed): Float64Array[] {
  const pixels = x.data.length / gradient.length;
  return [x.data.map((_, at) => gradient[Math.floor(at / pixels)] / pixels)];
}

/** For each number of the output the places in x of those that it is made of. */
function forEachWindow(
  node: Node,
  { inputs: [x], output }: Passed,
  visit: (at: number, window: readonly number[]) => void,
): void {
  const { kernel, strides, pads } = poolAttrs(node);
  const [, , height, width] = x.shape;
  const [, , rows, columns] = output.shape;
  for (let at = 0; at < output.data.length; at++) {
    const map = Math.floor(at / (rows * columns));
    const top = Math.floor(at / columns) % rows * strides[0] - pads[0];
    const left = at % columns * strides[1] - pads[1];
    const window: number[] = [];
    for (let row = Math.max(0, top); row < Math.min(height, top + kernel[0]); row++) {
      for (let column = Math.max(0, left); column < Math.min(width, left + kernel[1]); column++) {
        window.push((map * height + row) * width + column);
      }
    }
    visit(at, window);
  }
}
