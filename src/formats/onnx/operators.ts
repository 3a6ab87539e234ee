/** The import of each operator: ONNX's forms and defaults (opset 11 to 21) to the graph's. */
import { sampleSize } from "../../graph/infer.ts";
import type { Attrs, Dim, OpName, Shape } from "../../graph/types.ts";
import type { Call } from "./call.ts";
import { axesOf, axisOf, integersOf } from "./fold.ts";
import { importAddition, importDivision, importMultiplication, importSubtraction } from "./pointwise.ts";
import type { Constant } from "./tensors.ts";

export type Import = (call: Call) => void;

export const OPERATORS: Readonly<Record<string, Import>> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matmul,
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  GroupNormalization: groupNorm,
  Relu: plain("Relu"),
  Sigmoid: plain("Sigmoid"),
  Tanh: plain("Tanh"),
  Identity: plain("Identity"),
  Gelu: (call) => call.emit("Gelu", [call.activation(0)], { approximate: call.attrs.text("approximate", "none") }),
  Clip: clip,
  Softmax: softmax,
  Add: importAddition,
  Sub: importSubtraction,
  Mul: importMultiplication,
  Div: importDivision,
  Concat: concat,
  MaxPool: (call) => pool(call, "MaxPool"),
  AveragePool: (call) => pool(call, "AveragePool"),
  GlobalAveragePool: plain("GlobalAveragePool"),
  ReduceMean: reduceMean,
  Flatten: flatten,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  Dropout: dropout,
};

function plain(op: OpName): Import {
  return (call) => call.emit(op, [call.activation(0)]);
}

function conv(call: Call): void {
  const x = call.activation(0);
  const weight = required(call, 1, "weight");
  const [, , kh, kw] = weight.shape;
  const kernel = call.attrs.integers("kernel_shape") ?? [kh, kw];
  const dilations = call.attrs.integers("dilations") ?? [1, 1];
  const strides = call.attrs.integers("strides") ?? [1, 1];
  const pads = padding(call, call.shape(x), kernel, strides, dilations);
  const group = call.attrs.integer("group", 1);
  const bias = call.constant(2);
  const inputs = [x, call.parameter(weight, "weight", "weight")];
  if (bias) inputs.push(call.parameter(bias, "bias", "bias"));
  call.emit("Conv", inputs, { strides, pads, dilations, group });
}

/** Pads as they stand, or as auto_pad asks for on an input of this size: SAME keeps ⌈size / stride⌉. */
function padding(
  { attrs, fail }: Call,
  shape: Shape,
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): readonly number[] {
  const mode = attrs.text("auto_pad", "NOTSET");
  const pads = attrs.integers("pads");
  if (mode === "NOTSET") return pads ?? [0, 0, 0, 0];
  if (mode === "VALID") return [0, 0, 0, 0];
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") throw fail(`attribute auto_pad "${mode}" isn't supported`);
  const sides = [0, 1].map((axis) => {
    const size = shape[2 + axis] as number;
    const reach = dilations[axis] * (kernel[axis] - 1) + 1;
    const total = Math.max(0, (Math.ceil(size / strides[axis]) - 1) * strides[axis] + reach - size);
    const less = Math.floor(total / 2);
    return mode === "SAME_UPPER" ? [less, total - less] : [total - less, less];
  });
  return [sides[0][0], sides[1][0], sides[0][1], sides[1][1]];
}

/** α · x · w + β · c with every factor folded into weight and bias. */
function gemm(call: Call): void {
  const { attrs } = call;
  const x = call.activation(0);
  attrs.only("transA", 0);
  const given = required(call, 1, "weight");
  const weight = scaled(attrs.integer("transB", 0) === 0 ? transposed(call, given) : given, attrs.float("alpha", 1));
  const beta = attrs.float("beta", 1);
  const bias = call.arity > 2 ? call.constant(2) : undefined;
  const inputs = [x, call.parameter(weight, "weight", "weight")];
  if (bias) inputs.push(call.parameter(scaled(perFilter(call, bias, weight.shape[0]), beta), "bias", "bias"));
  call.emit("Gemm", inputs);
}

