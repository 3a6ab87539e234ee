/** Shape inference over a symbolic batch. */

import { UserError } from "../errors.ts";
import { elements } from "../tensor/tensor.ts";
import {
  attentionAttrs,
  batchNormAttrs,
  borderBiasAttrs,
  channelAxis,
  clipAttrs,
  columnConvAttrs,
  type ConvAttrs,
  convAttrs,
  dropoutAttrs,
  gatherAttrs,
  geluAttrs,
  gemmAttrs,
  groupNormAttrs,
  hardSigmoidAttrs,
  lastAxis,
  layerNormAttrs,
  leakyReluAttrs,
  nodeError,
  padAttrs,
  type Pads,
  type Pair,
  poolAttrs,
  reduceMeanAttrs,
  reshapeAttrs,
  resizeAttrs,
  sliceAttrs,
  transposeAttrs,
} from "./attrs.ts";
import { broadcastOf } from "./broadcast.ts";
import type { Dim, Graph, Node, OpName, Shape } from "./types.ts";

/**
 * The shape of every activation: graph inputs and node outputs, by name, in order of execution. Parameters are not in
 * it; theirs stand in `graph.params`.
 *
 * @throws UserError when shapes don't fit or a node reads what nothing before it makes
 */
export function inferShapes(graph: Graph): Map<string, Shape> {
  const shapes = new Map<string, Shape>(graph.inputs.map((input) => [input.name, input.shape]));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => {
      const shape = shapes.get(name) ?? graph.params[name]?.shape;
      if (!shape) throw nodeError(node, `reads "${name}", which is no parameter and nothing before it makes`);
      return shape;
    });
    shapes.set(node.outputs[0], inferNode(node, inputs));
  }
  for (const name of graph.outputs) {
    if (!shapes.has(name)) throw new UserError(`graph "${graph.name}": nothing makes its output "${name}"`);
  }
  return shapes;
}

/** The output shape of one node, given the shapes of all its inputs, parameters included. */
export function inferNode(node: Node, inputs: readonly Shape[]): Shape {
  const rule = RULES[node.op];
  if (!rule) throw nodeError(node, "unknown operator");
  const [least, most] = ARITY[node.op];
  if (inputs.length < least || inputs.length > most) {
    throw nodeError(node, `has ${inputs.length} inputs, expected ${least === most ? least : `${least} to ${most}`}`);
  }
  if (node.outputs.length !== 1) throw nodeError(node, `has ${node.outputs.length} outputs, expected 1`);
  return rule(node, inputs);
}

/** The shape with a number in place of the symbolic batch. */
export function concrete(shape: Shape, batch: number): number[] {
  return shape.map((d) => d === "N" ? batch : d);
}

/** Elements of one sample: the product of all dimensions but the batch. */
export function sampleSize(shape: Shape): number {
  return shape.slice(1).reduce<number>((size, d) => size * (d as number), 1);
}

type Rule = (node: Node, inputs: readonly Shape[]) => Shape;

const same: Rule = (_, [x]) => x;

/** The shape stays; the attributes are read so that a bad one is found before the node runs. */
const checked = (read: (node: Node) => unknown): Rule => (node, [x]) => (read(node), x);

const broadcast: Rule = (node, [a, b]) => broadcastOf(node, a, b).wide === 0 ? a : b;

const RULES: Readonly<Record<OpName, Rule>> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matmul,
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  GroupNormalization: groupNorm,
  Relu: same,
  LeakyRelu: checked(leakyReluAttrs),
  Clip: checked(clipAttrs),
  Gelu: checked(geluAttrs),
  Sigmoid: same,
  Tanh: same,
  HardSigmoid: checked(hardSigmoidAttrs),
  HardSwish: same,
  Softmax: checked(lastAxis),
  Add: broadcast,
  Sub: broadcast,
  Mul: broadcast,
  Div: broadcast,
  PRelu: prelu,
  MaxPool: pool,
  AveragePool: pool,
  GlobalAveragePool: (node, [x]) => (image(node, x), [x[0], x[1], 1, 1]),
  ReduceMean: reduceMean,
  Resize: resize,
  Flatten: (node, [x]) => (channelAxis(node), [x[0], sampleSize(x)]),
  Reshape: reshape,
  Transpose: (node, [x]) => transposeAttrs(node, x.length).perm.map((axis) => x[axis]),
  Concat: concat,
  Slice: (node, [x]) => sliceAttrs(node, x).map((range, axis) => range ? range.count : x[axis]),
  Pad: pad,
  Gather: gather,
  Dropout: checked(dropoutAttrs),
  Identity: same,
  ColumnConv: columnConv,
  BorderBias: borderBias,
  Attention: attention,
};

