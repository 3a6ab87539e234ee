/**
 * For every operator small networks that use it, in each way in which pruning treats it differently. A convolution "before"
 * makes what the operator reads, so that its filters may go, and a layer "behind" reads what it makes.
 */
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Attrs, Graph, OpName } from "../../src/graph/types.ts";
import { EPSILON } from "./pieces.ts";

export interface OperatorCase {
  /** How the operator is used. */
  readonly title: string;
  /** Adds the operator, as a node "op", behind images x and other, both [N,6,6,5], and gives back what is read behind it. */
  build(b: Builder, x: string, other: string): string;
  /** Why no channel can go alone; absent where channels can. */
  readonly whole?: RegExp;
  /** A layer that reads along another axis than that of the channels: it needs all of them, but its own filters can go. */
  readonly needsAll?: true;
}

/** [N,6,6,5] -> [N,30,6]: the channels are the features of 30 tokens. */
function tokens(b: Builder, x: string): string {
  return b.transpose(b.reshape(x, [6, 30]), [0, 2, 1]);
}

/** The channels of an image stand where its rows should. */
function sideways(b: Builder, x: string): string {
  return b.transpose(x, [0, 2, 1, 3]);
}

/** Functions of one number. */
function pointwise(apply: (b: Builder, x: string) => string): readonly OperatorCase[] {
  return [
    { title: "of an image", build: apply },
    { title: "of tokens", build: (b, x) => apply(b, tokens(b, x)) },
  ];
}

/** Add, Sub, Mul, Div. @param role of a parameter operand; one that is never zeroed where it divides */
function arithmetic(op: OpName, role: "bias" | "gamma" | "table", second = (_: Builder, x: string) => x) {
  const node = (b: Builder, left: string, right: string) => b.node(op, [left, right], {}, "op");
  return [
    { title: "two images", build: (b, x, other) => node(b, x, second(b, other)) },
    { title: "an image with itself", build: (b, x) => node(b, x, second(b, x)) },
    { title: "an image and a number per channel", build: (b, x) => node(b, x, b.param("p", [6], role)) },
    {
      title: "an image and a gate",
      build: (b, x, other) => node(b, x, b.sigmoid(b.globalAveragePool(other))),
    },
    {
      title: "an image and one map for all channels",
      build: (b, x, other) => node(b, x, b.sigmoid(b.conv(other, { name: "map", out: 1, kernel: 1 }))),
    },
    {
      title: "an image and a gate for all of it",
      build: (b, x, other) => {
        const score = b.sigmoid(b.gemm(b.flatten(b.globalAveragePool(other)), { name: "score", out: 1 }));
        return node(b, x, b.reshape(b.reshape(score, [1, 1]), [1, 1, 1]));
      },
    },
    {
      title: "a gate for all of it and an image",
      build: (b, x, other) => {
        const [p, q] = [0, 1].map((i) =>
          b.slice(b.softmax(b.flatten(b.globalAveragePool(other))), {
            axes: [1],
            starts: [i],
            ends: [i + 1],
          })
        );
        return node(b, b.reshape(b.add(p, q), [1, 1, 1]), second(b, x));
      },
    },
    {
      title: "tokens and a number per feature",
      build: (b, x) => node(b, tokens(b, x), b.param("p", [1, 1, 6], role)),
    },
    { title: "tokens and a number per token", build: (b, x) => node(b, tokens(b, x), b.param("p", [30], role)) },
    {
      title: "images whose channels stand along different axes",
      build: (b, x, other) => node(b, x, second(b, sideways(b, other))),
      whole: /^whose channels stand along another axis$/,
    },
  ] satisfies readonly OperatorCase[];
}

/** A transposed convolution to 6 channels, or 12 of two groups. */
function upsampled(b: Builder, x: string, attrs: Attrs, kernel: readonly [number, number]): string {
  const weight = b.param("op.weight", [b.channels(x), 6, ...kernel], "weight");
  const bias = b.param("op.bias", [6 * Number(attrs.group ?? 1)], "bias");
  return b.node("ConvTranspose", [x, weight, bias], attrs, "op");
}

function largest(b: Builder, x: string, axes: readonly number[], keepdims: 0 | 1): string {
  return b.node("ReduceMax", [x], { axes, keepdims }, "op");
}

