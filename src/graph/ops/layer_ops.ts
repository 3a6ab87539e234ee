/** Convolutions and matrix products. */

import { columnConv2d, columnConvShape, conv2d, convShape, convTranspose2d } from "../../tensor/ops/conv.ts";
import { linear, matmul } from "../../tensor/ops/gemm.ts";
import { regionConv2d } from "../../tensor/ops/region_conv.ts";
import { elements } from "../../tensor/tensor.ts";
import {
  type ColumnConvAttrs,
  columnConvAttrs,
  type ConvAttrs,
  convAttrs,
  type ConvTransposeAttrs,
  convTransposeAttrs,
  gemmAttrs,
  nodeError,
  type RegionConvAttrs,
  regionConvAttrs,
} from "../attrs.ts";
import { matmulReference } from "../reference/attention.ts";
import {
  columnConvReference,
  convReference,
  convTransposeReference,
  gemmReference,
  regionConvReference,
} from "../reference/conv.ts";
import { sameShape, sampleSize, shapeText } from "../shapes.ts";
import type { Node, Shape } from "../types.ts";
import { activation, either, NO_ATTRIBUTES, type Op, operator, optional, parameter } from "./op.ts";
import { requireImage, requirePer, slidingWindow } from "./shape_rules.ts";

/** Operators with weights that mix channels. */
export type LayerOpName = "Conv" | "ConvTranspose" | "ColumnConv" | "RegionConv" | "Gemm" | "MatMul";

const LAYER_INPUTS = [activation, parameter("weight"), optional(parameter("bias"))];
const CONV_ATTRIBUTES = ["kernel_shape", "strides", "pads", "dilations", "group"];

export const LAYER_OPS: Readonly<Record<LayerOpName, Op>> = {
  Conv: operator({
    inputs: LAYER_INPUTS,
    attributes: { names: CONV_ATTRIBUTES, read: convAttrs },
    inference: {
      kind: "layer",
      filters: "first",
      layer: (node, x, w) => ({
        kind: "conv",
        conv: convShape({ shape: x }, { shape: w }, convOptions(convAttrs(node))),
      }),
    },
    shape: convRule,
    macs: perFilterMacs,
    reference: convReference,
    execute: ({ tape }, [x, w, b], attrs) => conv2d(tape, x, w, b, convOptions(attrs)),
  }),
  /** Its weight is [C,F/group,KH,KW], that of the convolution which it is the transpose of. */
  ConvTranspose: operator({
    inputs: LAYER_INPUTS,
    attributes: { names: [...CONV_ATTRIBUTES, "output_padding"], read: convTransposeAttrs },
    inference: { kind: "kernel" },
    shape: convTransposeRule,
    /** Each number read is multiplied by all that it reaches. */
    macs: ([x, weight]) => sampleSize(x) * elements(weight.slice(1) as number[]),
    reference: convTransposeReference,
    execute({ tape }, [x, w, b], { outputPadding, ...attrs }) {
      return convTranspose2d(tape, x, w, b, { ...convOptions(attrs), outputPadding });
    },
  }),
  ColumnConv: operator({
    inputs: LAYER_INPUTS,
    attributes: { names: [...CONV_ATTRIBUTES, "taps"], read: columnConvAttrs },
    indices: ["taps"],
    inference: {
      kind: "layer",
      filters: "first",
      layer(node, x, w) {
        const { kernel, taps, ...attrs } = columnConvAttrs(node);
        return {
          kind: "conv",
          conv: columnConvShape({ shape: x }, { shape: w }, { ...convOptions(attrs), kernel, taps }),
        };
      },
    },
    shape: columnConvRule,
    macs: perFilterMacs,
    reference: columnConvReference,
    execute({ tape }, [x, w, b], { kernel, taps, ...attrs }) {
      return columnConv2d(tape, x, w, b, { ...convOptions(attrs), kernel, taps });
    },
  }),
  /**
   * A convolution with a weight [F,C/group,KH,KW] and a bias [F] for each region of its output, of which every row and column
   * says which one it lies in: what merged layers are where values between them were padded with zeros. Its numbers
   * are tables: which of them stand for the same filter, no criterion of pruning knows.
   */
  RegionConv: operator({
    inputs: [activation, parameter("table"), parameter("table")],
    attributes: { names: [...CONV_ATTRIBUTES, "rows", "cols"], read: regionConvAttrs },
    indices: ["rows", "cols"],
    inference: {
      kind: "regions",
      regional(node, x, [, ...weight]) {
        const { rows, cols, ...attrs } = regionConvAttrs(node);
        return { conv: convShape({ shape: x }, { shape: weight }, convOptions(attrs)), rows, cols };
      },
    },
    shape: regionConvRule,
    macs: ([, weight], y) => sampleSize(y) * elements(weight.slice(2) as number[]),
    reference: regionConvReference,
    execute({ tape }, [x, weight, bias], { rows, cols, ...attrs }) {
      return regionConv2d(tape, x, { weight, bias, rows, cols }, convOptions(attrs));
    },
  }),
  Gemm: operator({
    inputs: LAYER_INPUTS,
    attributes: { names: ["transA", "transB", "alpha", "beta"], read: gemmAttrs },
    inference: {
      kind: "layer",
      filters: "first",
      layer: (_, x, [n, k]) => ({ kind: "linear", m: elements(x) / k, n, k, weight: "k" }),
    },
    shape: gemmRule,
    macs: perFilterMacs,
    reference: gemmReference,
    execute: ({ tape }, [x, w, b]) => linear(tape, x, w, b),
  }),
  MatMul: operator({
    inputs: [activation, either("weight")],
    attributes: NO_ATTRIBUTES,
    inference: {
      kind: "layer",
      filters: "last",
      layer: (_, x, [k, n]) => ({ kind: "linear", m: elements(x) / k, n, k, weight: "rows" }),
    },
    shape: matmulRule,
    macs: ([a], y) => sampleSize(y) * (a[a.length - 1] as number),
    reference: matmulReference,
    execute: ({ tape }, [a, b]) => matmul(tape, a, b),
  }),
};

