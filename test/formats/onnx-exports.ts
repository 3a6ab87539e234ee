/** Small networks in the nodes that torch.onnx.export writes for them, with made-up weights: "input" to "output". */
import type { OnnxModel, OnnxNode, OnnxTensor } from "../../src/formats/onnx/types.ts";
import { sample } from "../oracle/samples.ts";
import { float32, int64, model, node } from "./onnx-models.ts";

type Attributes = Parameters<typeof node>[3];

/**
 * Writes nodes one after another, as an exporter does.
 *
 * @param size of weights: around 1, or so that sums of as many products as a filter has stay around 1
 */
export function tracer(size: "unit" | "by fan-in" = "unit") {
  const nodes: OnnxNode[] = [];
  const initialisers: OnnxTensor[] = [];
  let count = 0;
  const t = {
    /** A node below the scope; its one output. */
    op(op: string, inputs: readonly string[], attributes: Attributes = {}, scope = ""): string {
      const output = `${scope}/${op}_output_${count++}`;
      nodes.push(node(op, inputs, output, attributes, `${scope}/${op}_${count}`));
      return output;
    },
    many(op: string, inputs: readonly string[], outputs: number, attributes: Attributes = {}): string[] {
      const names = Array.from({ length: outputs }, (_, i) => `/${op}_${count}_output_${i}`);
      nodes.push({ ...node(op, inputs, names[0], attributes, `/${op}_${count++}`), outputs: names });
      return names;
    },
    weight(name: string, ...shape: number[]): string {
      const inputs = shape.slice(1).reduce((product, d) => product * d, 1);
      const factor = size === "unit" ? 1 : 1 / Math.sqrt(inputs);
      initialisers.push(float32(name, shape, [...sample(name, ...shape).data].map((v) => factor * v)));
      return name;
    },
    /** Above 0, for variances and the like. */
    positive(name: string, ...shape: number[]): string {
      initialisers.push(float32(name, shape, [...sample(name, ...shape).data].map((v) => 0.5 + v * v)));
      return name;
    },
    /** A Constant node. */
    number: (value: number) => t.op("Constant", [], { value: float32("", [], [value]) }),
    integers: (...values: number[]) => t.op("Constant", [], { value: int64("", values) }),
    integer: (value: number) => t.op("Constant", [], { value: int64("", [value], []) }),
    /** The size of an axis, as PyTorch asks for it. */
    size: (x: string, axis: number) => t.op("Gather", [t.op("Shape", [x]), t.integer(axis)], { axis: 0 }),
    /** A list of sizes, some of them computed. */
    sizes: (...parts: (string | number)[]) =>
      t.op(
        "Concat",
        parts.map((part) => typeof part === "number" ? t.integers(part) : t.op("Unsqueeze", [part, t.integers(0)])),
        {
          axis: 0,
        },
      ),
    linear(x: string, name: string, from: number, to: number): string {
      const product = t.op("MatMul", [x, t.weight(`onnx::MatMul_${count}`, from, to)], {}, `/${name}`);
      return t.op("Add", [t.weight(`${name}.bias`, to), product], {}, `/${name}`);
    },
    conv(x: string, name: string, [out, per, side]: readonly number[], attributes: Attributes = {}): string {
      const pad = (side - 1) >> 1;
      const given = {
        kernel_shape: [side, side],
        pads: [pad, pad, pad, pad],
        strides: [1, 1],
        dilations: [1, 1],
        group: 1,
      };
      const inputs = [x, t.weight(`${name}.weight`, out, per, side, side), t.weight(`${name}.bias`, out)];
      return t.op("Conv", inputs, { ...given, ...attributes }, `/${name}`);
    },
    batchNorm(x: string, name: string, channels: number): string {
      const [gamma, beta, mean] = ["weight", "bias", "running_mean"].map((kind) =>
        t.weight(`${name}.${kind}`, channels)
      );
      const inputs = [x, gamma, beta, mean, t.positive(`${name}.running_var`, channels)];
      return t.op("BatchNormalization", inputs, { epsilon: 1e-5, momentum: 0.9 }, `/${name}`);
    },
    /** Before opset 17. */
    layerNorm(x: string, name: string, size: number, axis = -1): string {
      const centred = t.op("Sub", [x, t.op("ReduceMean", [x], { axes: [axis] })]);
      const variance = t.op("ReduceMean", [t.op("Pow", [centred, t.number(2)])], { axes: [axis] });
      const y = t.op("Div", [centred, t.op("Sqrt", [t.op("Add", [variance, t.number(1e-6)])])]);
      const form = axis === -1 ? [size] : [size, 1, 1];
      return t.op("Add", [t.op("Mul", [y, t.weight(`${name}.weight`, ...form)]), t.weight(`${name}.bias`, ...form)]);
    },
    gelu(x: string): string {
      const erf = t.op("Erf", [t.op("Div", [x, t.number(Math.SQRT2)])]);
      return t.op("Mul", [t.op("Mul", [x, t.op("Add", [erf, t.number(1)])]), t.number(0.5)]);
    },
    tanhGelu(x: string): string {
      const cube = t.op("Mul", [x, t.op("Mul", [x, x])]);
      const inner = t.op("Add", [x, t.op("Mul", [t.number(0.044715), cube])]);
      const gate = t.op("Add", [t.number(1), t.op("Tanh", [t.op("Mul", [t.number(Math.sqrt(2 / Math.PI)), inner])])]);
      return t.op("Mul", [t.number(0.5), t.op("Mul", [x, gate])]);
    },
    done(last: string, input: readonly (number | string)[], opset: number): OnnxModel {
      const { graph, ...rest } = model([...nodes, node("Identity", [last], "output", {}, "/Identity")], {
        initialisers,
        opset,
      });
      const [x, y] = [graph.inputs[0], graph.outputs[0]];
      return {
        ...rest,
        graph: { ...graph, inputs: [{ ...x, name: "input", shape: input }], outputs: [{ ...y, name: "output" }] },
      };
    },
  };
  return t;
}