/** By a constant: a linear layer where x is [N,K]. */
function matmul(call: Call): void {
  const x = call.activation(0);
  if (!call.isConstant(1)) return call.emit("MatMul", [x, call.activation(1)]);
  const weight = required(call, 1, "matrix");
  if (call.shape(x).length !== 2) return call.emit("MatMul", [x, call.parameter(weight, "weight", "weight")]);
  call.emit("Gemm", [x, call.parameter(transposed(call, weight), "weight", "weight")]);
}

function batchNorm(call: Call): void {
  const { attrs } = call;
  attrs.only("training_mode", 0);
  const x = call.activation(0);
  const roles = ["gamma", "beta", "mean", "variance"] as const;
  const kinds = ["weight", "bias", "running_mean", "running_var"];
  const params = roles.map((role, i) => call.parameter(required(call, i + 1, kinds[i]), role, kinds[i]));
  const epsilon = attrs.float("epsilon", 1e-5);
  call.emit("BatchNormalization", [x, ...params], { epsilon, momentum: attrs.float("momentum", 0.9) });
}

function layerNorm(call: Call): void {
  const { attrs, node } = call;
  const x = call.activation(0);
  const rank = call.shape(x).length;
  const axis = axisOf(node, attrs.integer("axis", -1), rank);
  if (axis !== rank - 1) throw call.fail(`attribute axis ${axis} of rank ${rank} isn't supported, expected the last`);
  attrs.only("stash_type", 1);
  const gamma = required(call, 1, "scale");
  const zero = { ...gamma, name: "", data: new Float32Array(gamma.data.length) };
  const beta = call.constant(2) ?? zero;
  const params = [call.parameter(gamma, "gamma", "weight"), call.parameter(beta, "beta", "bias")];
  call.emit("LayerNormalization", [x, ...params], { axis: -1, epsilon: attrs.float("epsilon", 1e-5) });
}

/** Opset 21: scale and bias per channel. Before, they stood per group. */
function groupNorm(call: Call): void {
  const { attrs } = call;
  if (call.opset < 21) throw call.fail(`opset ${call.opset} isn't supported, expected 21`);
  attrs.only("stash_type", 1);
  const params = [
    call.parameter(required(call, 1, "scale"), "gamma", "weight"),
    call.parameter(required(call, 2, "bias"), "beta", "bias"),
  ];
  const groups = attrs.integer("num_groups", 0);
  call.emit("GroupNormalization", [call.activation(0), ...params], {
    num_groups: groups,
    epsilon: attrs.float("epsilon", 1e-5),
  });
}

function clip(call: Call): void {
  const bound = (input: number) => {
    const constant = call.constant(input);
    if (!constant) return undefined;
    const [value] = Array.from(constant.data);
    if (constant.data.length !== 1 || typeof value !== "number") throw call.fail(`input ${input} is no number`);
    return value;
  };
  const attrs: Record<string, number> = {};
  const [min, max] = [bound(1), bound(2)];
  if (min !== undefined) attrs.min = min;
  if (max !== undefined) attrs.max = max;
  call.emit("Clip", [call.activation(0)], attrs);
}

/** Before opset 13 the axes from `axis` on (1 unless told) were taken as one. */
function softmax(call: Call): void {
  const x = call.activation(0);
  const rank = call.shape(x).length;
  const axis = axisOf(call.node, call.attrs.integer("axis", call.opset < 13 ? 1 : -1), rank);
  if (axis !== rank - 1) throw call.fail(`attribute axis ${axis} of rank ${rank} isn't supported, expected the last`);
  call.emit("Softmax", [x], { axis: -1 });
}

function concat(call: Call): void {
  const values = Array.from({ length: call.arity }, (_, i) => call.activation(i));
  call.emit("Concat", values, { axis: axisOf(call.node, call.attrs.integer("axis", 1), call.shape(values[0]).length) });
}

