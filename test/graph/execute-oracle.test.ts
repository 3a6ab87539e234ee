import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Builder } from "../../src/graph/build.ts";
import type { Op } from "../../src/graph/ops/op.ts";
import { OPS } from "../../src/graph/ops/ops.ts";
import type { OpName } from "../../src/graph/types.ts";
import { fill } from "../../src/tensor/ops/inplace.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { testGpu } from "../gpu.ts";
import { caseModel, checkMidGraph, type GraphCase } from "../oracle/mid_graph.ts";

const test = suite("execute: every operator mid-graph against float64");

type Build = GraphCase["build"];
type Cases = Readonly<Record<string, readonly [shape: readonly number[], build: Build]>>;

const unary = (build: (b: Builder, x: string) => string): Build => (b, branch) => build(b, branch());
const conv = (options: Partial<Parameters<Builder["conv"]>[1]>): Build =>
  unary((b, x) => b.conv(x, { name: "w", out: 3, kernel: 3, ...options }));
const columns = (options: Partial<Parameters<Builder["columnConv"]>[1]>): Build =>
  unary((b, x) => b.columnConv(x, { name: "w", out: 3, kernel: 3, taps: [0, 5, 7, 10, 17], ...options }));
const transposed = (
  { kernel, bias = true, out = 3, ...attrs }: {
    readonly kernel: readonly [number, number];
    readonly bias?: boolean;
    /** Of each group. */
    readonly out?: number;
    readonly strides?: readonly number[];
    readonly pads?: readonly number[];
    readonly dilations?: readonly number[];
    readonly output_padding?: readonly number[];
    readonly group?: number;
  },
): Build =>
  unary((b, x) => {
    const weight = b.param("w.weight", [b.channels(x), out, ...kernel], "weight");
    const shift = bias ? [b.param("w.bias", [out * (attrs.group ?? 1)], "bias")] : [];
    return b.node("ConvTranspose", [x, weight, ...shift], attrs, "w");
  });
const byRegion = (
  { rows, cols, kernel, out = 3, group = 1, ...attrs }: {
    readonly rows: readonly number[];
    readonly cols: readonly number[];
    readonly kernel: readonly [number, number];
    readonly out?: number;
    readonly group?: number;
    readonly strides?: readonly number[];
    readonly pads?: readonly number[];
    readonly dilations?: readonly number[];
  },
): Build =>
  unary((b, x) => {
    const regions = (Math.max(...rows) + 1) * (Math.max(...cols) + 1);
    const weight = b.param("w.weight", [regions, out, b.channels(x) / group, ...kernel], "table");
    const bias = b.param("w.bias", [regions, out], "table");
    return b.node("RegionConv", [x, weight, bias], { ...attrs, group, rows, cols }, "w");
  });
const pooled = (op: "maxPool" | "averagePool", options: Parameters<Builder["averagePool"]>[1]): Build =>
  unary((b, x) => b[op](x, options));
const sliced = (options: Parameters<Builder["slice"]>[1]): Build => unary((b, x) => b.slice(x, options));

/** Spread beyond the kinks of the activations that saturate. */
const wide = (b: Builder, x: string) => b.add(b.add(x, x), b.add(x, x));