const [TOKENS, DIM, HEADS] = [9, 12, 3];
const DEPTH = DIM / HEADS;

/** timm's DeiT, a block of it: class token expanded to the batch, joint qkv taken apart by Gather, or by Split. */
export function deit(how: "gather" | "split" | "sdpa" | "scores", batch: number | "batch" = "batch"): OnnxModel {
  const t = tracer();
  let x = t.conv("input", "patch_embed.proj", [DIM, 3, 2], {
    kernel_shape: [2, 2],
    strides: [2, 2],
    pads: [0, 0, 0, 0],
  });
  const shape = t.op("Shape", [x]);
  const flat = t.op("Concat", [t.op("Slice", [shape, t.integers(0), t.integers(2), t.integers(0)]), t.integers(-1)], {
    axis: 0,
  });
  x = t.op("Transpose", [t.op("Reshape", [x, flat])], { perm: [0, 2, 1] });
  const wanted = t.sizes(t.size(x, 0), -1, -1);
  const ones = t.op("ConstantOfShape", [t.integers(3)], { value: int64("", [1]) });
  const kept = t.op("Equal", [wanted, t.op("Mul", [ones, t.integer(-1)])]);
  const token = t.op("Expand", [t.weight("cls_token", 1, 1, DIM), t.op("Where", [kept, ones, wanted])]);
  x = t.op("Add", [t.op("Concat", [token, x], { axis: 1 }), t.weight("pos_embed", 1, TOKENS + 1, DIM)]);

  const normed = t.layerNorm(x, "blocks.0.norm1", DIM);
  const joint = t.linear(normed, "blocks.0.attn.qkv", DIM, 3 * DIM);
  const apart = t.op("Reshape", [joint, t.sizes(t.size(normed, 0), t.size(normed, 1), 3, HEADS, DEPTH)]);
  const turned = t.op("Transpose", [apart], { perm: [2, 0, 3, 1, 4] });
  const [q, k, v] = how === "split"
    ? t.many("Split", [turned, t.integers(1, 1, 1)], 3, { axis: 0 }).map((part) =>
      t.op("Squeeze", [part, t.integers(0)])
    )
    : [0, 1, 2].map((i) => t.op("Gather", [turned, t.integer(i)], { axis: 0 }));
  let scores = "";
  const keys = t.op("Transpose", [k], { perm: [0, 1, 3, 2] });
  if (how === "sdpa") {
    const depth = t.op("Slice", [t.op("Shape", [q]), t.integers(-1), t.integers(2 ** 53)]);
    const root = t.op("Sqrt", [t.op("Cast", [depth], { to: 1 })]);
    const scale = t.op("Sqrt", [t.op("Cast", [t.op("Div", [t.number(1), root])], { to: 1 })]);
    scores = t.op("MatMul", [t.op("Mul", [q, scale]), t.op("Mul", [keys, scale])]);
  } else if (how === "scores") {
    scores = t.op("Div", [t.op("MatMul", [q, keys]), t.number(Math.sqrt(DEPTH))]);
  } else scores = t.op("MatMul", [t.op("Mul", [q, t.number(DEPTH ** -0.5)]), keys]);
  const attended = t.op("MatMul", [t.op("Softmax", [scores], { axis: -1 }), v]);
  const back = t.sizes(t.size(normed, 0), t.size(normed, 1), t.size(normed, 2));
  const merged = t.op("Reshape", [t.op("Transpose", [attended], { perm: [0, 2, 1, 3] }), back]);
  x = t.op("Add", [x, t.linear(merged, "blocks.0.attn.proj", DIM, DIM)]);

  const hidden = t.linear(t.layerNorm(x, "blocks.0.norm2", DIM), "blocks.0.mlp.fc1", DIM, 2 * DIM);
  x = t.op("Add", [x, t.linear(t.gelu(hidden), "blocks.0.mlp.fc2", 2 * DIM, DIM)]);
  const first = t.op("Gather", [t.layerNorm(x, "norm", DIM), t.integer(0)], { axis: 1 });
  const head = [first, t.weight("head.weight", 5, DIM), t.weight("head.bias", 5)];
  return t.done(t.op("Gemm", head, { transB: 1 }, "/head"), [batch, 3, 6, 6], 14);
}

