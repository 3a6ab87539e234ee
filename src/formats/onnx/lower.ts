/** Each operator of a graph as standard ONNX operators. */
import {
  attentionAttrs,
  batchNormAttrs,
  borderBiasAttrs,
  clipAttrs,
  columnConvAttrs,
  convAttrs,
  convTransposeAttrs,
  depthToSpaceAttrs,
  dropoutAttrs,
  gatherAttrs,
  geluAttrs,
  groupNormAttrs,
  layerNormAttrs,
  padAttrs,
  poolAttrs,
  reductionAttrs,
  regionConvAttrs,
  reshapeAttrs,
  sliceAttrs,
  transposeAttrs,
} from "../../graph/attrs.ts";
import { broadcastOf } from "../../graph/broadcast.ts";
import type { HostTensor, Node, OpName, Shape } from "../../graph/types.ts";
import { ACTIVATION_LOWERINGS } from "./activations.ts";
import { floatAttribute, integerAttribute, integersAttribute, textAttribute } from "./attributes.ts";
import { lowerResize } from "./resize.ts";
import type { OnnxAttribute } from "./types.ts";

/** One node to be lowered, and how its lowering adds ONNX nodes and constants. */
export interface Lowering {
  readonly node: Node;
  /** Of an activation or a parameter. */
  shape(value: string): Shape;
  /** Undefined for an activation. */
  parameter(value: string): HostTensor | undefined;
  /** A parameter in the form that ONNX wants; it keeps its name unless other nodes read it too. */
  reformed(value: string, tensor: HostTensor): string;
  /** A constant list of int64; its name. */
  integers(kind: string, values: readonly number[]): string;
  /** A constant list of float32; its name. */
  numbers(kind: string, values: readonly number[]): string;
  /** A constant of float32 in this shape; its name. */
  tensor(kind: string, tensor: HostTensor): string;
  /** A constant float32; its name. */
  number(kind: string, value: number): string;
  /** A node between others; the name of what it makes. */
  between(op: string, inputs: readonly string[], attributes?: readonly OnnxAttribute[]): string;
  /** The node that makes what the graph's node makes. */
  emit(op: string, inputs: readonly string[], attributes?: readonly OnnxAttribute[]): void;
  /** The operator exists, in this form, since that opset. */
  requireOpset(version: number): void;
}