/** Keyed by operator, so that one without a case doesn't compile; the first test asks the same at run time. */
const CASES: Readonly<Record<OpName, Cases>> = {
  Conv: {
    "3×3, padded": [[2, 3, 7, 5], conv({ out: 5, pad: 1 })],
    "3×2, strides and pads uneven, dilated": [
      [3, 2, 9, 8],
      conv({ kernel: [3, 2], stride: [2, 1], pad: [1, 0, 2, 1], dilation: [2, 3], bias: false }),
    ],
    "two groups": [[2, 4, 5, 5], conv({ out: 6, pad: 1, group: 2 })],
    "depthwise": [[2, 5, 7, 7], conv({ out: 5, pad: 1, group: 5 })],
    "depthwise, twice the filters, stride 2": [[1, 3, 7, 6], conv({ out: 6, pad: 1, group: 3, stride: 2 })],
    "depthwise, 7×7": [[2, 3, 9, 7], conv({ out: 3, kernel: 7, pad: 3, group: 3 })],
    "depthwise, dilated, stride 2": [
      [2, 4, 11, 9],
      conv({ out: 4, pad: 2, dilation: 2, stride: 2, group: 4, bias: false }),
    ],
    "three groups, dilated": [[2, 6, 7, 9], conv({ out: 9, pad: [2, 1, 0, 2], dilation: [2, 1], group: 3 })],
    "1×1, two groups, stride 2": [[2, 4, 5, 7], conv({ out: 6, kernel: 1, stride: 2, group: 2 })],
    "1×1, stride 2": [[3, 5, 5, 7], conv({ out: 7, kernel: 1, stride: 2, bias: false })],
    "1×1 maps": [[2, 3, 1, 1], conv({ pad: 1 })],
    "5×5 on 13 columns, one sample": [[1, 1, 6, 13], conv({ out: 4, kernel: 5, pad: 2 })],
    "29 columns": [[1, 2, 3, 29], conv({ pad: 1 })],
    "two readers": [
      [2, 3, 4, 4],
      unary((b, x) => {
        const y = b.conv(x, { name: "w", out: 3, kernel: 3, pad: 1 });
        return b.add(b.tanh(y), b.mul(y, x));
      }),
    ],
  },
  ConvTranspose: {
    "2×2, stride 2": [[2, 3, 4, 5], transposed({ kernel: [2, 2], strides: [2, 2] })],
    "4×4, stride 2, padded": [[2, 2, 5, 3], transposed({ kernel: [4, 4], strides: [2, 2], pads: [1, 1, 1, 1] })],
    "3×2, uneven strides and pads, output padding": [
      [3, 2, 4, 5],
      transposed({ kernel: [3, 2], strides: [2, 3], pads: [1, 0, 0, 1], output_padding: [1, 2], bias: false }),
    ],
    "3×3, dilated": [[2, 3, 5, 4], transposed({ kernel: [3, 3], dilations: [2, 1], pads: [1, 1, 2, 0] })],
    "a kernel smaller than the stride": [[2, 3, 3, 4], transposed({ kernel: [1, 2], strides: [2, 3] })],
    "two groups": [[2, 4, 3, 5], transposed({ kernel: [3, 3], strides: [2, 2], group: 2, pads: [1, 1, 1, 1] })],
    "a group to a channel": [[2, 5, 4, 3], transposed({ kernel: [4, 4], strides: [2, 2], group: 5, out: 1 })],
    "1×1 maps, 29 columns": [[1, 2, 1, 29], transposed({ kernel: [1, 3], pads: [0, 1, 0, 1] })],
  },
  ColumnConv: {
    "padded": [[2, 2, 6, 5], columns({ pad: 1 })],
    "strides, dilation": [[2, 2, 7, 9], columns({ stride: [2, 1], dilation: [1, 2], pad: [2, 1, 0, 2], bias: false })],
    "one tap": [[2, 2, 5, 5], columns({ taps: [13] })],
    "rank 2": [[3, 7], columns({ kernel: 1, taps: [1, 2, 6] })],
  },
  RegionConv: {
    "3×3, a border of one pixel": [
      [2, 3, 5, 4],
      byRegion({ rows: [1, 0, 0, 0, 2], cols: [1, 0, 0, 2], kernel: [3, 3], pads: [1, 1, 1, 1] }),
    ],
    "two groups, uneven strides and pads, dilated": [
      [2, 4, 9, 8],
      byRegion({
        rows: [1, 0, 0, 0, 0],
        cols: [0, 0, 0, 0, 1, 2],
        kernel: [3, 2],
        out: 6,
        group: 2,
        strides: [2, 1],
        pads: [1, 0, 3, 1],
        dilations: [2, 3],
      }),
    ],
    "depthwise, one region along columns": [
      [3, 3, 4, 5],
      byRegion({ rows: [0, 0, 1, 1], cols: [0, 0, 0, 0, 0], kernel: [3, 3], group: 3, pads: [1, 1, 1, 1] }),
    ],
    "one region": [[2, 2, 3, 3], byRegion({ rows: [0], cols: [0], kernel: [3, 3] })],
    "1×1 maps, all of them at the border": [
      [2, 3, 1, 1],
      byRegion({ rows: [1], cols: [0], kernel: [3, 3], pads: [1, 1, 1, 1] }),
    ],
  },
  Gemm: {
    "7 to 5": [[3, 7], unary((b, x) => b.gemm(x, { name: "w", out: 5 }))],
    "29 to 13, no bias": [[5, 29], unary((b, x) => b.gemm(x, { name: "w", out: 13, bias: false }))],
    "1 to 1, one sample": [[1, 1], unary((b, x) => b.gemm(x, { name: "w", out: 1 }))],
  },
  MatMul: {
    "by a matrix that all samples share": [
      [3, 5, 7],
      unary((b, x) => b.matmul(x, b.param("w", [7, 13], "weight"))),
    ],
    "rank 2": [[5, 3], unary((b, x) => b.matmul(x, b.param("w", [3, 4], "weight")))],
    "each with its own": [[2, 3, 5, 7], (b, branch) => b.matmul(branch(), b.transpose(branch(), [0, 1, 3, 2]))],
    "with itself": [[2, 3, 3], unary((b, x) => b.matmul(x, x))],
  },
  LayerNormalization: {
    "tokens": [[2, 5, 13], unary((b, x) => b.layerNorm(b.tanh(x), { name: "ln" }))],
    "heads": [[2, 3, 5, 8], unary((b, x) => b.layerNorm(b.tanh(x), { name: "ln", epsilon: 1e-3 }))],
    "rank 2": [[7, 6], unary((b, x) => b.layerNorm(x, { name: "ln" }))],
    "no bias": [[3, 5, 6], unary((b, x) => b.layerNorm(b.tanh(x), { name: "ln", bias: false }))],
  },
  GroupNormalization: {
    "maps": [[2, 6, 5, 7], unary((b, x) => b.groupNorm(x, { name: "gn", groups: 3 }))],
    "one group": [[3, 4, 4, 4], unary((b, x) => b.groupNorm(x, { name: "gn", groups: 1, epsilon: 1e-3 }))],
    "a group to a channel": [[2, 3, 5, 5], unary((b, x) => b.groupNorm(b.tanh(x), { name: "gn", groups: 3 }))],
    "tokens": [[2, 6, 13], unary((b, x) => b.groupNorm(x, { name: "gn", groups: 2 }))],
  },
  BatchNormalization: {
    "maps": [[3, 3, 5, 7], unary((b, x) => b.batchNorm(b.tanh(x), { name: "bn" }))],
    "rank 2": [[7, 5], unary((b, x) => b.batchNorm(b.tanh(x), { name: "bn", epsilon: 1e-3 }))],
    "then relu, then relu6": [
      [3, 4, 5, 5],
      unary((b, x) => {
        const y = b.relu(b.batchNorm(b.tanh(x), { name: "first" }));
        return b.relu6(b.batchNorm(y, { name: "second" }));
      }),
    ],
    "two in a row": [
      [2, 4, 3, 3],
      unary((b, x) => b.batchNorm(b.tanh(b.batchNorm(b.sigmoid(x), { name: "a" })), { name: "b" })),
    ],
  },
  Relu: {
    "maps": [[2, 3, 5, 5], unary((b, x) => b.relu(x))],
    "rank 2": [[3, 7], unary((b, x) => b.relu(x))],
  },
  LeakyRelu: {
    "default slope": [[2, 3, 5, 5], unary((b, x) => b.leakyRelu(x))],
    "falling, rank 2": [[3, 7], unary((b, x) => b.leakyRelu(x, -0.3))],
  },
  Clip: {
    "to [0, 6]": [[2, 3, 5, 5], unary((b, x) => b.relu6(wide(b, x)))],
    "on one side": [[2, 3, 3, 5], unary((b, x) => b.node("Clip", [x], { max: 0.5 }))],
    "to [-0.5, 1]": [[3, 7], unary((b, x) => b.node("Clip", [x], { min: -0.5, max: 1 }))],
  },
  Gelu: {
    "exact": [[2, 3, 5, 5], unary((b, x) => b.gelu(x))],
    "by tanh": [[2, 3, 5, 5], unary((b, x) => b.gelu(x, "tanh"))],
  },
  Sigmoid: { "maps": [[2, 3, 5, 5], unary((b, x) => b.sigmoid(x))] },
  Tanh: { "maps": [[2, 3, 5, 5], unary((b, x) => b.tanh(x))] },
  HardSigmoid: {
    "of MobileNetV3": [[2, 3, 5, 5], unary((b, x) => b.hardSigmoid(wide(b, x), { alpha: 1 / 6, beta: 0.5 }))],
    "ONNX's default, rank 2": [[3, 7], unary((b, x) => b.node("HardSigmoid", [wide(b, x)]))],
  },
  HardSwish: { "maps": [[2, 3, 5, 5], unary((b, x) => b.hardSwish(wide(b, x)))] },
  Elu: {
    "default alpha": [[2, 3, 5, 5], unary((b, x) => b.node("Elu", [wide(b, x)]))],
    "another alpha, rank 2": [[3, 7], unary((b, x) => b.node("Elu", [x], { alpha: 0.3 }))],
  },
  // Apart from 0, where there is no slope.
  Abs: { "maps": [[2, 3, 5, 5], unary((b, x) => b.node("Abs", [b.node("Clip", [x], { min: 0.01 })]))] },
  Softplus: { "maps": [[2, 3, 5, 5], unary((b, x) => b.node("Softplus", [wide(b, x)]))] },
  Mish: {
    "maps": [[2, 3, 5, 5], unary((b, x) => b.node("Mish", [wide(b, x)]))],
    "rank 2": [[3, 7], unary((b, x) => b.node("Mish", [x]))],
  },
  Softmax: {
    "rank 2": [[3, 7], unary((b, x) => b.softmax(x))],
    "heads": [[2, 3, 5, 4], unary((b, x) => b.softmax(x))],
  },
  PRelu: {
    "maps": [[2, 3, 5, 5], unary((b, x) => b.prelu(b.tanh(b.sub(x, b.sigmoid(x))), { name: "slope" }))],
    "rank 2": [[3, 7], unary((b, x) => b.prelu(x, { name: "slope" }))],
  },
  Add: { ...meeting("add") },
  Sub: { ...meeting("sub") },
  Mul: { ...meeting("mul") },
  Div: { ...meeting("div") },
  Mix: { "maps": [[2, 3, 5, 3], unary((b, x) => b.node("Mix", [b.tanh(x), b.sigmoid(x)]))] },
  MaxPool: {
    "2×2": [[2, 3, 6, 8], pooled("maxPool", { kernel: 2 })],
    "2×2, odd maps": [[2, 3, 7, 5], pooled("maxPool", { kernel: 2 })],
    "3×2, overlapping, padded": [
      [2, 2, 7, 7],
      pooled("maxPool", { kernel: [3, 2], stride: [2, 1], pad: [1, 0, 2, 1] }),
    ],
  },
  AveragePool: {
    "2×2": [[2, 3, 6, 8], pooled("averagePool", { kernel: 2 })],
    "3×3, padded, of what is inside": [[2, 2, 7, 5], pooled("averagePool", { kernel: 3, stride: 2, pad: 1 })],
    "3×2, padded, of the window": [
      [2, 2, 5, 7],
      pooled("averagePool", { kernel: [3, 2], stride: 1, pad: [1, 1, 1, 0], countIncludePad: true }),
    ],
  },
  GlobalAveragePool: {
    "odd maps": [[2, 3, 5, 7], unary((b, x) => b.globalAveragePool(x))],
    "1×1 maps": [[3, 5, 1, 1], unary((b, x) => b.globalAveragePool(x))],
  },
  ReduceMean: {
    "tokens": [[2, 5, 8], unary((b, x) => b.mean(b.tanh(x), [1]))],
    "pixels, channels last, kept": [[2, 3, 5, 4], unary((b, x) => b.mean(x, [1, 2], { keepdims: true }))],
    "the last axis": [[3, 4, 7], unary((b, x) => b.sub(x, b.mean(x, [2], { keepdims: true })))],
  },
  ReduceSum: {
    "pixels, kept": [[2, 3, 5, 4], unary((b, x) => b.node("ReduceSum", [b.tanh(x)], { axes: [2, 3] }))],
    "tokens, dropped": [[2, 5, 8], unary((b, x) => b.node("ReduceSum", [b.tanh(x)], { axes: [1], keepdims: 0 }))],
    "channels": [[2, 3, 4, 3], unary((b, x) => b.sub(x, b.node("ReduceSum", [x], { axes: [1] })))],
  },
  ReduceMax: {
    "pixels": [[2, 3, 5, 4], unary((b, x) => b.node("ReduceMax", [b.tanh(x)], { axes: [2, 3] }))],
    "tokens, dropped": [[2, 5, 8], unary((b, x) => b.node("ReduceMax", [x], { axes: [1], keepdims: 0 }))],
    "the last axis": [[3, 4, 7], unary((b, x) => b.sub(x, b.node("ReduceMax", [x], { axes: [2] })))],
  },
  Resize: {
    "twice": [[2, 3, 4, 5], unary((b, x) => b.resize(b.tanh(x), 2))],
    "3×1": [[1, 2, 3, 3], unary((b, x) => b.resize(x, [3, 1]))],
    "linear, larger": [
      [2, 3, 4, 5],
      unary((b, x) => b.node("Resize", [b.tanh(x)], { mode: "linear", scales: [2, 1.5] })),
    ],
    "linear, smaller": [[1, 2, 7, 6], unary((b, x) => b.node("Resize", [x], { mode: "linear", sizes: [3, 4] }))],
    "linear by corners": [
      [2, 2, 3, 5],
      unary((b, x) =>
        b.node("Resize", [x], { mode: "linear", coordinate_transformation_mode: "align_corners", sizes: [7, 2] })
      ),
    ],
  },
  DepthToSpace: {
    "twice, pixel before channel": [[2, 8, 3, 5], unary((b, x) => b.node("DepthToSpace", [x], { blocksize: 2 }))],
    "thrice, channel before pixel": [
      [1, 18, 2, 3],
      unary((b, x) => b.tanh(b.node("DepthToSpace", [x], { blocksize: 3, mode: "CRD" }))),
    ],
  },
  Flatten: { "maps": [[2, 3, 5, 3], unary((b, x) => b.tanh(b.flatten(x)))] },
  Reshape: {
    "to rank 2": [[2, 3, 5, 2], unary((b, x) => b.reshape(x, [-1]))],
    "to other maps, read twice": [
      [2, 3, 4, 5],
      unary((b, x) => b.add(b.reshape(x, [6, 2, 5]), b.reshape(b.tanh(x), [6, 2, 5]))),
    ],
  },
  Transpose: {
    "tokens": [[2, 5, 3], unary((b, x) => b.transpose(x, [0, 2, 1]))],
    "a turn of three axes": [[2, 3, 5, 4], unary((b, x) => b.transpose(b.tanh(x), [0, 2, 3, 1]))],
    "heads out of tokens": [
      [2, 5, 18],
      unary((b, x) => b.transpose(b.reshape(x, [5, 3, 2, 3]), [0, 3, 1, 2, 4])),
    ],
  },
  Concat: {
    "two": [[2, 3, 5, 3], (b, branch) => b.concat([branch(), b.tanh(branch())])],
    "three, one of them twice": [[3, 2, 3, 3], (b, branch) => {
      const x = branch();
      return b.concat([x, branch(), x]);
    }],
    "rank 2": [[3, 5], (b, branch) => b.concat([branch(), branch()])],
    "a parameter that stands in every sample": [
      [3, 4, 5],
      (b, branch) => b.concat([b.param("token", [1, 2, 5], "table"), branch()]),
    ],
    "one sample and a parameter": [
      [1, 4, 5],
      (b, branch) => b.concat([branch(), b.param("token", [1, 1, 5], "table")]),
    ],
  },
  Slice: {
    "channels": [[2, 7, 3, 5], sliced({ axes: [1], starts: [1], ends: [6], steps: [2] })],
    "every second pixel": [[2, 3, 7, 5], sliced({ axes: [2, 3], starts: [0, 1], ends: [7, 5], steps: [2, 2] })],
    "a third of heads": [
      [2, 5, 12],
      unary((b, x) => b.slice(b.reshape(x, [5, 3, 2, 2]), { axes: [2], starts: [1], ends: [2] })),
    ],
    "from the end, rank 2": [[3, 11], sliced({ axes: [-1], starts: [-7], ends: [-2] })],
  },
  Pad: {
    "channels": [[2, 3, 3, 5], unary((b, x) => b.pad(x, [0, 2, 0, 0], [0, 1, 0, 0]))],
    "maps": [[2, 2, 3, 5], unary((b, x) => b.pad(x, [0, 0, 1, 0], [0, 0, 2, 3]))],
    "rank 2": [[3, 5], unary((b, x) => b.pad(x, [0, 1], [0, 3]))],
    "tokens": [[2, 3, 4], unary((b, x) => b.pad(x, [0, 1, 0], [0, 0, 0]))],
  },
  Gather: {
    "some twice, some never": [[2, 5, 3, 5], unary((b, x) => b.gather(x, [4, 0, 4, 2, 4, 0]))],
    "rank 2": [[3, 7], unary((b, x) => b.gather(x, [6, 1, 1]))],
  },
  Dropout: {
    "half": [[2, 3, 5, 7], unary((b, x) => b.dropout(x, 0.5))],
    "a tenth, rank 2": [[5, 13], unary((b, x) => b.dropout(x, 0.1, "other"))],
    "none": [[3, 5], unary((b, x) => b.dropout(x, 0))],
  },
  Identity: { "maps": [[2, 3, 5, 3], unary((b, x) => b.identity(x))] },
  BorderBias: {
    "3×3 regions": [
      [2, 3, 5, 4],
      unary((b, x) => b.borderBias(x, { name: "border", rows: [0, 1, 1, 1, 2], cols: [0, 1, 1, 2] })),
    ],
    "2×1 regions, out of order": [
      [3, 2, 3, 5],
      unary((b, x) => b.borderBias(x, { name: "border", rows: [1, 0, 1], cols: [0, 0, 0, 0, 0] })),
    ],
  },
  Attention: {
    "tokens": [[2, 5, 7], (b, branch) => b.attention(branch(), branch(), branch())],
    "heads, scaled": [[2, 3, 6, 4], (b, branch) => b.attention(branch(), b.tanh(branch()), branch(), { scale: 0.8 })],
    "over fewer tokens": [[2, 9, 5], (b, branch) => {
      const few = b.slice(branch(), { axes: [1], starts: [2], ends: [9], steps: [3] });
      return b.attention(branch(), few, b.tanh(few));
    }],
  },
};