function convOptions({ strides, pads, dilations, group }: ConvAttrs) {
  return { stride: strides, pads, dilation: dilations, groups: group };
}

/** Each output is a sum over a filter. */
function perFilterMacs([, weight]: readonly Shape[], y: Shape): number {
  return sampleSize(y) * elements(weight.slice(1) as number[]);
}

function convRule([x, weight, bias]: readonly Shape[], attrs: ConvAttrs, node: Node): Shape {
  requireImage(node, x);
  if (weight.length !== 4) throw nodeError(node, `weight ${shapeText(weight)} isn't [F,C,KH,KW]`);
  const [filters, perGroup, kh, kw] = weight as number[];
  if (x[1] !== perGroup * attrs.group) {
    throw nodeError(
      node,
      `weight ${shapeText(weight)} expects ${perGroup * attrs.group} input channels, input has ${x[1]}`,
    );
  }
  if (filters % attrs.group !== 0) {
    throw nodeError(node, `${filters} filters can't be split into ${attrs.group} groups`);
  }
  requireStatedKernel(node, [kh, kw]);
  requirePer(node, "bias", bias, filters);
  return [x[0], filters, ...slidingWindow(node, x, [kh, kw], attrs)];
}

function convTransposeRule([x, weight, bias]: readonly Shape[], attrs: ConvTransposeAttrs, node: Node): Shape {
  requireImage(node, x);
  if (weight.length !== 4) throw nodeError(node, `weight ${shapeText(weight)} isn't [C,F,KH,KW]`);
  const [channels, perGroup, kh, kw] = weight as number[];
  if (x[1] !== channels || channels % attrs.group !== 0) {
    throw nodeError(
      node,
      `weight ${shapeText(weight)} of ${attrs.group} groups expects ${channels} input channels, input has ${x[1]}`,
    );
  }
  requireStatedKernel(node, [kh, kw]);
  requirePer(node, "bias", bias, perGroup * attrs.group);
  const sizes = ([0, 1] as const).map((axis) => {
    const reach = attrs.dilations[axis] * ([kh, kw][axis] - 1) + 1;
    const whole = attrs.strides[axis] * ((x[2 + axis] as number) - 1) + reach + attrs.outputPadding[axis];
    return whole - attrs.pads[axis] - attrs.pads[axis + 2];
  });
  if (sizes.some((size) => size < 1)) {
    throw nodeError(node, `pads [${attrs.pads}] leave nothing of what a [${kh},${kw}] kernel makes of ${shapeText(x)}`);
  }
  return [x[0], perGroup * attrs.group, ...sizes];
}