/** Blocks of 2×2 pixels, of four channels each. */
function blocks(b: Builder, x: string, mode: "DCR" | "CRD"): string {
  return b.node("DepthToSpace", [x], { blocksize: 2, mode }, "op");
}

function summed(b: Builder, x: string, axes: readonly number[], keepdims: 0 | 1): string {
  return b.node("ReduceSum", [x], { axes, keepdims }, "op");
}

/** Operators that look at images. */
function spatial(title: string, apply: (b: Builder, x: string) => string): readonly OperatorCase[] {
  return [
    { title, build: apply },
    {
      title: `${title}, of an image whose channels stand elsewhere`,
      build: (b, x) => sideways(b, apply(b, sideways(b, x))),
      whole: /^whose channels stand along another axis$/,
    },
  ];
}

export const OPERATOR_CASES: Readonly<Record<OpName, readonly OperatorCase[]>> = {
  Conv: [
    { title: "3×3, padded", build: (b, x) => b.conv(x, { name: "op", out: 6, kernel: 3, pad: 1 }) },
    {
      title: "3×3, padded, of an image whose channels stand elsewhere",
      build: (b, x) => b.conv(sideways(b, x), { name: "op", out: 6, kernel: 3, pad: 1 }),
      needsAll: true,
    },
    { title: "of two groups", build: (b, x) => b.conv(x, { name: "op", out: 4, kernel: 3, pad: 1, group: 2 }) },
    { title: "depthwise", build: (b, x) => b.conv(x, { name: "op", out: 6, kernel: 3, pad: 1, group: 6 }) },
  ],
  ConvTranspose: [
    { title: "2×2, stride 2", build: (b, x) => upsampled(b, x, { strides: [2, 2] }, [2, 2]) },
    {
      title: "2×2, of an image whose channels stand elsewhere",
      build: (b, x) => upsampled(b, sideways(b, x), {}, [2, 2]),
      needsAll: true,
    },
    {
      title: "4×3, padded, of uneven strides",
      build: (b, x) => upsampled(b, x, { strides: [2, 1], pads: [1, 1, 1, 1], output_padding: [1, 0] }, [4, 3]),
    },
    {
      title: "without a bias, dilated",
      build: (b, x) =>
        b.node("ConvTranspose", [x, b.param("op.weight", [6, 5, 3, 1], "weight")], { dilations: [2, 1] }, "op"),
    },
    {
      title: "depthwise, stride 2",
      build: (b, x) => {
        const weight = b.param("op.weight", [6, 1, 4, 4], "weight");
        const attrs = { strides: [2, 2], pads: [1, 1, 1, 1], group: 6 };
        return b.node("ConvTranspose", [x, weight, b.param("op.bias", [6], "bias")], attrs, "op");
      },
    },
    {
      title: "of two groups",
      build: (b, x) => upsampled(b, x, { group: 2 }, [2, 2]),
      whole: /^which is a transposed convolution of several groups$/,
    },
  ],
  RegionConv: [{
    title: "3×3, padded, another weight in the corner",
    build(b, x) {
      const [weight, bias] = [[6, 6, 3, 3], [6]].map((size, i) =>
        b.param(i === 0 ? "op.weight" : "op.bias", [4, ...size], "table")
      );
      const regions = { rows: [1, 0, 0, 0, 0, 0], cols: [1, 0, 0, 0, 0] };
      return b.node("RegionConv", [x, weight, bias], { pads: [1, 1, 1, 1], ...regions }, "op");
    },
    whole: /^which picks its weights by where a pixel lies$/,
  }],
  Gemm: [{ title: "of a vector", build: (b, x) => b.gemm(b.flatten(x), { name: "op", out: 5 }) }],
  ColumnConv: [
    {
      title: "of an image",
      build: (b, x) => b.columnConv(x, { name: "op", out: 6, kernel: 3, pad: 1, taps: [0, 4, 9, 13, 22, 40, 53] }),
    },
    {
      title: "of an image whose channels stand elsewhere",
      build: (b, x) => b.columnConv(sideways(b, x), { name: "op", out: 6, kernel: 3, taps: [0, 9, 13, 22, 40, 53] }),
      needsAll: true,
    },
    {
      title: "of a vector",
      build: (b, x) =>
        b.columnConv(b.flatten(b.globalAveragePool(x)), { name: "op", out: 5, kernel: 1, taps: [0, 2, 3] }),
    },
  ],
  MatMul: [
    { title: "by a matrix", build: (b, x) => b.matmul(tokens(b, x), b.param("w", [6, 4], "weight"), "op") },
    {
      title: "by a matrix, along another axis than the channels'",
      build: (b, x) => b.matmul(b.transpose(tokens(b, x), [0, 2, 1]), b.param("op.weight", [30, 4], "weight"), "op"),
      needsAll: true,
    },
    {
      title: "of two activations, head by head",
      build: (b, x, other) => b.matmul(x, b.transpose(other, [0, 1, 3, 2]), "op"),
    },
    {
      title: "of two activations, heads behind windows",
      build(b, x, other) {
        const windows = (y: string) => b.transpose(b.reshape(tokens(b, y), [3, 10, 2, 3]), [0, 1, 3, 2, 4]);
        const y = b.matmul(b.softmax(windows(x)), b.transpose(windows(other), [0, 1, 2, 4, 3]), "op");
        return b.reshape(b.transpose(y, [0, 2, 1, 3, 4]), [2, 30, 10]);
      },
    },
    {
      title: "of two activations",
      build: (b, x, other) => b.matmul(tokens(b, x), b.reshape(other, [6, 30]), "op"),
      whole: /^which multiplies activations with each other$/,
    },
  ],
  BatchNormalization: [
    ...spatial("of an image", (b, x) => b.batchNorm(x, { name: "op" })),
    { title: "of a vector", build: (b, x) => b.batchNorm(b.flatten(x), { name: "op" }) },
  ],
  LayerNormalization: [{
    title: "of the columns of an image",
    build: (b, x) => b.layerNorm(x, { name: "op", epsilon: EPSILON }),
    whole: /^which takes mean and variance over all channels/,
  }, {
    title: "of tokens",
    build: (b, x) => b.layerNorm(tokens(b, x), { name: "op", epsilon: EPSILON }),
    whole: /^which takes mean and variance over all channels/,
  }],
  GroupNormalization: spatial("of an image", (b, x) => b.groupNorm(x, { name: "op", groups: 3, epsilon: EPSILON })),
  Relu: pointwise((b, x) => b.relu(x, "op")),
  LeakyRelu: pointwise((b, x) => b.leakyRelu(x, 0.1, "op")),
  Clip: pointwise((b, x) => b.relu6(x, "op")),
  Gelu: pointwise((b, x) => b.gelu(x, "tanh", "op")),
  Sigmoid: pointwise((b, x) => b.sigmoid(x, "op")),
  Tanh: pointwise((b, x) => b.tanh(x, "op")),
  Elu: pointwise((b, x) => b.node("Elu", [x], { alpha: 0.7 }, "op")),
  Softplus: pointwise((b, x) => b.node("Softplus", [x], {}, "op")),
  Abs: pointwise((b, x) => b.node("Abs", [x], {}, "op")),
  Mish: pointwise((b, x) => b.node("Mish", [x], {}, "op")),
  HardSigmoid: pointwise((b, x) => b.hardSigmoid(x, { alpha: 0.2, beta: 0.4 }, "op")),
  HardSwish: pointwise((b, x) => b.hardSwish(x, "op")),
  Softmax: [{
    title: "of the columns of an image",
    build: (b, x) => b.softmax(x, "op"),
  }, {
    title: "of tokens",
    build: (b, x) => b.softmax(tokens(b, x), "op"),
    whole: /^which divides by a sum over all channels/,
  }],
  PRelu: pointwise((b, x) => b.prelu(x, { name: "op" })),
  Add: arithmetic("Add", "bias"),
  Sub: arithmetic("Sub", "bias"),
  Mul: arithmetic("Mul", "gamma"),
  // Far from 0.
  Div: arithmetic("Div", "table", (b, x) => b.sigmoid(x)),
  Mix: [
    { title: "two images", build: (b, x, other) => b.node("Mix", [x, other], {}, "op") },
    { title: "an image with itself", build: (b, x) => b.node("Mix", [x, x], {}, "op") },
  ],
  MaxPool: spatial("padded", (b, x) => b.maxPool(x, { kernel: 3, stride: 2, pad: 1, name: "op" })),
  AveragePool: [
    ...spatial("padded", (b, x) => b.averagePool(x, { kernel: 3, stride: 2, pad: 1, name: "op" })),
    ...[0, 1].map((pad) => ({
      title: `that counts a padding of ${pad}`,
      build: (b: Builder, x: string) =>
        b.averagePool(x, { kernel: 3, stride: 2, pad, countIncludePad: true, name: "op" }),
    })),
  ],
  GlobalAveragePool: spatial("of an image", (b, x) => b.globalAveragePool(x, "op")),
  ReduceSum: [
    { title: "over pixels, which stay as one", build: (b, x) => summed(b, x, [2, 3], 1) },
    { title: "over pixels, which go", build: (b, x) => summed(b, x, [2, 3], 0) },
    { title: "over tokens, which go", build: (b, x) => summed(b, tokens(b, x), [1], 0) },
    {
      title: "over channels",
      build: (b, x) => summed(b, x, [1], 1),
      whole: /^which takes the sum over all channels$/,
    },
  ],
  ReduceMean: [
    { title: "over pixels, which stay as one", build: (b, x) => b.mean(x, [2, 3], { keepdims: true, name: "op" }) },
    { title: "over pixels, which go", build: (b, x) => b.mean(x, [2, 3], { name: "op" }) },
    { title: "over tokens, which go", build: (b, x) => b.mean(tokens(b, x), [1], { name: "op" }) },
    {
      title: "over channels",
      build: (b, x) => b.mean(x, [1], { keepdims: true, name: "op" }),
      whole: /^which takes the mean over all channels$/,
    },
  ],
  ReduceMax: [
    { title: "over pixels, which stay as one", build: (b, x) => largest(b, x, [2, 3], 1) },
    { title: "over pixels, which go", build: (b, x) => largest(b, x, [2, 3], 0) },
    { title: "over tokens, which go", build: (b, x) => largest(b, tokens(b, x), [1], 0) },
    {
      title: "over channels",
      build: (b, x) => largest(b, x, [1], 1),
      whole: /^which takes the maximum over all channels$/,
    },
  ],
  Resize: [
    ...spatial("of an image", (b, x) => b.resize(x, [2, 3], "op")),
    ...spatial("of an image, bilinearly", (b, x) => b.node("Resize", [x], { mode: "linear", sizes: [4, 9] }, "op")),
  ],
  DepthToSpace: [
    ...spatial("pixel before channel", (b, x) => blocks(b, b.concat([x, x, x, x]), "DCR")),
    ...spatial("channel before pixel", (b, x) => {
      const copies = Array.from({ length: 4 * b.channels(x) }, (_, i) => Math.floor(i / 4));
      return blocks(b, b.gather(x, copies), "CRD");
    }),
  ],
  Flatten: [
    { title: "of an image", build: (b, x) => b.flatten(x, "op") },
    {
      title: "of tokens, whose channels come again in each",
      build: (b, x) => b.flatten(tokens(b, x), "op"),
    },
  ],
  Reshape: [
    { title: "of rows and columns", build: (b, x) => b.reshape(x, [6, 5, 6], "op") },
    { title: "that joins two channels", build: (b, x) => b.reshape(x, [3, 12, 5], "op") },
    { title: "that cuts each channel in two", build: (b, x) => b.reshape(x, [12, 3, 5], "op") },
    {
      title: "of features into heads",
      build: (b, x) => b.transpose(b.reshape(tokens(b, x), [30, 2, 3], "op"), [0, 2, 1, 3]),
    },
    {
      title: "that cuts features into halves of tokens",
      build: (b, x) => b.reshape(tokens(b, x), [60, 3], "op"),
    },
    {
      title: "that joins the features of three tokens",
      build: (b, x) => b.reshape(tokens(b, x), [10, 18], "op"),
    },
    {
      title: "that cuts features to pieces",
      build: (b, x) => b.reshape(tokens(b, x), [36, 5], "op"),
      whole: /^which cuts the channels into pieces that don't fit them$/,
    },
  ],
  Transpose: [
    { title: "of rows and columns", build: (b, x) => b.transpose(x, [0, 1, 3, 2], "op") },
    {
      title: "that puts the channels last",
      build: (b, x) => b.transpose(b.relu(b.transpose(x, [0, 2, 3, 1], "op")), [0, 3, 1, 2]),
    },
  ],
  Concat: [
    { title: "of channels", build: (b, x, other) => b.concat([other, x], "op") },
    {
      title: "of channels and planes of parameters",
      build: (b, x) => b.concat([b.param("planes", [1, 2, 6, 5], "table"), x], "op"),
    },
    {
      title: "of tokens and a token of parameters",
      build: (b, x) => b.concat([b.param("token", [1, 1, 6], "table"), tokens(b, x)], "op"),
    },
    { title: "of tokens", build: (b, x, other) => b.concat([tokens(b, x), tokens(b, other)], "op") },
    {
      title: "of images whose channels stand along different axes",
      build: (b, x, other) => b.concat([x, sideways(b, other)], "op"),
      whole: /^whose channels stand along another axis$/,
    },
  ],
  Slice: [
    {
      title: "of every second channel",
      build: (b, x) => b.slice(x, { axes: [1], starts: [1], ends: [6], steps: [2] }, "op"),
    },
    {
      title: "of channels and rows",
      build: (b, x) => b.slice(x, { axes: [1, 2], starts: [1, 2], ends: [5, 6], steps: [1, 2] }, "op"),
    },
    { title: "of rows", build: (b, x) => b.slice(x, { axes: [2], starts: [2], ends: [6] }, "op") },
    { title: "of features", build: (b, x) => b.slice(tokens(b, x), { axes: [2], starts: [2], ends: [6] }, "op") },
  ],
  Pad: [
    { title: "of channels", build: (b, x) => b.pad(x, [0, 2, 0, 0], [0, 1, 0, 0], "op") },
    { title: "of rows", build: (b, x) => b.pad(x, [0, 0, 1, 0], [0, 0, 0, 0], "op") },
    { title: "of channels and columns", build: (b, x) => b.pad(x, [0, 1, 0, 0], [0, 0, 0, 2], "op") },
    { title: "of features", build: (b, x) => b.pad(tokens(b, x), [0, 0, 1], [0, 0, 2], "op") },
  ],
  Gather: [
    { title: "of channels, some twice", build: (b, x) => b.gather(x, [5, 0, 2, 2, 3, 5], "op") },
    { title: "of tokens", build: (b, x) => b.gather(tokens(b, x), [7, 0, 7, 29], "op") },
  ],
  Dropout: pointwise((b, x) => b.dropout(x, 0.5, "op")),
  Identity: pointwise((b, x) => b.identity(x, "op")),
  BorderBias: spatial(
    "of an image",
    (b, x) =>
      b.borderBias(x, { name: "op", rows: b.shape(x)[2] === 6 ? [0, 1, 1, 1, 1, 2] : [0], cols: [0, 0, 1, 1, 1] }),
  ),
  Attention: [
    { title: "of heads", build: (b, x, other) => b.attention(x, other, b.tanh(x), { name: "op" }) },
    {
      title: "of tokens without heads",
      build: (b, x, other) => b.attention(tokens(b, x), tokens(b, other), tokens(b, x), { name: "op" }),
      whole: /^which compares tokens by all of these features/,
    },
  ],
};

/** The network of a case: [N,3,6,5] in, [N,3] out. */
export function operatorGraph(op: OpName, { title, build }: OperatorCase): Graph {
  const b = builder(`${op} ${title}`, ["N", 3, 6, 5]);
  const conv = (name: string) => b.conv(b.input, { name, out: 6, kernel: 3, pad: 1 });
  const y = build(b, conv("before"), conv("other"));
  const rank = b.shape(y).length;
  if (rank === 4) {
    const behind = b.gelu(b.conv(y, { name: "behind", out: 4, kernel: 3, pad: 1 }));
    b.gemm(b.flatten(behind), { name: "head", out: 3 });
  } else if (rank === 3) {
    const behind = b.gelu(b.linear(y, { name: "behind", out: 4 }));
    b.gemm(b.mean(behind, [1]), { name: "head", out: 3 });
  } else b.gemm(y, { name: "head", out: 3 });
  return b.graph();
}