/** The ways in which two values meet. Divisors stay away from 0. */
function meeting(op: "add" | "sub" | "mul" | "div"): Cases {
  const apart = (b: Builder, x: string) => op === "div" ? b.add(b.sigmoid(x), b.sigmoid(x)) : x;
  const meet = (b: Builder, x: string, y: string) => b[op](x, apart(b, y));
  const gate = (rank: 2 | 4): Build => (b, branch) => {
    const pooled = b.globalAveragePool(branch());
    return meet(b, branch(), rank === 4 ? pooled : b.flatten(pooled));
  };
  const param = (shape: (x: readonly number[]) => number[]): Build => (b, branch) => {
    const x = branch();
    return meet(b, b.param("p", shape(b.shape(x) as number[]), "table"), x);
  };
  return {
    "same": [[2, 3, 5, 3], (b, branch) => meet(b, branch(), b.tanh(branch()))],
    "with itself": [[2, 3, 5, 3], unary((b, x) => b[op](apart(b, x), apart(b, x)))],
    "a gate [N,C,1,1]": [[2, 3, 5, 3], gate(4)],
    "a gate [N,C]": [[2, 3, 5, 3], gate(2)],
    "a gate on one channel": [[3, 1, 4, 3], gate(4)],
    "a gate first": [[2, 3, 5, 3], (b, branch) => meet(b, b.globalAveragePool(branch()), branch())],
    "[N,C] and 1×1 maps": [[3, 5, 1, 1], (b, branch) =>
      b.conv(meet(b, b.flatten(branch()), branch()), {
        name: "w",
        out: 3,
        kernel: 1,
      })],
    "a parameter [C], rank 2": [[4, 7], param(([, c]) => [c])],
    "a parameter [C,1,1]": [[2, 3, 5, 3], param(([, c]) => [c, 1, 1])],
    "a parameter [1,C,1,1], one sample of 1×1 maps": [[1, 3, 1, 1], param(([, c]) => [1, c, 1, 1])],
    "a parameter per place of tokens": [[2, 5, 4], param(([, t, d]) => [1, t, d])],
    "a parameter along the last axis": [[2, 3, 5, 4], param(([, , , d]) => [1, 1, 1, d])],
    "a map that all channels share": [[2, 3, 5, 4], (b, branch) => {
      const one = b.conv(branch(), { name: "w", out: 1, kernel: 1 });
      return meet(b, branch(), one);
    }],
    "a token that all share, one sample": [[1, 7, 5], (b, branch) => {
      const first = b.slice(branch(), { axes: [1], starts: [2], ends: [3] });
      return meet(b, first, branch());
    }],
  };
}