function pool(call: Call, op: "MaxPool" | "AveragePool"): void {
  const { attrs } = call;
  const x = call.activation(0);
  const shape = call.shape(x);
  const kernel = attrs.integers("kernel_shape");
  if (kernel?.length !== 2 || shape.length !== 4) throw call.fail("only 2-D windows over [N,C,H,W] are supported");
  const strides = attrs.integers("strides") ?? [1, 1];
  const dilations = attrs.integers("dilations") ?? [1, 1];
  const pads = padding(call, shape, kernel, strides, dilations);
  attrs.only("storage_order", 0);
  if (attrs.integer("ceil_mode", 0) !== 0) {
    const over = (axis: 0 | 1) =>
      ((shape[2 + axis] as number) + pads[axis] + pads[axis + 2] - kernel[axis]) % strides[axis];
    if (over(0) !== 0 || over(1) !== 0) {
      throw call.fail("attribute ceil_mode 1 isn't supported where windows would reach beyond the padded input");
    }
  }
  const counted: Attrs = op === "AveragePool" ? { count_include_pad: attrs.integer("count_include_pad", 0) } : {};
  call.emit(op, [x], { kernel_shape: kernel, strides, pads, dilations, ...counted });
}

/** Over height and width it is a global average. */
function reduceMean(call: Call): void {
  const x = call.activation(0);
  const axes = axesOf(call, call.constant(1), call.shape(x).length, 18);
  if (call.shape(x).length !== 4 || axes?.toSorted((a, b) => a - b).join() !== "2,3") {
    throw call.fail(`attribute axes [${axes ?? ""}] isn't supported, expected height and width of [N,C,H,W]`);
  }
  call.attrs.only("noop_with_empty_axes", 0);
  if (call.attrs.integer("keepdims", 1) !== 0) return call.emit("GlobalAveragePool", [x]);
  call.emit("Flatten", [call.between("GlobalAveragePool", [x])], { axis: 1 });
}

function flatten(call: Call): void {
  const x = call.activation(0);
  call.emit("Flatten", [x], { axis: axisOf(call.node, call.attrs.integer("axis", 1), call.shape(x).length) });
}

function reshape(call: Call): void {
  const x = call.activation(0);
  const shape = call.shape(x);
  call.attrs.only("allowzero", 0);
  const wanted = Array.from(required(call, 1, "shape").data, (d, axis) => d === 0 ? shape[axis] : d);
  const [first, ...rest] = wanted;
  const known = rest.reduce<number>((size, d) => d === -1 ? size : size * Number(d), 1);
  const inferred = rest.map((d) => d === -1 ? sampleSize(shape) / known : d);
  const isBatch = first === "N" || (first !== undefined && first === call.fixedBatch) ||
    (first === -1 && known === sampleSize(shape));
  if (!isBatch || !inferred.every((d) => Number.isInteger(d))) {
    throw call.fail(`can't give [${shape}] the shape [${wanted}]: the batch has to stay the first dimension`);
  }
  toShape(call, x, inferred);
}

function squeeze(call: Call): void {
  const x = call.activation(0);
  const shape = call.shape(x);
  const axes = axesOf(call, call.constant(1), shape.length, 13);
  if (axes?.some((axis) => shape[axis] !== 1)) throw call.fail(`can't take the axes [${axes}] off [${shape}]`);
  toShape(call, x, shape.slice(1).filter((d, i) => axes ? !axes.includes(i + 1) : d !== 1));
}

function unsqueeze(call: Call): void {
  const x = call.activation(0);
  const shape = call.shape(x);
  const given = call.opset < 13 ? call.attrs.integers("axes") : integersOf(call.node, required(call, 1, "axes"));
  const rank = shape.length + (given?.length ?? 0);
  if (!given || rank > 8) throw call.fail("axes are missing, or too many");
  const axes = given.map((axis) => axisOf(call.node, axis, rank));
  if (axes.includes(0)) throw call.fail("axis 0 is the batch, which has to stay the first dimension");
  const rest = [...shape];
  toShape(call, x, Array.from({ length: rank }, (_, axis) => axes.includes(axis) ? 1 : rest.shift()!).slice(1));
}

/** Flatten where one dimension is left beside the batch: what pruning sees through. */
function toShape(call: Call, x: string, rest: readonly Dim[]): void {
  if (rest.length === 1) call.emit("Flatten", [x], { axis: 1 });
  else call.emit("Reshape", [x], { shape: [0, ...rest as number[]] });
}

function transpose(call: Call): void {
  const x = call.activation(0);
  const perm = call.attrs.integers("perm") ?? call.shape(x).map((_, axis, all) => all.length - 1 - axis);
  call.emit("Transpose", [x], { perm });
}