/** How nn.MultiheadAttention is written: by PyTorch before its fused attention, and with it. */
export type Multihead = "bmm" | "sdpa";

/** How many tokens and features, and between how many heads the features are divided. */
interface Attended {
  readonly tokens: number;
  readonly dim: number;
  readonly heads: number;
  /** A symbol, or a number as exports of a fixed batch have it, which then stands in every shape. */
  readonly batch: number | "batch";
}

/** nn.MultiheadAttention of [T,N,D], which puts all heads of all samples along one axis. */
export function multiheadAttention(
  t: ReturnType<typeof tracer>,
  x: string,
  name: string,
  how: Multihead,
  { tokens, dim, heads, batch }: Attended,
): string {
  const depth = dim / heads;
  const samples = (of: string, axis: number) => batch === "batch" ? t.size(of, axis) : batch;
  const wanted = (...parts: (string | number)[]) =>
    parts.every((part) => typeof part === "number") ? t.integers(...parts as number[]) : t.sizes(...parts);
  const count = samples(x, 1);
  const all = typeof count === "number" ? count * heads : t.op("Mul", [count, t.integer(heads)]);
  const rows = typeof count === "number" ? count * tokens : t.op("Mul", [t.size(x, 0), count]);
  const joint = t.linear(x, `${name}.in_proj`, dim, 3 * dim);
  let parts: string[];
  if (how === "bmm") {
    parts = [0, 1, 2].map((i) =>
      t.op("Slice", [joint, t.integers(i * dim), t.integers((i + 1) * dim), t.integers(-1)])
    );
  } else {
    const apart = t.op("Reshape", [joint, wanted(tokens, samples(joint, 1), 3, dim)]);
    const front = t.op("Transpose", [t.op("Unsqueeze", [apart, t.integers(0)])], { perm: [3, 1, 2, 0, 4] });
    const stacked = t.op("Squeeze", [front, t.integers(-2)]);
    parts = [0, 1, 2].map((i) => t.op("Gather", [stacked, t.integer(i)], { axis: 0 }));
  }
  const [q, k, v] = parts.map((part) => t.op("Reshape", [part, wanted(tokens, all, depth)]));
  let attended: string;
  if (how === "bmm") {
    const query = t.op("Div", [t.op("Transpose", [q], { perm: [1, 0, 2] }), t.number(Math.sqrt(depth))]);
    const scores = t.op("MatMul", [query, t.op("Transpose", [k], { perm: [1, 2, 0] })]);
    const values = t.op("Transpose", [v], { perm: [1, 0, 2] });
    const product = t.op("MatMul", [t.op("Softmax", [scores], { axis: -1 }), values]);
    attended = t.op("Transpose", [product], { perm: [1, 0, 2] });
  } else {
    const [query, key, value] = [q, k, v].map((part) =>
      t.op("Reshape", [t.op("Transpose", [part], { perm: [1, 0, 2] }), wanted(count, heads, tokens, depth)])
    );
    const root = t.number(depth ** -0.25);
    const keys = t.op("Mul", [t.op("Transpose", [key], { perm: [0, 1, 3, 2] }), root]);
    const scores = t.op("MatMul", [t.op("Mul", [query, root]), keys]);
    const product = t.op("MatMul", [t.op("Softmax", [scores], { axis: -1 }), value]);
    attended = t.op("Transpose", [product], { perm: [2, 0, 1, 3] });
  }
  const merged = t.op("Reshape", [attended, wanted(rows, dim)]);
  const projection = [merged, t.weight(`${name}.out_proj.weight`, dim, dim), t.weight(`${name}.out_proj.bias`, dim)];
  return t.op("Reshape", [t.op("Gemm", projection, { transB: 1 }), wanted(tokens, count, dim)]);
}

