/** Networks that hold what a plan for inference must get right: what is fused, read twice, or only a view. */
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { randomParams } from "../generate/graphs.ts";

export function net(
  channels: number,
  side: number,
  build: (b: Builder, conv: (x: string, out: number) => string) => string,
) {
  const b = builder("net", ["N", channels, side, side]);
  let layers = 0;
  const conv = (x: string, out: number) => b.conv(x, { name: `conv${layers++}`, out, kernel: 3, pad: 1 });
  return b.graph([build(b, conv)]);
}

/** VGG in small: two stages of two convolutions with batch norm, and a hidden linear layer. */
function smallVgg(): Graph {
  return net(3, 8, (b, conv) => {
    let x = b.input;
    [6, 6, 9, 9].forEach((out, i) => {
      x = b.relu(b.batchNorm(conv(x, out), { name: `bn${i}` }));
      if (i % 2 === 1) x = b.maxPool(x, { kernel: 2 });
    });
    return b.gemm(b.relu(b.gemm(b.flatten(x), { name: "fc", out: 11 })), { name: "classifier", out: 5 });
  });
}

function outputFirst(): Graph {
  const b = builder("net", ["N", 3, 5, 5]);
  const conv = (x: string, name: string) => b.conv(x, { name, out: 3, kernel: 3, pad: 1 });
  const first = b.tanh(conv(b.input, "first"));
  const last = b.tanh(conv(b.tanh(conv(first, "second")), "third"));
  return b.graph([first, last]);
}

/** A block of ConvNeXt: depthwise, then channels last for the norm and the two products, scaled and added. */
function convNeXt(): Graph {
  const b = builder("convnext", ["N", 6, 5, 5]);
  const spread = b.conv(b.input, { name: "dwconv", out: 6, kernel: 7, pad: 3, group: 6 });
  const normal = b.layerNorm(b.transpose(spread, [0, 2, 3, 1]), { name: "norm", bias: false });
  const product = (x: string, name: string, out: number) => {
    const y = b.matmul(x, b.param(`${name}.weight`, [b.shape(x)[3] as number, out], "weight"));
    return b.add(y, b.param(`${name}.bias`, [1, 1, 1, out], "bias"));
  };
  const mixed = product(b.gelu(product(normal, "pwconv1", 24)), "pwconv2", 6);
  const scaled = b.mul(mixed, b.param("gamma", [1, 1, 1, 6], "gamma"));
  return b.graph([b.add(b.input, b.transpose(scaled, [0, 3, 1, 2]))]);
}

/** Tokens behind a class token, with a place each; one product takes bias, sum and activation. */
function tokens(): Graph {
  const b = builder("tokens", ["N", 4, 8]);
  const all = b.concat([b.param("cls", [1, 1, 8], "table"), b.input]);
  const placed = b.add(all, b.param("places", [1, 5, 8], "table"));
  const product = b.matmul(b.layerNorm(placed, { name: "norm" }), b.param("fc.weight", [8, 8], "weight"));
  const sum = b.relu(b.add(b.add(product, b.param("fc.bias", [1, 1, 8], "bias")), placed));
  return b.graph([b.gemm(b.mean(sum, [1]), { name: "head", out: 3 })]);
}

/** What MobileNetV3 is made of, and a decoder's step up. */
function mobile(): Graph {
  return net(3, 6, (b, conv) => {
    const x = b.hardSwish(conv(b.input, 8));
    const gates = b.hardSigmoid(b.conv(b.globalAveragePool(x), { name: "gate", out: 8, kernel: 1 }), {
      alpha: 1 / 6,
      beta: 0.5,
    });
    const small = b.maxPool(b.prelu(b.mul(x, gates), { name: "prelu" }), { kernel: 2 });
    const map = b.sigmoid(b.conv(small, { name: "map", out: 1, kernel: 1 }));
    const up = b.leakyRelu(b.resize(b.div(b.sub(small, map), b.add(map, map)), 2), 0.2);
    return conv(b.concat([up, x]), 4);
  });
}

/** Both operands fill a uniform binding of 64 KiB. */
function wideProduct(): Graph {
  const b = builder("wide", ["N", 128, 128]);
  b.linear(b.layerNorm(b.input, { name: "norm" }), { name: "fc", out: 192 });
  return b.graph();
}