function slice(call: Call): void {
  const x = call.activation(0);
  // PyTorch writes the largest int64 for "to the end"; what is far outside of any axis may as well be nearer.
  const near = (list: readonly number[]) => list.map((v) => Math.min(Math.max(v, -(2 ** 31)), 2 ** 31));
  const [starts, ends] = [1, 2].map((i) => near(integersOf(call.node, required(call, i, "range"))));
  const [axes, steps] = [3, 4].map((i) => {
    const constant = call.constant(i);
    return constant && integersOf(call.node, constant);
  });
  const attrs: Record<string, readonly number[]> = { starts, ends };
  attrs.axes = (axes ?? starts.map((_, i) => i)).map((axis) => axisOf(call.node, axis, call.shape(x).length));
  attrs.steps = steps ?? starts.map(() => 1);
  call.emit("Slice", [x], attrs);
}

function pad(call: Call): void {
  const x = call.activation(0);
  const rank = call.shape(x).length;
  const mode = call.attrs.text("mode", "constant");
  const value = Array.from(call.constant(2)?.data ?? [0]);
  if (mode !== "constant" || value.some((v) => v !== 0)) {
    throw call.fail(`attribute mode "${mode}" with the value ${value} isn't supported, expected constant zeros`);
  }
  const given = integersOf(call.node, required(call, 1, "pads"));
  const axes = call.constant(3);
  const padded = axes
    ? integersOf(call.node, axes).map((axis) => axisOf(call.node, axis, rank))
    : call.shape(x).map((_, axis) => axis);
  if (given.length !== 2 * padded.length) {
    throw call.fail(`${given.length} pads for ${padded.length} axes, expected ${2 * padded.length}`);
  }
  const pads = new Array<number>(2 * rank).fill(0);
  padded.forEach((axis, i) => {
    pads[axis] = given[i];
    pads[axis + rank] = given[i + padded.length];
  });
  call.emit("Pad", [x], { pads });
}

function gather(call: Call): void {
  const x = call.activation(0);
  const shape = call.shape(x);
  const at = required(call, 1, "indices");
  const axis = axisOf(call.node, call.attrs.integer("axis", 0), shape.length);
  if (axis !== 1 || at.shape.length !== 1) {
    throw call.fail(`attribute axis ${axis} with indices of rank ${at.shape.length} isn't supported, expected 1 and 1`);
  }
  const indices = integersOf(call.node, at).map((i) => i < 0 ? i + (shape[1] as number) : i);
  call.emit("Gather", [x], { axis: 1, indices });
}

/** Since opset 12 ratio and mode are inputs. */
function dropout(call: Call): void {
  const ratio = call.opset < 12 ? call.attrs.float("ratio", 0.5) : Number(call.constant(1)?.data[0] ?? 0.5);
  call.attrs.integer("seed", 0);
  if (call.constant(2)?.data[0] === 1) throw call.fail("training_mode is on, expected a model exported for inference");
  call.emit("Dropout", [call.activation(0)], { ratio });
}

function required(call: Call, input: number, role: string): Constant {
  const constant = call.constant(input);
  if (!constant) throw call.fail(`input ${input}, its ${role}, is missing`);
  return constant;
}

function transposed(call: Call, matrix: Constant): Constant {
  if (matrix.shape.length !== 2) throw call.fail(`weight [${matrix.shape}] isn't a matrix`);
  const [rows, columns] = matrix.shape;
  const data = new Float32Array(rows * columns);
  for (let i = 0; i < data.length; i++) data[i] = matrix.data[(i % rows) * columns + Math.floor(i / rows)] as number;
  return { ...matrix, shape: [columns, rows], data };
}

function scaled(constant: Constant, factor: number): Constant {
  return factor === 1 ? constant : { ...constant, data: Float32Array.from(constant.data, (v) => factor * Number(v)) };
}

/** A bias as [F], from any form that is broadcast to [N,F]. */
function perFilter(call: Call, bias: Constant, filters: number): Constant {
  const { shape, data } = bias;
  if (shape.length === 1 && shape[0] === filters) return bias;
  const fits = data.length === 1 || (data.length === filters && shape[shape.length - 1] === filters);
  if (!fits) throw call.fail(`bias [${shape}] isn't [${filters}]`);
  const wide = Float32Array.from({ length: filters }, (_, f) => Number(data[data.length === 1 ? 0 : f]));
  return { ...bias, shape: [filters], data: wide };
}