export const lowerings: Readonly<Record<OpName, (lowering: Lowering) => void>> = {
  Conv({ node, shape, emit }) {
    const [, , ...kernel] = shape(node.inputs[1]) as number[];
    emit("Conv", node.inputs, convAttributes(node, kernel));
  },
  ConvTranspose({ node, shape, emit }) {
    const [, , ...kernel] = shape(node.inputs[1]) as number[];
    emit("ConvTranspose", node.inputs, [
      ...convAttributes(node, kernel),
      integersAttribute("output_padding", convTransposeAttrs(node).outputPadding),
    ]);
  },
  Gemm: ({ node, emit }) => emit("Gemm", node.inputs, [integerAttribute("transB", 1)]),
  MatMul: same,
  BatchNormalization({ node, emit }) {
    const { epsilon, momentum } = batchNormAttrs(node);
    emit("BatchNormalization", node.inputs, [floatAttribute("epsilon", epsilon), floatAttribute("momentum", momentum)]);
  },
  LayerNormalization({ node, emit }) {
    emit("LayerNormalization", node.inputs, [
      integerAttribute("axis", -1),
      floatAttribute("epsilon", layerNormAttrs(node).epsilon),
    ]);
  },
  GroupNormalization({ node, emit, requireOpset }) {
    const { epsilon, groups } = groupNormAttrs(node);
    requireOpset(21);
    emit("GroupNormalization", node.inputs, [
      floatAttribute("epsilon", epsilon),
      integerAttribute("num_groups", groups),
    ]);
  },
  ...ACTIVATION_LOWERINGS,
  Clip({ node, number, emit }) {
    const { min, max } = clipAttrs(node);
    const bound = (kind: string, value: number) => Number.isFinite(value) ? number(kind, value) : "";
    emit("Clip", [node.inputs[0], bound("min", min), bound("max", max)]);
  },
  Gelu({ node, emit, requireOpset }) {
    requireOpset(20);
    emit("Gelu", node.inputs, [textAttribute("approximate", geluAttrs(node).approximate)]);
  },
  Softmax: ({ node, emit }) => emit("Softmax", node.inputs, [integerAttribute("axis", -1)]),
  PRelu({ node, shape, parameter, reformed, emit }) {
    const [x, slope] = node.inputs;
    const [, channels, ...pixels] = shape(x) as number[];
    const { data } = parameter(slope)!;
    emit("PRelu", [x, reformed(slope, { shape: [channels, ...pixels.map(() => 1)], data })]);
  },
  Add: broadcast,
  Sub: broadcast,
  Mul: broadcast,
  Div: broadcast,
  MaxPool: ({ node, emit }) => emit("MaxPool", node.inputs, poolAttributes(node)),
  AveragePool({ node, emit }) {
    const counted = integerAttribute("count_include_pad", poolAttrs(node).countIncludePad ? 1 : 0);
    emit("AveragePool", node.inputs, [...poolAttributes(node), counted]);
  },
  GlobalAveragePool: same,
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  Resize: lowerResize,
  DepthToSpace({ node, emit }) {
    const { block, mode } = depthToSpaceAttrs(node);
    emit("DepthToSpace", node.inputs, [integerAttribute("blocksize", block), textAttribute("mode", mode)]);
  },
  Flatten: ({ node, emit }) => emit("Flatten", node.inputs, [integerAttribute("axis", 1)]),
  Reshape({ node, integers, emit }) {
    const [, ...rest] = reshapeAttrs(node).shape;
    emit("Reshape", [node.inputs[0], integers("shape", [0, ...rest])]);
  },
  Transpose({ node, shape, emit }) {
    emit("Transpose", node.inputs, [
      integersAttribute("perm", transposeAttrs(node, shape(node.inputs[0]).length).perm),
    ]);
  },
  Concat: concat,
  Slice({ node, shape, integers, emit }) {
    const kept = sliceAttrs(node, shape(node.inputs[0])).flatMap((range, axis) => range ? [{ axis, ...range }] : []);
    emit("Slice", [
      node.inputs[0],
      integers("starts", kept.map(({ start }) => start)),
      integers("ends", kept.map(({ start, step, count }) => start + (count - 1) * step + 1)),
      integers("axes", kept.map(({ axis }) => axis)),
      integers("steps", kept.map(({ step }) => step)),
    ]);
  },
  Pad({ node, shape, integers, emit }) {
    const { begins, ends } = padAttrs(node, shape(node.inputs[0]).length);
    emit("Pad", [node.inputs[0], integers("pads", [...begins, ...ends])]);
  },
  Gather({ node, integers, emit }) {
    emit("Gather", [node.inputs[0], integers("indices", gatherAttrs(node).indices)], [integerAttribute("axis", 1)]);
  },
  Dropout({ node, number, emit }) {
    emit("Dropout", [node.inputs[0], number("ratio", dropoutAttrs(node).ratio)]);
  },
  Identity: same,
  ColumnConv: columnConv,
  RegionConv: regionConv,
  /** Outside training it is its second input. */
  Mix: ({ node, emit }) => emit("Identity", [node.inputs[1]]),
  BorderBias({ node, integers, between, emit }) {
    const { rows, cols } = borderBiasAttrs(node);
    const [x, table] = node.inputs;
    const byRow = between("Gather", [table, integers("rows", rows)], [integerAttribute("axis", 1)]);
    emit("Add", [x, between("Gather", [byRow, integers("cols", cols)], [integerAttribute("axis", 2)])]);
  },
  /** softmax(scale · q·kᵀ)·v. */
  Attention({ node, shape, number, between, emit }) {
    const [q, k, v] = node.inputs;
    const rank = shape(q).length;
    const { scale } = attentionAttrs(node, shape(q)[rank - 1] as number);
    const perm = Array.from({ length: rank }, (_, axis) => axis);
    [perm[rank - 1], perm[rank - 2]] = [rank - 2, rank - 1];
    const scores = between("MatMul", [q, between("Transpose", [k], [integersAttribute("perm", perm)])]);
    const scaled = between("Mul", [scores, number("factor", scale)]);
    emit("MatMul", [between("Softmax", [scaled], [integerAttribute("axis", -1)]), v]);
  },
};

function same({ node, emit }: Lowering): void {
  emit(node.op, node.inputs);
}

/** Axes are an input since opset 18. */
function reduction({ node, shape, integers, emit, requireOpset }: Lowering): void {
  const { axes, keepdims } = reductionAttrs(node, shape(node.inputs[0]).length);
  requireOpset(18);
  emit(node.op, [node.inputs[0], integers("axes", axes)], [integerAttribute("keepdims", keepdims === "keep" ? 1 : 0)]);
}

/** ONNX aligns axes at the end: what stands per channel, or per sample and channel, gets the axes of the pixels. */
function broadcast({ node, shape, parameter, reformed, integers, between, emit }: Lowering): void {
  const [a, b] = node.inputs.map(shape);
  const { kind, wide } = broadcastOf(node, a, b);
  const [large, small] = wide === 0 ? [a, b] : [b, a];
  const value = node.inputs[1 - wide];
  const pixels = large.slice(2).map(() => 1);
  let aligned = value;
  if (kind === "channel" && small.length === 1) {
    aligned = reformed(value, { shape: [large[1] as number, ...pixels], data: parameter(value)!.data });
  } else if (kind === "gate" && small.length === 2) {
    aligned = between("Reshape", [value, integers("shape", [0, large[1] as number, ...pixels])]);
  }
  emit(node.op, node.inputs.map((name, i) => i === wide ? name : aligned));
}