export const GRAPHS: Readonly<Record<string, Graph>> = {
  "digits": createModel("digits"),
  "lenet5": createModel("lenet5", { width: 0.5 }),
  "resnet8, option A": createModel("resnet8", { size: 12, width: 0.5 }),
  "resnet8, projections": createModel("resnet8", { size: 12, width: 0.5, shortcut: "projection" }),
  "vgg in small": smallVgg(),
  "a block of ConvNeXt": convNeXt(),
  "tokens": tokens(),
  "hard activations, gates, a step up": mobile(),
  "sum before the activation": net(3, 7, (b, conv) => {
    const x = b.relu(conv(b.input, 5));
    return b.relu(b.add(b.batchNorm(conv(x, 5), { name: "bn" }), x));
  }),
  "sum after the activation": net(3, 7, (b, conv) => {
    const x = b.relu(conv(b.input, 5));
    return conv(b.add(x, b.relu(conv(x, 5))), 4);
  }),
  "relu6 and a sum of two branches": net(2, 5, (b, conv) => {
    const wide = b.mul(b.input, b.param("wide", [2], "table"));
    return b.relu6(b.add(conv(wide, 7), conv(b.relu6(conv(wide, 5)), 7)));
  }),
  "a batch norm that can't fold": net(3, 5, (b, conv) => {
    const x = conv(b.batchNorm(b.input, { name: "first" }), 4);
    return b.concat([b.batchNorm(x, { name: "second" }), b.relu(x)]);
  }),
  "concatenation of used and of finished values": net(3, 5, (b, conv) => {
    const x = b.relu(conv(b.input, 3));
    return conv(b.concat([x, conv(x, 2), b.tanh(conv(x, 4)), b.input]), 3);
  }),
  "gates": net(3, 6, (b, conv) => {
    const x = conv(b.input, 5);
    const hidden = b.relu(b.gemm(b.flatten(b.globalAveragePool(x)), { name: "squeeze", out: 3 }));
    const gate = b.sigmoid(b.gemm(hidden, { name: "excite", out: 5 }));
    return b.add(b.mul(x, gate), b.mul(b.sigmoid(conv(x, 5)), x));
  }),
  "a reshape at the end": net(3, 5, (b, conv) => b.reshape(b.relu(conv(b.input, 4)), [2, -1])),
  "only a reshape": net(3, 5, (b) => b.flatten(b.input)),
  "a view that outlives its source's last reader": net(3, 4, (b, conv) => {
    const x = conv(b.input, 4);
    const flat = b.flatten(x);
    const y = conv(conv(b.tanh(x), 4), 4);
    return b.gemm(b.concat([flat, b.flatten(y)]), { name: "fc", out: 3 });
  }),
  "two readers far apart": net(3, 6, (b, conv) => {
    const x = conv(b.input, 4);
    let y = x;
    for (let i = 0; i < 4; i++) y = b.relu(conv(y, 4));
    return b.add(y, x);
  }),
  "an output that later nodes read": outputFirst(),
  "depthwise, dropout, identity, pooling": net(4, 7, (b) => {
    let x = b.conv(b.input, { name: "depthwise", out: 4, kernel: 3, pad: 1, group: 4 });
    x = b.dropout(b.gelu(b.averagePool(b.identity(x), { kernel: 3, stride: 2, pad: 1 })));
    return b.conv(x, { name: "pointwise", out: 6, kernel: 1, bias: false });
  }),
  "tokens times a matrix wide enough for panels": wideProduct(),
  "kept columns and border tables": net(3, 6, (b) => {
    const x = b.columnConv(b.input, { name: "columns", out: 4, kernel: 3, pad: 1, taps: [0, 4, 9, 13, 26] });
    const border = [0, 1, 1, 1, 1, 2];
    const y = b.relu(b.batchNorm(b.borderBias(x, { name: "border", rows: border, cols: border }), { name: "bn" }));
    return b.columnConv(b.flatten(y), { name: "fc", out: 3, kernel: 1, taps: [1, 50, 143] });
  }),
};

export const TAILS: Readonly<Record<string, Graph>> = {
  "a sum, GELU and a batch norm, maps of 36": net(3, 6, (b, conv) => {
    const x = conv(b.input, 5);
    return conv(b.batchNorm(b.gelu(b.add(x, conv(x, 5))), { name: "tail" }), 2);
  }),
  "the same on maps of 49, by tanh": net(3, 7, (b, conv) => {
    const x = conv(b.input, 5);
    return conv(b.batchNorm(b.gelu(b.add(x, conv(x, 5)), "tanh"), { name: "tail" }), 2);
  }),
  "ReLU and ReLU6, each before a batch norm": net(3, 6, (b, conv) => {
    const x = b.batchNorm(b.relu(conv(b.input, 5)), { name: "first" });
    return b.batchNorm(b.relu6(b.add(conv(x, 5), x)), { name: "last" });
  }),
  "a border of a size of its own, ReLU6 and a batch norm": net(3, 7, (b, conv) => {
    const border = { name: "border", rows: [0, 1, 2, 2, 2, 1, 0], cols: [0, 1, 1, 1, 1, 1, 2] };
    return conv(b.batchNorm(b.relu6(b.borderBias(conv(b.input, 5), border)), { name: "tail" }), 2);
  }),
  "a border of a map of 16, and GELU": net(3, 4, (b, conv) => {
    return conv(b.gelu(b.borderBias(conv(b.input, 3), { name: "border", rows: [0, 1, 1, 2], cols: [0, 1, 1, 2] })), 2);
  }),
  "GELU and a batch norm of tokens of 8": tokenTail(5, 8),
  "GELU and a batch norm of tokens of 6": tokenTail(4, 6),
  "a batch norm of features": net(2, 4, (b) => {
    const x = b.gelu(b.gemm(b.flatten(b.input), { name: "fc", out: 9 }));
    return b.gemm(b.batchNorm(x, { name: "tail" }), { name: "head", out: 3 });
  }),
  "an image's middle axis normed between two changes of layout": net(3, 5, (b, conv) => {
    const x = b.tanh(conv(b.input, 4));
    return b.transpose(b.batchNorm(b.transpose(x, [0, 2, 1, 3]), { name: "rows" }), [0, 2, 1, 3]);
  }),
};

/** How a pruned block of a transformer ends: the norm has the tokens' channels between two changes of layout. */
function tokenTail(count: number, dim: number): Graph {
  const b = builder("tokens", ["N", count, dim]);
  const sum = b.add(b.input, b.linear(b.input, { name: "merged", out: dim }), "sum");
  const first = b.transpose(b.gelu(sum), [0, 2, 1]);
  b.linear(b.transpose(b.batchNorm(first, { name: "tail" }), [0, 2, 1]), { name: "next", out: 3 });
  return b.graph();
}

export function modelOf(graph: Graph): Model {
  return { graph, params: randomParams(graph, 17) };
}
