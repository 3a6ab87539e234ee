/** The import of each operator: ONNX's forms and defaults (opset 11 to 24) to the graph's. */
import { sampleSize } from "../../graph/shapes.ts";
import type { OpName } from "../../graph/types.ts";
import { ACTIVATION_IMPORTS, prelu } from "./activations.ts";
import { type Call, required } from "./call.ts";
import { axesOf, axisOf } from "./folding.ts";
import {
  concat,
  dropped,
  expand,
  flatten,
  gather,
  pad,
  reshape,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
} from "./layout.ts";
import { batchNorm, groupNorm, instanceNorm, layerNorm } from "./norms.ts";
import {
  addConstant,
  importAddition,
  importDivision,
  importMultiplication,
  importScaling,
  importSubtraction,
} from "./pointwise.ts";
import { importResize } from "./resize.ts";
import { type Constant, typeOf } from "./tensors.ts";
import { importAttention } from "./attention.ts";
import { convTranspose } from "./conv_transpose.ts";
import { einsum } from "./einsum.ts";
import { isPlain, type View } from "./views.ts";
import { globalPool, kernelOf, padding, pool, windowed } from "./windows.ts";

export type Import = (call: Call) => void;

export const OPERATORS: Readonly<Record<string, Import>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
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
  GlobalAveragePool: (call) => globalPool(call, "mean"),
  GlobalMaxPool: (call) => globalPool(call, "maximum"),
  DepthToSpace: depthToSpace,
  ReduceSum: (call) => reduce(call, "ReduceSum"),
  ReduceMean: (call) => reduce(call, "ReduceMean"),
  ReduceMax: (call) => reduce(call, "ReduceMax"),
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
  CastLike: castLike,
  Expand: expand,
  Einsum: einsum,
  Neg: (call) => importScaling(call, -1),
  Sum: sum,
  Pow: power,
  Swish: swish,
  Attention: importAttention,
};

function plain(op: OpName): Import {
  return (call) => call.emit(op, [call.activation(0)]);
}

function conv(call: Call): void {
  const window = windowed(call);
  const weight = window.weight(required(call, 1, "weight"));
  const kernel = kernelOf(call, window, weight);
  const dilations = window.pair("dilations", 1) ?? [1, 1];
  const strides = window.pair("strides", 1) ?? [1, 1];
  const pads = padding(call, window, kernel, strides, dilations);
  const group = call.attrs.integer("group", 1);
  const bias = call.constant(2);
  const inputs = [window.image, call.parameter(weight, "weight", "weight")];
  if (bias) inputs.push(call.parameter(bias, "bias", "bias"));
  window.emit("Conv", inputs, { strides, pads, dilations, group });
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
  const shift = bias && scaled(perFilter(call, bias, weight.shape[0]), beta);
  if (call.shape(x).length > 2) return projection(call, x, transposed(call, weight), shift);
  const inputs = [x, call.parameter(weight, "weight", "weight")];
  if (shift) inputs.push(call.parameter(shift, "bias", "bias"));
  call.emit("Gemm", inputs);
}

