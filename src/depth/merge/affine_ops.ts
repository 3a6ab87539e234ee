/**
 * Which operators are affine functions of what they read: a convolution's window over pixels, with a weight and numbers that
 * are added, or the sum of two values. Everything that merging knows of an operator stands here.
 */
import {
  batchNormAttrs,
  borderBiasAttrs,
  columnConvAttrs,
  type ConvAttrs,
  convAttrs,
  gatherAttrs,
  padAttrs,
  poolAttrs,
  sliceAttrs,
  type SliceRange,
  transposeAttrs,
} from "../../graph/attrs.ts";
import { sameShape } from "../../graph/shapes.ts";
import type { Graph, Node, OpName, Shape } from "../../graph/types.ts";
import {
  layerStep,
  type Layout,
  perChannel,
  POINT,
  sameLayout,
  type SameStep,
  type Step,
  type Window,
} from "./affine_steps.ts";

/** What is known where a node stands. */
export interface Place {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Of the values that the run has made so far, and of its input. */
  readonly layouts: ReadonlyMap<string, Layout>;
}

/** Why a node isn't an affine function of channels and pixels, as a clause. */
export interface NotAffine {
  readonly refused: string;
}

/** The node as a step of an affine run, or why it is none. */
export function affineStep(node: Node, place: Place): Step | NotAffine {
  const read = AFFINE[node.op];
  return read ? read(node, place) : { refused: `its ${node.op} "${node.name}" ${WHY[node.op] ?? "isn't linear"}` };
}

/** Whether the operator may be a step of an affine run, wherever it stands. */
export function mayBeAffine(node: Node): boolean {
  return AFFINE[node.op] !== undefined;
}

const WHY: Readonly<Partial<Record<OpName, string>>> = {
  LayerNormalization: "divides each token by its own deviation: a batch norm in its place could be merged",
  GroupNormalization: "divides each image by its own deviation: a batch norm in its place could be merged",
  Attention: "weighs tokens by what they hold",
  Softmax: "weighs numbers by what they are",
  GlobalAveragePool: "depends on the whole image",
  Mix: "has yet to be settled",
};

type Reader = (node: Node, place: Place) => Step | NotAffine;

