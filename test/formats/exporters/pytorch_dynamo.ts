/** As torch.onnx.export(..., dynamo=True) of PyTorch 2.6 and up writes networks: node_conv2d, val_3, allowzero, symbolic sizes. */
import { float, type WrittenFile, type WrittenGraph, writtenGraph } from "./written_graph.ts";

const PRODUCER = "pytorch";

/** What is used of the sizes of a value with a symbolic batch: [s77, …rest]. */
function sizes(g: WrittenGraph, of: string, name: string, rest: readonly number[]): string {
  g.node(`node_Shape_${name}`, "Shape", [of], [`${name}_size`], { start: 0, end: 1 });
  g.node(`node_Squeeze_${name}`, "Squeeze", [`${name}_size`], [`sym_size_int_${name}`]);
  g.node(
    `node_Reshape_${name}`,
    "Reshape",
    [`sym_size_int_${name}`, g.ints(`${name}_minus`, [-1])],
    [`${name}_first`],
    {
      allowzero: 0,
    },
  );
  return g.node(`node_Concat_${name}`, "Concat", [`${name}_first`, g.ints(`${name}_rest`, rest)], [`val_${name}`], {
    axis: 0,
  });
}

function conv(
  g: WrittenGraph,
  x: string,
  name: string,
  [out, per, k]: readonly number[],
  y: string,
  stride = 1,
): string {
  const pad = (k - 1) >> 1;
  return g.node(`node_${y}`, "Conv", [x, g.weight(`${name}.weight`, out, per, k, k)], [y], {
    group: 1,
    pads: [pad, pad, pad, pad],
    auto_pad: "NOTSET",
    strides: [stride, stride],
    dilations: [1, 1],
  });
}

function batchNorm(g: WrittenGraph, x: string, name: string, channels: number, y: string): string {
  const inputs = ["weight", "bias", "running_mean"].map((kind) => g.weight(`${name}.${kind}`, channels));
  return g.node(`node_${y}`, "BatchNormalization", [x, ...inputs, g.positive(`${name}.running_var`, channels)], [y], {
    training_mode: 0,
    epsilon: 9.999999747378752e-6,
    momentum: 0.8999999761581421,
  });
}

/** A residual block with a stem, pooled, flattened by a view, and a linear layer. */
export function resnet(opset: number): WrittenFile {
  const g = writtenGraph();
  let x = conv(g, "x", "conv1", [8, 3, 3], "conv2d");
  x = g.node("node_relu", "Relu", [batchNorm(g, x, "bn1", 8, "getitem")], ["relu"]);
  x = g.node("node_max_pool2d", "MaxPool", [x], ["max_pool2d"], {
    storage_order: 0,
    dilations: [1, 1],
    ceil_mode: 0,
    pads: [1, 1, 1, 1],
    auto_pad: "NOTSET",
    strides: [2, 2],
    kernel_shape: [3, 3],
  });
  const skip = x;
  x = batchNorm(g, conv(g, x, "layer1.0.conv1", [8, 8, 3], "conv2d_1"), "layer1.0.bn1", 8, "getitem_3");
  x = g.node("node_relu_1", "Relu", [x], ["relu_1"]);
  x = batchNorm(g, conv(g, x, "layer1.0.conv2", [8, 8, 3], "conv2d_2"), "layer1.0.bn2", 8, "getitem_6");
  x = g.node("node_relu_2", "Relu", [g.node("node_add", "Add", [x, skip], ["add_24"])], ["relu_2"]);
  x = g.node("node_mean", "ReduceMean", [x, g.ints("val_58", [-1, -2])], ["mean"], {
    noop_with_empty_axes: 0,
    keepdims: 1,
  });
  x = g.node("node_view", "Reshape", [x, sizes(g, "x", "59", [8])], ["view"], { allowzero: 1 });
  const linear = [x, g.weight("fc.weight", 5, 8), g.weight("fc.bias", 5)];
  g.node("node_linear", "Gemm", linear, ["linear"], { beta: float(1), transB: 1, alpha: float(1), transA: 0 });
  return g.file({ input: "x", shape: ["s77", 3, 9, 9], output: "linear", opset, producer: PRODUCER });
}

const [TOKENS, DIM, HEADS, DEPTH] = [9, 12, 3, 4];

