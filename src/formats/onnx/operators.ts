/** The import of each operator: ONNX's forms and defaults (opset 11 to 24) to the graph's. */
import { sampleSize } from "../../graph/shapes.ts";
import type { OpName } from "../../graph/types.ts";
import { ACTIVATION_IMPORTS, prelu } from "./activations.ts";
import { type Call, required } from "./call.ts";
import { axesOf, axisOf } from "./folding.ts";
import { concat, flatten, gather, pad, reshape, slice, split, squeeze, transpose, unsqueeze } from "./layout.ts";
import { batchNorm, groupNorm, instanceNorm, layerNorm } from "./norms.ts";
import { importAddition, importDivision, importMultiplication, importSubtraction } from "./pointwise.ts";
import { importResize } from "./resize.ts";
import { type Constant, typeOf } from "./tensors.ts";
import { globalMaxPool, padding, pool } from "./windows.ts";

export type Import = (call: Call) => void;

export const OPERATORS: Readonly<Record<string, Import>> = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matmul,
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  GroupNormalization: groupNorm,
  InstanceNormalization: instanceNorm,
  ...ACTIVATION_IMPORTS,
  PRelu: prelu,
  Resize: importResize,
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
  GlobalMaxPool: globalMaxPool,
  ReduceMean: reduceMean,
  ReduceMax: (call) => call.emit("ReduceMax", [call.activation(0)], reducedAxes(call, "maximum")),
  Flatten: flatten,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Slice: slice,
  Pad: pad,
  Split: split,
  Gather: gather,
  Dropout: dropout,
  Cast: cast,
};

function plain(op: OpName): Import {
  return (call) => call.emit(op, [call.activation(0)]);
}

function conv(call: Call): void {
  const x = call.activation(0);
  const weight = required(call, 1, "weight");
  const [, , kh, kw] = weight.shape;
  const kernel = call.attrs.integers("kernel_shape") ?? [kh, kw];
  if (kernel.join() !== weight.shape.slice(2).join()) {
    throw call.fail(`attribute kernel_shape is [${kernel}], the weight's kernel [${weight.shape.slice(2)}]`);
  }
  const dilations = call.attrs.integers("dilations") ?? [1, 1];
  const strides = call.attrs.integers("strides") ?? [1, 1];
  const pads = padding(call, call.shape(x), kernel, strides, dilations);
  const group = call.attrs.integer("group", 1);
  const bias = call.constant(2);
  const inputs = [x, call.parameter(weight, "weight", "weight")];
  if (bias) inputs.push(call.parameter(bias, "bias", "bias"));
  call.emit("Conv", inputs, { strides, pads, dilations, group });
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
  if (weight.shape.length === 1) return vectorProduct(call, x, weight);
  if (call.shape(x).length !== 2) return call.emit("MatMul", [x, call.parameter(weight, "weight", "weight")]);
  call.emit("Gemm", [x, call.parameter(transposed(call, weight), "weight", "weight")]);
}

/** By a vector: a matrix of one column, whose axis goes. */
function vectorProduct(call: Call, x: string, vector: Constant): void {
  const shape = call.shape(x);
  const [rows] = vector.shape;
  const matrix = shape.length === 2 ? [1, rows] : [rows, 1];
  const weight = call.parameter({ ...vector, shape: matrix }, "weight", "weight");
  const product = call.between(shape.length === 2 ? "Gemm" : "MatMul", [x, weight]);
  call.emit("Reshape", [product], { shape: [0, ...shape.slice(1, -1) as number[]] });
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
  const shape = call.shape(x) as number[];
  const rank = shape.length;
  const axis = axisOf(call.node, call.attrs.integer("axis", call.opset < 13 ? 1 : -1), rank);
  if (axis === 0) throw call.fail("attribute axis 0 is the batch, expected another one");
  if (axis === rank - 1) return call.emit("Softmax", [x], { axis: -1 });
  if (call.opset < 13) {
    const joint = sampleSize(["N", ...shape.slice(axis)]);
    const wide = call.between("Reshape", [x], { shape: [0, ...shape.slice(1, axis), joint] });
    return call.emit("Reshape", [call.between("Softmax", [wide], { axis: -1 })], { shape: [0, ...shape.slice(1)] });
  }
  const perm = shape.map((_, i) => i === axis ? rank - 1 : i === rank - 1 ? axis : i);
  const soft = call.between("Softmax", [call.between("Transpose", [x], { perm })], { axis: -1 });
  call.emit("Transpose", [soft], { perm });
}

/** Over height and width it is a global average. */
function reduceMean(call: Call): void {
  const x = call.activation(0);
  const { axes, keepdims } = reducedAxes(call, "mean");
  if (call.shape(x).length !== 4 || axes.join() !== "2,3") return call.emit("ReduceMean", [x], { axes, keepdims });
  if (keepdims !== 0) return call.emit("GlobalAveragePool", [x]);
  call.emit("Flatten", [call.between("GlobalAveragePool", [x])], { axis: 1 });
}

/** Ascending. */
function reducedAxes(call: Call, what: string): { readonly axes: readonly number[]; readonly keepdims: number } {
  const axes = axesOf(call, call.constant(1), call.shape(call.activation(0)).length);
  // It says what a list without axes means, and there are some.
  call.attrs.ignore("noop_with_empty_axes");
  if (!axes || axes.length === 0) throw call.fail(`the ${what} over all axes isn't supported, expected some axes`);
  return { axes: axes.toSorted((a, b) => a - b), keepdims: call.attrs.integer("keepdims", 1) };
}

/** Since opset 12 the ratio is an input. Training mode (input 2) says how the file runs, not what the network is. */
function dropout(call: Call): void {
  const attribute = call.attrs.float("ratio", 0.5);
  const ratio = Number(call.constant(1)?.data[0] ?? attribute);
  call.attrs.ignore("seed");
  call.emit("Dropout", [call.activation(0)], { ratio });
}

/** From one kind of float to another, half precision too: numbers are float32 here. */
function cast(call: Call): void {
  const to = call.attrs.integer("to", 0);
  call.attrs.ignore("saturate", "round_mode");
  if (typeOf(to) !== "float") {
    throw call.fail(
      `attribute to ${to} isn't supported, expected a floating-point type: float, double, float16, bfloat16`,
    );
  }
  call.emit("Identity", [call.activation(0)]);
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