const AFFINE: Readonly<Partial<Record<OpName, Reader>>> = {
  Conv: (node, { graph, layouts }) => {
    const [, weight] = node.inputs;
    const { shape: [filters, , height, width] } = graph.params[weight];
    return convolution(node, layouts, filters, { ...convAttrs(node), kernel: [height, width] }, (numbers) => numbers);
  },
  ColumnConv: (node, { graph, shapes, layouts }) => {
    const [read, weight] = node.inputs;
    const { taps, ...attrs } = columnConvAttrs(node);
    const [filters] = graph.params[weight].shape;
    const columns = (shapes.get(read)![1] as number) * attrs.kernel[0] * attrs.kernel[1];
    return convolution(node, layouts, filters, attrs, (numbers) => {
      const dense = new Float64Array(filters * columns);
      numbers.forEach((v, i) => dense[Math.floor(i / taps.length) * columns + taps[i % taps.length]] = v);
      return dense;
    });
  },
  Gemm: (node, { graph, layouts }) => {
    const [read, weight, bias] = node.inputs;
    return {
      ...layerStep(read, layouts.get(read)!, graph.params[weight].shape[0], 1),
      bias: bias !== undefined,
      numbers: (numbers) => ({ weight: numbers(weight), ...bias && { bias: numbers(bias) } }),
    };
  },
  MatMul: (node, { graph, shapes, layouts }) => {
    const [read, weight] = node.inputs;
    const spec = graph.params[weight];
    if (!spec) return { refused: `its MatMul "${node.name}" multiplies two values` };
    const layout = layouts.get(read)!;
    if (layout.channels !== shapes.get(read)!.length - 1) return elsewhere(node);
    const [channels, filters] = spec.shape;
    return {
      ...layerStep(read, layout, filters, 1),
      numbers: (numbers) => ({ weight: transposed(numbers(weight), channels, filters) }),
    };
  },
  BatchNormalization: (node, { graph, layouts }) => {
    const [read, gamma, beta, mean, variance] = node.inputs;
    const layout = layouts.get(read)!;
    if (layout.channels !== 1) return elsewhere(node);
    const { epsilon } = batchNormAttrs(node);
    return {
      ...perChannel(read, layout, graph.params[gamma].shape[0]),
      bias: true,
      numbers(numbers) {
        const [spread, centre, shift] = [variance, mean, beta].map(numbers);
        const weight = numbers(gamma).map((g, c) => g / Math.sqrt(spread[c] + epsilon));
        return { weight, bias: weight.map((s, c) => shift[c] - s * centre[c]) };
      },
    };
  },
  Add: (node, place) => withParameter(node, place, (_, v) => [1, v]) ?? sum(node, place, 1),
  Sub: (node, place) => withParameter(node, place, (side, v) => side === 1 ? [1, -v] : [-1, v]) ?? sum(node, place, -1),
  Mul: (node, place) =>
    withParameter(node, place, (_, v) => [v, 0]) ?? { refused: `its Mul "${node.name}" multiplies two values` },
  Div: (node, place) =>
    (node.inputs[1] in place.graph.params ? withParameter(node, place, (_, v) => [1 / v, 0]) : undefined) ??
      { refused: `its Div "${node.name}" divides by a value` },
  AveragePool: (node, { shapes, layouts }) => {
    const [read] = node.inputs;
    const layout = layouts.get(read)!;
    if (!isImage(layout)) return elsewhere(node);
    const { kernel, strides, pads, countIncludePad } = poolAttrs(node);
    const inside = !countIncludePad && pads.some((pad) => pad > 0);
    const channels = shapes.get(read)![1] as number;
    const share = inside ? 1 : 1 / (kernel[0] * kernel[1]);
    const window = (axis: 0 | 1): Window => ({
      kernel: kernel[axis],
      stride: strides[axis],
      pad: pads[axis],
      dilation: 1,
    });
    return {
      ...perChannel(read, layout, channels),
      windows: [window(0), window(1)],
      average: inside ? "inside" : "none",
      weighted: true,
      numbers: () => ({ weight: new Float64Array(channels * kernel[0] * kernel[1]).fill(share) }),
    };
  },
  Pad: (node, { shapes, layouts }) => {
    const [read] = node.inputs;
    const shape = shapes.get(read)!;
    const layout = layouts.get(read)!;
    const { begins, ends } = padAttrs(node, shape.length);
    const [before, after] = [begins[layout.channels], ends[layout.channels]];
    const channels = shape[layout.channels] as number;
    const kept = Array.from({ length: before + channels + after }, (_, f) => f - before);
    return moved(read, layout, shape, kept, (axis) => ({ ...POINT, pad: begins[axis] }));
  },
  Slice: (node, { shapes, layouts }) => {
    const [read] = node.inputs;
    const shape = shapes.get(read)!;
    const layout = layouts.get(read)!;
    const ranges = sliceAttrs(node, shape).map((range, axis): SliceRange =>
      range ?? { start: 0, step: 1, count: shape[axis] as number }
    );
    const { start, step, count } = ranges[layout.channels];
    const kept = Array.from({ length: count }, (_, f) => start + f * step);
    return moved(read, layout, shape, kept, (axis) => {
      const { start, step } = ranges[axis];
      return { ...POINT, pad: start === 0 ? 0 : -start, stride: step };
    });
  },
  Gather: (node, { shapes, layouts }) => {
    const [read] = node.inputs;
    const layout = layouts.get(read)!;
    if (layout.channels !== 1) return elsewhere(node);
    return moved(read, layout, shapes.get(read)!, gatherAttrs(node).indices, () => POINT);
  },
  Concat: (node, { graph, shapes, layouts }) => {
    if (node.inputs.some((name) => name in graph.params)) {
      return { refused: `its Concat "${node.name}" joins numbers of its own to what it reads` };
    }
    const [layout, ...others] = node.inputs.map((name) => layouts.get(name)!);
    if (layout.channels !== 1 || !others.every((other) => sameLayout(other, layout))) return elsewhere(node);
    const widths = node.inputs.map((name) => shapes.get(name)![1] as number);
    const firsts = widths.map((_, i) => widths.slice(0, i).reduce((sum, width) => sum + width, 0));
    const filters = widths.reduce((sum, width) => sum + width, 0);
    return { kind: "sum", reads: node.inputs, signs: widths.map(() => 1), firsts, filters, layout };
  },
  BorderBias: (node, { graph, layouts }) => {
    const [read, table] = node.inputs;
    const layout = layouts.get(read)!;
    if (!isImage(layout)) return elsewhere(node);
    const [, height, width] = graph.params[table].shape;
    const { rows, cols } = borderBiasAttrs(node);
    return { kind: "table", read, layout, rows, cols, size: [height, width], numbers: (numbers) => numbers(table) };
  },
  Transpose: (node, { shapes, layouts }) => {
    const [read] = node.inputs;
    const { perm } = transposeAttrs(node, shapes.get(read)!.length);
    const { channels, pixels } = layouts.get(read)!;
    const to = (axis: number | null) => axis === null ? null : perm.indexOf(axis);
    return {
      kind: "same",
      read,
      layout: { channels: perm.indexOf(channels), pixels: [to(pixels[0]), to(pixels[1])] },
    };
  },
  Identity: same,
  Dropout: same,
};

function same(node: Node, { layouts }: Place): SameStep {
  const [read] = node.inputs;
  return { kind: "same", read, layout: layouts.get(read)! };
}

function sum(node: Node, { shapes, layouts }: Place, sign: number): Step | NotAffine {
  const [a, b] = node.inputs;
  const [one, other] = [layouts.get(a)!, layouts.get(b)!];
  const alike = sameLayout(one, other) && sameShape(shapes.get(a)!, shapes.get(b)!);
  if (!alike) return { refused: `the operands of its ${node.op} "${node.name}" aren't shaped alike` };
  const filters = shapes.get(a)![one.channels] as number;
  return { kind: "sum", reads: [a, b], signs: [1, sign], firsts: [0, 0], filters, layout: one };
}