/** A transformer block of it: of torchvision's ViT, which turns its tokens for it, or with tokens first throughout. */
export function multihead(how: Multihead, tokens: "turned" | "first", batch: number | "batch" = "batch"): OnnxModel {
  const t = tracer();
  const patch = { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };
  let x = t.conv("input", "conv_proj", [DIM, 3, 2], patch);
  const first = batch === "batch" ? t.sizes(t.size(x, 0), DIM, TOKENS) : t.integers(batch, DIM, TOKENS);
  x = t.op("Transpose", [t.op("Reshape", [x, first])], { perm: tokens === "first" ? [2, 0, 1] : [0, 2, 1] });
  const turn = (value: string) => tokens === "first" ? value : t.op("Transpose", [value], { perm: [1, 0, 2] });
  const sizes = { tokens: TOKENS, dim: DIM, heads: HEADS, batch };
  x = t.op("Add", [turn(multiheadAttention(t, turn(t.layerNorm(x, "ln_1", DIM)), "attn", how, sizes)), x]);
  const hidden = t.linear(t.layerNorm(x, "ln_2", DIM), "mlp.0", DIM, 2 * DIM);
  x = t.op("Add", [x, t.linear(t.gelu(hidden), "mlp.3", 2 * DIM, DIM)]);
  const token = t.op("Gather", [t.layerNorm(x, "ln", DIM), t.integer(0)], { axis: tokens === "first" ? 0 : 1 });
  const head = [token, t.weight("head.weight", 5, DIM), t.weight("head.bias", 5)];
  return t.done(t.op("Gemm", head, { transB: 1 }, "/head"), [batch, 3, 6, 6], 14);
}

/** torchvision's ConvNeXt, a block of it, with a norm over channels in front, in parts. */
export function convnext(gelu: "gelu" | "tanhGelu" = "gelu"): OnnxModel {
  const t = tracer();
  const x = t.layerNorm(t.conv("input", "features.0.0", [8, 3, 1]), "features.0.1", 8, 1);
  let y = t.conv(x, "features.1.0.block.0", [8, 1, 7], { group: 8 });
  y = t.layerNorm(t.op("Transpose", [y], { perm: [0, 2, 3, 1] }), "features.1.0.block.2", 8);
  y = t.linear(t[gelu](t.linear(y, "features.1.0.block.3", 8, 16)), "features.1.0.block.5", 16, 8);
  y = t.op("Transpose", [y], { perm: [0, 3, 1, 2] });
  y = t.op("Add", [t.op("Mul", [t.weight("features.1.0.layer_scale", 8, 1, 1), y]), x]);
  const mean = t.op("ReduceMean", [y], { axes: [-1, -2], keepdims: 0 });
  return t.done(mean, ["batch", 3, 6, 6], 14);
}