const all: readonly GraphCase[] = Object.entries(CASES).flatMap(([op, cases]) =>
  Object.entries(cases).map(([name, [shape, build]]) => ({ op: op as OpName, name, shape, build }))
);

test("every operator has a case", () => {
  for (const op of Object.keys(OPS)) {
    const cases = all.filter((item) => item.op === op);
    assert.ok(cases.length > 0, `${op} has no case`);
    for (const item of cases) {
      assert.ok(caseModel(item).graph.nodes.some((node) => node.op === op), `${op} "${item.name}" holds no ${op}`);
    }
  }
});

for (const op of Object.keys(CASES) as OpName[]) {
  test(`${op}: values and gradients, in training and evaluation`, async () => {
    const gpu = await testGpu();
    for (const item of all.filter((item) => item.op === op)) {
      await checkMidGraph(item, "train");
      // Constant tables stay on the device after the first time.
      const live = gpu.stats().liveBuffers;
      await checkMidGraph(item, "eval");
      assert.is(gpu.stats().liveBuffers, live, `${item.op} ${item.name}: every buffer is given back`);
    }
  });
}

test("an operator that ignores the gradient from above is caught, whichever it is", async () => {
  for (const item of Object.keys(CASES).map((op) => all.find((item) => item.op === op)!)) {
    // Identity has no backward function to spoil.
    if (item.op === "Identity") continue;
    const restore = ignoreUpstream(item.op);
    try {
      await checkMidGraph(item, "train");
    } catch {
      continue;
    } finally {
      restore();
    }
    assert.unreachable(`${item.op} "${item.name}" passed though it ignored its gradient`);
  }
});

/** Makes every execution of `op` take its output's gradient for ones. Returns what undoes it. */
function ignoreUpstream(op: OpName): () => void {
  const table: Record<OpName, Op> = OPS;
  const honest = table[op];
  const execute: Op["execute"] = (context, node, inputs) => {
    const { tape } = context;
    tape.record = (read, output, backward) =>
      Tape.prototype.record.call(tape, read, output, (dy) => {
        fill(tape.gpu, dy, 1);
        backward(dy);
      });
    try {
      return honest.execute(context, node, inputs);
    } finally {
      Reflect.deleteProperty(tape, "record");
    }
  };
  table[op] = { ...honest, execute };
  return () => table[op] = honest;
}

test.run();