function regionConvRule([x, weight, bias]: readonly Shape[], attrs: RegionConvAttrs, node: Node): Shape {
  if (weight.length !== 5) throw nodeError(node, `weight ${shapeText(weight)} isn't [regions,F,C,KH,KW]`);
  const [regions, ...kernel] = weight;
  const made = convRule([x, kernel], attrs, node);
  const { rows, cols } = attrs;
  if (rows.length !== made[2] || cols.length !== made[3]) {
    throw nodeError(node, `${rows.length} rows and ${cols.length} cols of regions for an output ${shapeText(made)}`);
  }
  const expected = (Math.max(...rows) + 1) * (Math.max(...cols) + 1);
  if (regions !== expected || !sameShape(bias, [expected, made[1]])) {
    throw nodeError(
      node,
      `weight ${shapeText(weight)} and bias ${shapeText(bias)}, expected ${expected} regions of ${made[1]} filters`,
    );
  }
  return made;
}

function requireStatedKernel(node: Node, kernel: readonly number[]): void {
  const stated = node.attrs.kernel_shape as readonly number[] | undefined;
  if (stated && !sameShape(stated, kernel)) {
    throw nodeError(node, `kernel_shape [${stated}] isn't the weight's [${kernel}]`);
  }
}

function columnConvRule([x, weight, bias]: readonly Shape[], attrs: ColumnConvAttrs, node: Node): Shape {
  if (x.length !== 2) requireImage(node, x);
  const columns = (x[1] as number) * attrs.kernel[0] * attrs.kernel[1];
  if (weight.length !== 2 || weight[1] !== attrs.taps.length) {
    throw nodeError(
      node,
      `weight ${shapeText(weight)} isn't [F,${attrs.taps.length}], one column for each kept tap`,
    );
  }
  const last = attrs.taps[attrs.taps.length - 1];
  if (last >= columns) throw nodeError(node, `tap ${last} is outside of the input's ${columns} columns`);
  requirePer(node, "bias", bias, weight[0]);
  if (x.length === 4) return [x[0], weight[0], ...slidingWindow(node, x, attrs.kernel, attrs)];
  if (!sameShape(attrs.kernel, [1, 1])) {
    throw nodeError(node, `kernel [${attrs.kernel}] on an input of rank 2, expected [1,1]`);
  }
  return [x[0], weight[0]];
}

function gemmRule([x, weight, bias]: readonly Shape[], _: void, node: Node): Shape {
  if (x.length !== 2) throw nodeError(node, `input ${shapeText(x)} isn't [N,K]: put a Flatten before it`);
  if (weight.length !== 2) throw nodeError(node, `weight ${shapeText(weight)} isn't [F,K]`);
  if (weight[1] !== x[1]) {
    throw nodeError(node, `weight ${shapeText(weight)} expects ${weight[1]} inputs, input has ${x[1]}`);
  }
  requirePer(node, "bias", bias, weight[0]);
  return [x[0], weight[0]];
}

/** a […,M,K] times b […,K,N] of the same leading dimensions, the batch first among them; or b [K,N], which all share. */
function matmulRule([a, b]: readonly Shape[], _: undefined, node: Node): Shape {
  const shared = b.length === 2 && b[0] !== "N";
  const matrices = a.length >= 3 && a.length === b.length && sameShape(a.slice(0, -2), b.slice(0, -2));
  if (a.length < 2 || (!shared && !matrices) || a[a.length - 1] !== b[b.length - 2]) {
    throw nodeError(node, `can't multiply ${shapeText(a)} by ${shapeText(b)}`);
  }
  return [...a.slice(0, -1), b[b.length - 1]];
}