/** A Gemm of rows that are the tokens of all samples. */
function projection(call: Call, x: string, matrix: Constant, bias: Constant | undefined): void {
  const weight = call.parameter(matrix, "weight", "weight");
  if (!bias) return call.emit("MatMul", [x, weight]);
  const product = call.between("MatMul", [x, weight]);
  const shape = call.shape(product).map((_, axis, { length }) => axis === length - 1 ? bias.data.length : 1);
  call.emit("Add", [product, call.parameter({ ...bias, shape }, "bias", "bias")]);
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

type Reduction = "ReduceSum" | "ReduceMean" | "ReduceMax";

/** Of a value whose batch isn't first, axis by axis: tokens that come before the samples. */
function reduceBesideBatch(call: Call, op: Reduction, view: View): void {
  const { value, groups } = call.inOrder(view);
  const axes = axesOf(call, call.constant(1), groups.length) ?? [];
  call.attrs.ignore("noop_with_empty_axes");
  const own = axes.map((axis) => groups[axis]);
  if (own.length === 0 || own.some((group) => group.includes(0))) {
    throw call.fail(`axes [${axes}] take in the batch, which isn't supported: expected others`);
  }
  const reduced = own.reduce((so, axis) => call.between(op, [so], { axes: axis, keepdims: 1 }), value);
  const made = { value: reduced, groups };
  call.emitView(call.attrs.integer("keepdims", 1) !== 0 ? made : dropped(call, made, axes));
}

/** The axes are neighbours in the end: others are brought there first. Over height and width a mean is a global average. */
function reduce(call: Call, op: Reduction): void {
  const view = call.view(0);
  if (!isPlain(view)) return reduceBesideBatch(call, op, view);
  const x = view.value;
  const shape = call.shape(x);
  const given = axesOf(call, call.constant(1), shape.length);
  const keepsAll = call.attrs.integer("noop_with_empty_axes", 0) !== 0;
  const keepdims = call.attrs.integer("keepdims", 1);
  if (!given?.length && keepsAll) return call.emit("Identity", [x]);
  const axes = (given?.length ? given : shape.map((_, axis) => axis)).toSorted((a, b) => a - b);
  if (axes[0] === 0) throw call.fail(`axes [${axes}] take in the batch, which isn't supported: expected others`);
  if (op === "ReduceMean" && shape.length === 4 && axes.join() === "2,3") {
    if (keepdims !== 0) return call.emit("GlobalAveragePool", [x]);
    return call.emit("Flatten", [call.between("GlobalAveragePool", [x])], { axis: 1 });
  }
  if (axes.every((axis, i) => axis === axes[0] + i)) return call.emit(op, [x], { axes, keepdims });
  const others = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const turned = call.between("Transpose", [x], { perm: [...others, ...axes] });
  const last = axes.map((_, i) => others.length + i);
  if (keepdims === 0) return call.emit(op, [turned], { axes: last, keepdims });
  const sizes = shape.slice(1).map((d, i) => axes.includes(i + 1) ? 1 : d as number);
  call.emit("Reshape", [call.between(op, [turned], { axes: last, keepdims: 0 })], { shape: [0, ...sizes] });
}

/** Of any number of values, constants among them. */
function sum(call: Call): void {
  const places = Array.from({ length: call.arity }, (_, i) => i);
  const [first, ...others] = places.filter((i) => !call.isConstant(i)).map(call.activation);
  const values = others.reduce((so, value) => call.between("Add", [so, value]), first);
  const all = places.filter(call.isConstant).reduce(
    (so, i) => addConstant(call, so, call.constant(i)!, call.between),
    values,
  );
  call.emit("Identity", [all]);
}

/** Squares and cubes are products. */
function power(call: Call): void {
  const x = call.activation(0);
  const exponent = required(call, 1, "exponent");
  const n = exponent.data.length === 1 ? Number(exponent.data[0]) : NaN;
  if (n === 1) return call.emit("Identity", [x]);
  if (n === 2) return call.emit("Mul", [x, x]);
  if (n === 3) return call.emit("Mul", [call.between("Mul", [x, x]), x]);
  throw call.fail(`the exponent ${n} isn't supported, expected 1, 2 or 3`);
}

/** x · σ(α · x). */
function swish(call: Call): void {
  const x = call.activation(0);
  call.attrs.only("alpha", 1);
  call.emit("Mul", [x, call.between("Sigmoid", [x])]);
}

function depthToSpace(call: Call): void {
  const mode = call.attrs.text("mode", "DCR");
  call.emit("DepthToSpace", [call.activation(0)], { blocksize: call.attrs.integer("blocksize", 0), mode });
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

/** To the type of another value, which is a kind of float where that is an activation. */
function castLike(call: Call): void {
  call.attrs.ignore("saturate", "round_mode");
  if (call.isConstant(1) && call.constant(1)!.type !== "float") throw call.fail("expected a floating-point type");
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