/** Fewest and most inputs, parameters included. */
const ARITY: Readonly<Record<OpName, readonly [number, number]>> = {
  Conv: [2, 3],
  Gemm: [2, 3],
  MatMul: [2, 2],
  BatchNormalization: [5, 5],
  LayerNormalization: [2, 3],
  GroupNormalization: [3, 3],
  Relu: [1, 1],
  LeakyRelu: [1, 1],
  Clip: [1, 1],
  Gelu: [1, 1],
  Sigmoid: [1, 1],
  Tanh: [1, 1],
  HardSigmoid: [1, 1],
  HardSwish: [1, 1],
  Softmax: [1, 1],
  Add: [2, 2],
  Sub: [2, 2],
  Mul: [2, 2],
  Div: [2, 2],
  PRelu: [2, 2],
  MaxPool: [1, 1],
  AveragePool: [1, 1],
  GlobalAveragePool: [1, 1],
  ReduceMean: [1, 1],
  Resize: [1, 1],
  Flatten: [1, 1],
  Reshape: [1, 1],
  Transpose: [1, 1],
  Concat: [1, Infinity],
  Slice: [1, 1],
  Pad: [1, 1],
  Gather: [1, 1],
  Dropout: [1, 1],
  Identity: [1, 1],
  ColumnConv: [2, 3],
  BorderBias: [2, 2],
  Attention: [3, 3],
};

function conv(node: Node, [x, weight, bias]: readonly Shape[]): Shape {
  image(node, x);
  if (weight.length !== 4) throw nodeError(node, `weight ${text(weight)} isn't [F,C,KH,KW]`);
  const [filters, perGroup, kh, kw] = weight as number[];
  const attrs = convAttrs(node);
  if (x[1] !== perGroup * attrs.group) {
    throw nodeError(node, `weight ${text(weight)} expects ${perGroup * attrs.group} input channels, input has ${x[1]}`);
  }
  if (filters % attrs.group !== 0) {
    throw nodeError(node, `${filters} filters can't be split into ${attrs.group} groups`);
  }
  const stated = node.attrs.kernel_shape as readonly number[] | undefined;
  if (stated && !equal(stated, [kh, kw])) {
    throw nodeError(node, `kernel_shape [${stated}] isn't the weight's [${kh},${kw}]`);
  }
  perFilter(node, "bias", bias, filters);
  return [x[0], filters, ...convolved(node, x, [kh, kw], attrs)];
}

function columnConv(node: Node, [x, weight, bias]: readonly Shape[]): Shape {
  const attrs = columnConvAttrs(node);
  if (x.length !== 2) image(node, x);
  const columns = (x[1] as number) * attrs.kernel[0] * attrs.kernel[1];
  if (weight.length !== 2 || weight[1] !== attrs.taps.length) {
    throw nodeError(node, `weight ${text(weight)} isn't [F,${attrs.taps.length}], one column for each kept tap`);
  }
  const last = attrs.taps[attrs.taps.length - 1];
  if (last >= columns) throw nodeError(node, `tap ${last} is outside of the input's ${columns} columns`);
  perFilter(node, "bias", bias, weight[0]);
  if (x.length === 4) return [x[0], weight[0], ...convolved(node, x, attrs.kernel, attrs)];
  if (!equal(attrs.kernel, [1, 1])) {
    throw nodeError(node, `kernel [${attrs.kernel}] on an input of rank 2, expected [1,1]`);
  }
  return [x[0], weight[0]];
}