/** A parameter [1,C,…] is expanded to the batch. */
function concat({ node, shape, parameter, integers, between, emit }: Lowering): void {
  const sample = node.inputs.find((name) => !parameter(name))!;
  const inputs = node.inputs.map((name) => {
    if (!parameter(name)) return name;
    const batch = between("Shape", [sample], [integerAttribute("start", 0), integerAttribute("end", 1)]);
    const rest = integers("rest", shape(name).slice(1) as number[]);
    return between("Expand", [name, between("Concat", [batch, rest], [integerAttribute("axis", 0)])]);
  });
  emit("Concat", inputs, [integerAttribute("axis", 1)]);
}

/** Where a tap is a whole channel, the kept channels are gathered; elsewhere the dropped columns come back as zeros. */
function columnConv({ node, shape, parameter, reformed, integers, between, emit }: Lowering): void {
  const [x, weight, ...bias] = node.inputs;
  const { kernel, taps } = columnConvAttrs(node);
  const { shape: [filters], data } = parameter(weight)!;
  if (kernel[0] === 1 && kernel[1] === 1) {
    const gathered = between("Gather", [x, integers("taps", taps)], [integerAttribute("axis", 1)]);
    if (shape(x).length === 2) return emit("Gemm", [gathered, weight, ...bias], [integerAttribute("transB", 1)]);
    const pointwise = reformed(weight, { shape: [filters, taps.length, 1, 1], data });
    return emit("Conv", [gathered, pointwise, ...bias], convAttributes(node, kernel));
  }
  const channels = shape(x)[1] as number;
  const columns = channels * kernel[0] * kernel[1];
  const dense = new Float32Array(filters * columns);
  for (let f = 0; f < filters; f++) taps.forEach((tap, t) => dense[f * columns + tap] = data[f * taps.length + t]);
  const whole = reformed(weight, { shape: [filters, channels, ...kernel], data: dense });
  emit("Conv", [x, whole, ...bias], convAttributes(node, kernel));
}

/** The padded image in pieces, one for each stretch of rows and columns of one region, each with its convolution. */
function regionConv({ node, shape, parameter, reformed, tensor, integers, between, emit }: Lowering): void {
  const [x, weight, bias] = node.inputs;
  const { rows, cols, strides, pads, dilations, group } = regionConvAttrs(node);
  const [, , , ...kernel] = shape(weight) as number[];
  const across = Math.max(...cols) + 1;
  // The first region keeps the parameters' names.
  const kept = new Map<string, string>();
  const numbers = (name: string, region: number): string => {
    const key = `${name} ${region}`;
    const { shape: [regions, ...rest], data } = parameter(name)!;
    const length = data.length / regions;
    const part = { shape: rest, data: data.slice(region * length, (region + 1) * length) };
    const made = kept.get(key) ?? (region === 0 ? reformed(name, part) : tensor(`${name}.${region}`, part));
    kept.set(key, made);
    return made;
  };
  const padded = between("Pad", [x, integers("pads", [0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]])]);
  const convolution = [
    integersAttribute("kernel_shape", kernel),
    integersAttribute("strides", strides),
    integersAttribute("dilations", dilations),
    integerAttribute("group", group),
  ];
  const first = (line: number, axis: 0 | 1) => line * strides[axis];
  const end = (line: number, axis: 0 | 1) => (line - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1;
  const bands = stretches(rows).map((down) => {
    const pieces = stretches(cols).map((along) => {
      const piece = between("Slice", [
        padded,
        integers("starts", [first(down.from, 0), first(along.from, 1)]),
        integers("ends", [end(down.to, 0), end(along.to, 1)]),
        integers("axes", [2, 3]),
      ]);
      const region = down.region * across + along.region;
      return between("Conv", [piece, numbers(weight, region), numbers(bias, region)], convolution);
    });
    return pieces.length === 1 ? pieces[0] : between("Concat", pieces, [integerAttribute("axis", 3)]);
  });
  emit("Concat", bands, [integerAttribute("axis", 2)]);
}

/** Neighbouring lines of one region, from the first to behind the last. */
function stretches(regions: readonly number[]): { region: number; from: number; to: number }[] {
  const found: { region: number; from: number; to: number }[] = [];
  regions.forEach((region, line) => {
    const last = found.at(-1);
    if (last?.region === region) last.to = line + 1;
    else found.push({ region, from: line, to: line + 1 });
  });
  return found;
}

function convAttributes(node: Node, kernel: readonly number[]): OnnxAttribute[] {
  const { strides, pads, dilations, group } = convAttrs(node);
  return [
    integersAttribute("kernel_shape", kernel),
    integersAttribute("strides", strides),
    integersAttribute("pads", pads),
    integersAttribute("dilations", dilations),
    integerAttribute("group", group),
  ];
}

function poolAttributes(node: Node): OnnxAttribute[] {
  const { kernel, strides, pads } = poolAttrs(node);
  return [
    integersAttribute("kernel_shape", kernel),
    integersAttribute("strides", strides),
    integersAttribute("pads", pads),
  ];
}