/** MobileNetV3: expand, depthwise, squeeze and excite, hard swish, in operators or in parts. */
export function mobilenet(parts: "whole" | "apart"): OnnxModel {
  const t = tracer();
  const swish = (x: string) => {
    if (parts === "whole") return t.op("HardSwish", [x]);
    const ramp = t.op("Clip", [t.op("Add", [x, t.number(3)]), t.number(0), t.number(6)]);
    return t.op("Div", [t.op("Mul", [x, ramp]), t.number(6)]);
  };
  const gate = (x: string) => {
    if (parts === "whole") return t.op("HardSigmoid", [x], { alpha: 1 / 6 });
    return t.op("Div", [t.op("Clip", [t.op("Add", [x, t.number(3)]), t.number(0), t.number(6)]), t.number(6)]);
  };
  let x = swish(t.batchNorm(t.conv("input", "features.0.0", [8, 3, 3], { strides: [2, 2] }), "features.0.1", 8));
  const stream = x;
  x = t.op("Clip", [t.conv(x, "features.1.block.0.0", [8, 1, 3], { group: 8 }), t.number(0), t.number(6)]);
  const squeezed = t.op("GlobalAveragePool", [x]);
  const excited = t.op("Relu", [t.conv(squeezed, "features.1.block.1.fc1", [4, 8, 1])]);
  x = t.op("Mul", [gate(t.conv(excited, "features.1.block.1.fc2", [8, 4, 1])), x]);
  x = t.op("Add", [t.conv(x, "features.1.block.2.0", [8, 8, 1]), stream]);
  x = t.op("Mul", [x, t.op("Sigmoid", [x])]);
  const pooled = t.op("Flatten", [t.op("GlobalAveragePool", [x])], { axis: 1 });
  const inputs = [pooled, t.weight("classifier.weight", 5, 8), t.weight("classifier.bias", 5)];
  return t.done(t.op("Gemm", inputs, { transB: 1 }), ["batch", 3, 9, 9], 14);
}

/** A dense block, its transition, pooling that rounds up, group norm as PyTorch writes it, channels split and shuffled. */
export function dense(): OnnxModel {
  const t = tracer();
  const x = t.conv("input", "conv0", [4, 3, 3]);
  const grown = t.conv(t.op("Relu", [t.batchNorm(x, "norm1", 4)]), "conv1", [4, 4, 3]);
  let y = t.op("Concat", [x, grown], { axis: 1 });
  y = t.op("MaxPool", [y], { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 });
  const grouped = t.op("Reshape", [y, t.integers(0, 2, -1)]);
  const ones = [
    t.op("Constant", [], { value: float32("", [2], [1, 1]) }),
    t.op("Constant", [], { value: float32("", [2], [0, 0]) }),
  ];
  const normed = t.op("Reshape", [
    t.op("InstanceNormalization", [grouped, ...ones], { epsilon: 1e-5 }),
    t.op("Shape", [y]),
  ]);
  y = t.op("Add", [t.op("Mul", [normed, t.weight("gn.weight", 8, 1, 1)]), t.weight("gn.bias", 8, 1, 1)]);
  const [a, b] = t.many("Split", [y, t.integers(4, 4)], 2, { axis: 1 });
  y = t.op("Concat", [a, t.op("PRelu", [b, t.weight("prelu.weight", 4, 1, 1)])], { axis: 1 });
  const pairs = t.op("Reshape", [y, t.sizes(t.size(y, 0), 2, 4, t.size(y, 2), t.size(y, 3))]);
  y = t.op("Reshape", [t.op("Transpose", [pairs], { perm: [0, 2, 1, 3, 4] }), t.integers(0, 8, 4, -1)]);
  const counted = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 };
  y = t.op("AveragePool", [t.op("LeakyRelu", [y], { alpha: 0.1 })], counted);
  const doubled = { coordinate_transformation_mode: "asymmetric", mode: "nearest", nearest_mode: "floor" };
  const scales = t.op("Constant", [], { value: float32("", [4], [1, 1, 2, 2]) });
  y = t.op("Resize", [y, "", scales], doubled);
  y = t.op("Concat", [y, t.op("Softmax", [y], { axis: 1 })], { axis: 3 });
  return t.done(y, ["batch", 3, 7, 7], 13);
}