function gemm(node: Node, [x, weight, bias]: readonly Shape[]): Shape {
  gemmAttrs(node);
  if (x.length !== 2) throw nodeError(node, `input ${text(x)} isn't [N,K]: put a Flatten before it`);
  if (weight.length !== 2) throw nodeError(node, `weight ${text(weight)} isn't [F,K]`);
  if (weight[1] !== x[1]) {
    throw nodeError(node, `weight ${text(weight)} expects ${weight[1]} inputs, input has ${x[1]}`);
  }
  perFilter(node, "bias", bias, weight[0]);
  return [x[0], weight[0]];
}

/** One slope per channel. */
function prelu(node: Node, [x, slope]: readonly Shape[]): Shape {
  if (x.length < 2) throw nodeError(node, `input ${text(x)} has no channel axis`);
  perFilter(node, "slope", slope, x[1]);
  return x;
}

function batchNorm(node: Node, [x, ...perChannel]: readonly Shape[]): Shape {
  batchNormAttrs(node);
  if (x.length < 2) throw nodeError(node, `input ${text(x)} has no channel axis`);
  ["gamma", "beta", "mean", "variance"].forEach((role, i) => perFilter(node, role, perChannel[i], x[1]));
  return x;
}

/** a […,M,K] times b […,K,N] of the same leading dimensions, the batch first among them; or b [K,N], which all share. */
function matmul(node: Node, [a, b]: readonly Shape[]): Shape {
  const shared = b.length === 2 && b[0] !== "N";
  const matrices = a.length >= 3 && a.length === b.length && equal(a.slice(0, -2), b.slice(0, -2));
  if (a.length < 2 || (!shared && !matrices) || a[a.length - 1] !== b[b.length - 2]) {
    throw nodeError(node, `can't multiply ${text(a)} by ${text(b)}`);
  }
  return [...a.slice(0, -1), b[b.length - 1]];
}

function layerNorm(node: Node, [x, gamma, beta]: readonly Shape[]): Shape {
  layerNormAttrs(node);
  if (x.length < 2) throw nodeError(node, `input ${text(x)} has no axis but the batch`);
  const length = x[x.length - 1];
  perFilter(node, "gamma", gamma, length);
  perFilter(node, "beta", beta, length);
  return x;
}

function groupNorm(node: Node, [x, gamma, beta]: readonly Shape[]): Shape {
  const { groups } = groupNormAttrs(node);
  if (x.length < 2) throw nodeError(node, `input ${text(x)} has no channel axis`);
  const channels = x[1] as number;
  if (channels % groups !== 0) throw nodeError(node, `${channels} channels can't be split into ${groups} groups`);
  perFilter(node, "gamma", gamma, channels);
  perFilter(node, "beta", beta, channels);
  return x;
}

/** Of q […,T,D], k and v […,S,D]: [N,T,D], or with heads [N,H,T,D]. */
function attention(node: Node, [q, k, v]: readonly Shape[]): Shape {
  const depth = q[q.length - 1];
  const fits = q.length >= 3 && equal(q.slice(0, -2), k.slice(0, -2)) && equal(k, v) && k[k.length - 1] === depth;
  if (!fits) throw nodeError(node, `queries ${text(q)}, keys ${text(k)} and values ${text(v)} don't fit together`);
  attentionAttrs(node, depth as number);
  return q;
}

function pool(node: Node, [x]: readonly Shape[]): Shape {
  image(node, x);
  const { kernel, strides, pads } = poolAttrs(node);
  return [x[0], x[1], ...convolved(node, x, kernel, { strides, pads, dilations: [1, 1] })];
}

function reduceMean(node: Node, [x]: readonly Shape[]): Shape {
  const { axes, keepdims } = reduceMeanAttrs(node, x.length);
  return keepdims === "keep"
    ? x.map((d, axis) => axes.includes(axis) ? 1 : d)
    : x.filter((_, axis) => !axes.includes(axis));
}

function resize(node: Node, [x]: readonly Shape[]): Shape {
  image(node, x);
  const { scales } = resizeAttrs(node);
  return [x[0], x[1], (x[2] as number) * scales[0], (x[3] as number) * scales[1]];
}