/**
 * An operand that is a parameter with one number per channel makes scale · x + shift; undefined where both are values.
 *
 * @param affine scale and shift for one of its numbers, given which side it stands on
 */
function withParameter(
  node: Node,
  { graph, shapes, layouts }: Place,
  affine: (side: 0 | 1, v: number) => readonly [scale: number, shift: number],
): Step | NotAffine | undefined {
  const side = node.inputs[0] in graph.params ? 0 : 1;
  const param = node.inputs[side];
  const spec = graph.params[param];
  if (!spec) return undefined;
  const read = node.inputs[1 - side];
  const x = shapes.get(read)!;
  const layout = layouts.get(read)!;
  const channels = x[layout.channels] as number;
  const along = channelAxisOf(spec.shape, x);
  const widens = !sameShape(x, shapes.get(node.outputs[0])!);
  if (widens || (along !== null && along !== layout.channels)) {
    return { refused: `the numbers of its ${node.op} "${node.name}" differ from position to position` };
  }
  const spread = (numbers: Float64Array) =>
    numbers.length === channels ? numbers : new Float64Array(channels).fill(numbers[0]);
  return {
    ...perChannel(read, layout, channels),
    bias: affine(side, 1)[1] !== 0,
    numbers(read) {
      const pairs = Array.from(spread(read(param)), (v) => affine(side, v));
      return {
        weight: Float64Array.from(pairs, ([scale]) => scale),
        ...affine(side, 1)[1] !== 0 && { bias: Float64Array.from(pairs, ([, shift]) => shift) },
      };
    },
  };
}

/** The axis of `x` along which a parameter's numbers differ: null where it has one, NaN where there are several such axes. */
function channelAxisOf(param: readonly number[], x: Shape): number | null {
  const axes = param.flatMap((size, axis) => size === 1 ? [] : [axis]);
  if (axes.length === 0) return null;
  if (axes.length > 1) return NaN;
  // [C], [C,1,1] and [1,C,1,1] stand for axis 1, as docs/engine.md says; of the value's own rank it is the axis itself.
  return param.length === x.length && axes[0] !== 1 ? axes[0] : 1;
}

/** A convolution of images, whose weight [filters, …] `dense` puts into all columns. */
function convolution(
  node: Node,
  layouts: ReadonlyMap<string, Layout>,
  filters: number,
  { kernel, strides, pads, dilations, group }: ConvAttrs & { readonly kernel: readonly [number, number] },
  dense: (weight: Float64Array) => Float64Array,
): Step | NotAffine {
  const [read, weight, bias] = node.inputs;
  const layout = layouts.get(read)!;
  if (!isImage(layout)) return elsewhere(node);
  const window = (axis: 0 | 1): Window => ({
    kernel: kernel[axis],
    stride: strides[axis],
    pad: pads[axis],
    dilation: dilations[axis],
  });
  return {
    ...layerStep(read, layout, filters, group),
    windows: [window(0), window(1)],
    bias: bias !== undefined,
    numbers: (numbers) => ({ weight: dense(numbers(weight)), ...bias && { bias: numbers(bias) } }),
  };
}

/**
 * A window of one line along each axis of pixels: it moves and leaves out lines, and adds lines of zeros.
 *
 * @param kept the channel that each made one is; one that isn't there is 0
 */
function moved(
  read: string,
  layout: Layout,
  shape: Shape,
  kept: readonly number[],
  window: (axis: number) => Window,
): Step {
  const channels = shape[layout.channels] as number;
  const along = (axis: number | null) => axis === null ? POINT : window(axis);
  const windows = [along(layout.pixels[0]), along(layout.pixels[1])] as const;
  if (kept.length === channels && kept.every((channel, f) => channel === f)) {
    return {
      ...perChannel(read, layout, channels),
      windows,
      numbers: () => ({ weight: new Float64Array(channels).fill(1) }),
    };
  }
  const numbers = () => {
    const weight = new Float64Array(kept.length * channels);
    kept.forEach((channel, f) => {
      if (channel >= 0 && channel < channels) weight[f * channels + channel] = 1;
    });
    return { weight };
  };
  return { ...layerStep(read, layout, kept.length, 1), windows, weighted: false, numbers };
}

function isImage({ channels, pixels: [rows, cols] }: Layout): boolean {
  return channels === 1 && rows === 2 && cols === 3;
}

function elsewhere(node: Node): NotAffine {
  return { refused: `its ${node.op} "${node.name}" works along another axis than the layers around it` };
}

/** [K,F] as [F,K]. */
function transposed(matrix: Float64Array, rows: number, cols: number): Float64Array {
  return Float64Array.from(matrix, (_, i) => matrix[i % rows * cols + Math.floor(i / rows)]);
}