/** A block of a vision transformer: class token, joint queries, keys and values, attention in parts or as an operator. */
export function transformer(opset: number): WrittenFile {
  const g = writtenGraph();
  let counter = 100;
  const val = () => `val_${counter++}`;
  const op = (name: string, type: string, inputs: readonly string[], attributes = {}) =>
    g.node(`node_${name}`, type, inputs, [name], attributes);
  /** Weights are transposed by the exporter's optimizer: they lose their names. */
  const linear = (x: string, name: string, from: number, to: number) =>
    op(name, "Add", [op(val(), "MatMul", [x, g.weight(val(), from, to)]), g.weight(`${name}.bias`, to)]);
  const norm = (x: string, name: string) =>
    op(name, "LayerNormalization", [x, g.weight(`${name}.weight`, DIM), g.weight(`${name}.bias`, DIM)], {
      stash_type: 1,
      epsilon: 9.999999974752427e-7,
      axis: -1,
    });
  const patches = g.node(
    "node_conv2d",
    "Conv",
    ["x", g.weight("patch_embed.proj.weight", DIM, 3, 2, 2), g.weight("patch_embed.proj.bias", DIM)],
    ["conv2d"],
    { group: 1, pads: [0, 0, 0, 0], auto_pad: "NOTSET", strides: [2, 2], dilations: [1, 1] },
  );
  const flat = op("view", "Reshape", [patches, sizes(g, "x", "1", [DIM, TOKENS])], { allowzero: 1 });
  const token = op("expand", "Expand", [g.weight("cls_token", 1, 1, DIM), sizes(g, "x", "2", [1, DIM])]);
  const joined = op("cat", "Concat", [token, op("transpose", "Transpose", [flat], { perm: [0, 2, 1] })], { axis: 1 });
  const x = op("add_9", "Add", [joined, g.weight("pos_embed", 1, TOKENS + 1, DIM)]);
  const qkv = linear(norm(x, "blocks.0.norm1"), "blocks.0.attn.qkv", DIM, 3 * DIM);
  const apart = op("view_1", "Reshape", [qkv, sizes(g, "x", "3", [TOKENS + 1, 3, HEADS, DEPTH])], { allowzero: 1 });
  const turned = op("permute", "Transpose", [apart], { perm: [2, 0, 3, 1, 4] });
  g.node("node_Split_12", "Split", [turned], ["val_q", "val_k", "val_v"], { num_outputs: 3, axis: 0 });
  const [q, k, v] = ["val_q", "val_k", "val_v"].map((part, i) =>
    op(`getitem_${i}`, "Squeeze", [part, g.ints(val(), [0])])
  );
  let attended = "";
  if (opset >= 23) {
    attended = op("scaled_dot_product_attention", "Attention", [q, k, v], { is_causal: 0, scale: DEPTH ** -0.5 });
  } else {
    const half = () => g.floats(val(), [1], DEPTH ** -0.25);
    const keys = op(val(), "Transpose", [k], { perm: [0, 1, 3, 2] });
    const scores = op(val(), "MatMul", [op(val(), "Mul", [q, half()]), op(val(), "Mul", [keys, half()])]);
    attended = op("scaled_dot_product_attention", "MatMul", [op(val(), "Softmax", [scores], { axis: -1 }), v]);
  }
  const back = op("transpose_1", "Transpose", [attended], { perm: [0, 2, 1, 3] });
  const merged = op("view_2", "Reshape", [back, sizes(g, "x", "4", [TOKENS + 1, DIM])], { allowzero: 1 });
  const y = op("add_150", "Add", [x, linear(merged, "blocks.0.attn.proj", DIM, DIM)]);
  const hidden = linear(norm(y, "blocks.0.norm2"), "blocks.0.mlp.fc1", DIM, 24);
  let active = "";
  if (opset >= 20) active = op("gelu", "Gelu", [hidden], { approximate: "none" });
  else {
    const erf = op(val(), "Erf", [op(val(), "Div", [hidden, g.floats(val(), [], Math.SQRT2)])]);
    const gate = op(val(), "Add", [erf, g.floats(val(), [], 1)]);
    active = op("gelu", "Mul", [hidden, op(val(), "Mul", [g.floats(val(), [], 0.5), gate])]);
  }
  const z = op("add_212", "Add", [y, linear(active, "blocks.0.mlp.fc2", 24, DIM)]);
  const first = op("select", "Gather", [norm(z, "norm"), g.ints("val_index", [0], [])], { axis: 1 });
  const head = [first, g.weight("head.weight", 5, DIM), g.weight("head.bias", 5)];
  g.node("node_linear_4", "Gemm", head, ["linear_4"], { beta: float(1), transB: 1, alpha: float(1), transA: 0 });
  return g.file({ input: "x", shape: ["batch", 3, 6, 6], output: "linear_4", opset, producer: PRODUCER });
}