function reshape(node: Node, [x]: readonly Shape[]): Shape {
  const { shape } = reshapeAttrs(node);
  const rest = shape.slice(1).map((d, i) => {
    if (d !== 0) return d;
    if (i + 1 >= x.length) {
      throw nodeError(node, `shape [${shape}] copies dimension ${i + 1}, input ${text(x)} has none`);
    }
    return x[i + 1] as number;
  });
  const known = rest.reduce((size, d) => d === -1 ? size : size * d, 1);
  const size = sampleSize(x);
  const inferred = rest.map((d) => d === -1 ? size / known : d);
  const keepsBatch = shape[0] === 0 || shape[0] === -1 || shape[0] === x[0];
  if (!keepsBatch || !inferred.every(Number.isInteger) || elements(inferred) !== size) {
    throw nodeError(
      node,
      `can't give ${text(x)} the shape [${shape}]: the batch stands first (0) and sizes must agree`,
    );
  }
  return [x[0], ...inferred];
}

/** A parameter [1,C,…] among the inputs stands in every sample. */
function concat(node: Node, inputs: readonly Shape[]): Shape {
  channelAxis(node);
  const first = inputs.find((x) => x[0] !== 1) ?? inputs[0];
  let channels = 0;
  for (const x of inputs) {
    const fits = (d: Dim, axis: number) => axis === 1 || d === first[axis] || (axis === 0 && d === 1);
    if (x.length < 2 || x.length !== first.length || !x.every(fits)) {
      throw nodeError(node, `inputs ${inputs.map(text).join(", ")} differ outside of axis 1`);
    }
    channels += x[1] as number;
  }
  return first.map((d, axis) => axis === 1 ? channels : d);
}

function pad(node: Node, [x]: readonly Shape[]): Shape {
  const { begins, ends } = padAttrs(node, x.length);
  return x.map((d, axis) => axis === 0 ? d : (d as number) + begins[axis] + ends[axis]);
}

function gather(node: Node, [x]: readonly Shape[]): Shape {
  const { indices } = gatherAttrs(node);
  if (x.length < 2) throw nodeError(node, `input ${text(x)} has no channel axis`);
  const outside = indices.find((i) => i >= (x[1] as number));
  if (outside !== undefined) throw nodeError(node, `index ${outside} is outside of the input's ${x[1]} channels`);
  return x.map((d, axis) => axis === 1 ? indices.length : d);
}

function borderBias(node: Node, [x, table]: readonly Shape[]): Shape {
  image(node, x);
  const { rows, cols } = borderBiasAttrs(node);
  if (rows.length !== x[2] || cols.length !== x[3]) {
    throw nodeError(node, `${rows.length} rows and ${cols.length} cols of region indices for an input ${text(x)}`);
  }
  const expected = [x[1], Math.max(...rows) + 1, Math.max(...cols) + 1];
  if (table.length !== 3 || table.some((d, i) => i === 0 ? d !== expected[0] : d < expected[i])) {
    throw nodeError(node, `table ${text(table)} is too small, expected ${text(expected)}`);
  }
  return x;
}

function image(node: Node, x: Shape): void {
  if (x.length !== 4) throw nodeError(node, `input ${text(x)} isn't [N,C,H,W]`);
}

function perFilter(node: Node, role: string, shape: Shape | undefined, filters: Dim): void {
  if (shape && !equal(shape, [filters])) throw nodeError(node, `${role} is ${text(shape)}, expected [${filters}]`);
}

/** Output height and width of a window that slides over a padded [N,C,H,W]. */
function convolved(
  node: Node,
  x: Shape,
  kernel: Pair,
  { strides, pads, dilations }: Pick<ConvAttrs, "strides" | "dilations"> & { readonly pads: Pads },
): [number, number] {
  const along = (axis: 0 | 1) => {
    const padded = (x[2 + axis] as number) + pads[axis] + pads[axis + 2];
    const size = Math.floor((padded - dilations[axis] * (kernel[axis] - 1) - 1) / strides[axis]) + 1;
    if (size < 1) throw nodeError(node, `kernel [${kernel}] with pads [${pads}] is larger than the input ${text(x)}`);
    return size;
  };
  return [along(0), along(1)];
}

function equal(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

function text(shape: Shape): string {
  return `[${shape.join(",")}]`;
}