/** A decoder: smooth activations, bilinear steps up and down by both alignments, and the largest number of each map. */
export function decoder(opset: 17 | 18): OnnxModel {
  const t = tracer();
  const mish = (x: string) =>
    opset === 18 ? t.op("Mish", [x]) : t.op("Mul", [x, t.op("Tanh", [t.op("Softplus", [x])])]);
  let x = t.op("Elu", [t.conv("input", "stem", [6, 3, 3], { strides: [2, 2] })], { alpha: 0.7 });
  const scales = t.op("Constant", [], { value: float32("", [4], [1, 1, 2, 1.5]) });
  x = t.op("Resize", [x, "", scales], { mode: "linear", coordinate_transformation_mode: "half_pixel" });
  x = mish(t.conv(x, "middle", [4, 6, 3]));
  const sizes = t.op("Concat", [t.op("Slice", [t.op("Shape", [x]), t.integers(0), t.integers(2)]), t.integers(4, 11)], {
    axis: 0,
  });
  const corners = { mode: "linear", coordinate_transformation_mode: "align_corners" };
  x = t.op("Softplus", [t.op("Resize", [x, "", "", sizes], corners)]);
  const most = opset === 18
    ? t.op("ReduceMax", [x, t.integers(2, 3)], { keepdims: 0 })
    : t.op("ReduceMax", [x], { axes: [2, 3], keepdims: 0 });
  return t.done(most, ["batch", 3, 9, 9], opset);
}

/** What has changed its form between opsets 11 and 21: axes and sizes as attributes or as inputs, and what younger ones added. */
export function forms(opset: number): OnnxModel {
  const t = tracer();
  /** Axes are an attribute before `since`. */
  const over = (op: string, x: string, axes: number[], since: number, attributes: Attributes = {}) =>
    opset < since ? t.op(op, [x], { ...attributes, axes }) : t.op(op, [x, t.integers(...axes)], attributes);
  const mode = opset % 2 === 0 ? "SAME_LOWER" : "SAME_UPPER";
  let x = t.op("Conv", ["input", t.weight("conv.weight", 6, 3, 3, 3)], { auto_pad: mode, strides: [2, 2] });
  const sizes = opset < 13
    ? t.many("Split", [x], 3, { axis: 1, split: [1, 2, 3] })
    : t.many("Split", [x, t.integers(1, 2, 3)], 3, { axis: 1 });
  const parts = opset < 18
    ? t.many("Split", [sizes[2]], 3, { axis: 1 })
    : t.many("Split", [sizes[2]], 3, { axis: 1, num_outputs: 3 });
  x = t.op("Concat", [parts[2], sizes[1], parts[0], sizes[0], parts[1]], { axis: -3 });
  x = t.op("Pad", [x, t.integers(0, 0, 1, 0, 0, 1, 0, -1)]);
  x = t.op("Clip", [x, t.number(-2)]);
  x = opset < 12 ? t.op("Dropout", [x], { ratio: 0.3 }) : t.op("Dropout", [x, t.number(0.3)]);
  const lines = over("Squeeze", over("Unsqueeze", x, [2], 13), [2], 13);
  const soft = t.op("Softmax", [lines], { axis: 2 });
  let y = t.op("Add", [t.op("Mul", [soft, lines]), over("ReduceMean", lines, [1], 18)]);
  if (opset >= 17) y = t.op("LayerNormalization", [y, t.weight("norm.weight", 5)], { axis: -1 });
  if (opset >= 18) {
    const channels = opset >= 21 ? 7 : 1;
    const group = [t.weight("gn.weight", channels), t.weight("gn.bias", channels)];
    y = t.op("GroupNormalization", [y, ...group], { num_groups: 1 });
  }
  if (opset >= 20) y = t.op("Gelu", [y], { approximate: "tanh" });
  y = t.op("Sub", [y, t.op("InstanceNormalization", [y, t.weight("in.weight", 7), t.weight("in.bias", 7)])]);
  y = over("ReduceMean", y, [2, 3], 18, { keepdims: 0 });
  return t.done(t.op("Gather", [y, t.op("Constant", [], { value: int64("", [5, -7, 2]) })], { axis: 1 }), [
    "batch",
    3,
    11,
    12,
  ], opset);
}
