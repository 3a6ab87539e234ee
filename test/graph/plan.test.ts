import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { type Builder, builder } from "../../src/graph/build.ts";
import { compareOutputs, tolerance } from "../../src/graph/compare.ts";
import { runInterpreter } from "../../src/graph/equivalence.ts";
import { foldForInference } from "../../src/graph/fold.ts";
import { fuse } from "../../src/graph/fuse.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import { concrete } from "../../src/graph/shapes.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { openGpu } from "../gpu/kernels.ts";

const test = suite("plan");

function net(channels: number, side: number, build: (b: Builder, conv: (x: string, out: number) => string) => string) {
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

const GRAPHS: Readonly<Record<string, Graph>> = {
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

const TAILS: Readonly<Record<string, Graph>> = {
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

function modelOf(graph: Graph): Model {
  return { graph, params: randomParams(graph, 17) };
}

for (const [name, graph] of Object.entries({ ...GRAPHS, ...TAILS })) {
  test(`${name}: the plan equals the interpreter and the reference, at batches 1 and 5`, async () => {
    const gpu = await testGpu();
    const model = modelOf(graph);
    for (const batch of [1, 5]) {
      const { input } = randomInputs(graph, 4, batch);
      const expected = referenceForward(model, { input }).get(graph.outputs[0])!;
      const plan = compilePlan(gpu, model, batch);
      using x = Tensor.from(gpu, input.data, input.shape);
      const fused = await plan.run(x).read();
      assert.equal(plan.output.shape, expected.shape);
      plan.dispose();
      const plain = await runInterpreter(gpu, model, input.data, batch);
      const [byPlan, byInterpreter] = [fused, plain].map((y) => compareOutputs(expected.data, y).maxRel);
      assert.ok(byPlan <= tolerance(graph), `batch ${batch}: the plan is off by ${byPlan}`);
      assert.ok(byInterpreter <= tolerance(graph), `batch ${batch}: the interpreter is off by ${byInterpreter}`);
    }
  });
}

test("runs with other inputs between them give the same bits, and take no more memory", async () => {
  using gpu = await openGpu();
  for (const name of ["resnet8, option A", "gates", "concatenation of used and of finished values", "only a reshape"]) {
    const graph = GRAPHS[name];
    const plan = compilePlan(gpu, modelOf(graph), 3);
    const [a, b] = [1, 2].map((seed) => randomInputs(graph, seed, 3).input);
    using first = Tensor.from(gpu, a.data, a.shape);
    using second = Tensor.from(gpu, b.data, b.shape);
    const expected = await plan.run(first).read();
    const before = memory(gpu);
    assert.not.equal(await plan.run(second).read(), expected);
    for (let i = 0; i < 20; i++) plan.run(i % 2 === 0 ? first : second);
    assert.equal(await plan.run(first).read(), expected, name);
    assert.equal(memory(gpu), before, name);
    plan.dispose();
  }
});

/** Of a device that no other test uses: a pool frees what was long idle, and other tests fill it. */
function memory(gpu: Gpu): readonly number[] {
  const { liveBytes, pooledBytes, liveBuffers } = gpu.stats();
  return [liveBytes, pooledBytes, liveBuffers];
}

test("a new plan after a disposed one takes its buffers again", async () => {
  using gpu = await openGpu();
  const model = modelOf(GRAPHS["vgg in small"]);
  const compile = () => compilePlan(gpu, model, 4).dispose();
  compile();
  const before = memory(gpu);
  for (let i = 0; i < 5; i++) compile();
  assert.equal(memory(gpu), before);
});

test("activations share memory: a deep net needs little more than its widest step", async () => {
  using gpu = await openGpu();
  const graph = net(8, 8, (b, conv) => {
    let x = conv(b.input, 8);
    for (let i = 0; i < 10; i++) x = b.tanh(b.relu(b.add(conv(x, 8), x)));
    return x;
  });
  const batch = 32;
  const model = modelOf(graph);
  const { model: folded } = foldForInference(model);
  const shapes = inferShapes(folded.graph);
  const sizes = fuse(folded.graph).map(({ output }) => 4 * elements(concrete(shapes.get(output)!, batch)));
  const parameters = [...folded.params.values()].reduce((sum, { data }) => sum + Math.max(256, data.byteLength), 0);
  const before = gpu.stats().liveBytes;
  const plan = compilePlan(gpu, model, batch);
  const taken = gpu.stats().liveBytes - before;
  plan.dispose();
  const all = sizes.reduce((a, b) => a + b, 0);
  // Weights lie twice (as they are and packed), and buffers are rounded up.
  const activations = taken - 3 * parameters;
  assert.ok(activations < all / 3, `${activations} bytes for ${all} bytes of activations`);
});

test("an input of another size is refused", async () => {
  const gpu = await testGpu();
  const plan = compilePlan(gpu, modelOf(GRAPHS.digits), 2);
  using x = Tensor.zeros(gpu, [3, 1, 8, 8]);
  assert.throws(() => plan.run(x), /the plan takes \[2,1,8,8\], got \[3,1,8,8\]/);
  plan.dispose();
});

test("a model that can't be compiled leaves no buffers behind", async () => {
  const gpu = await testGpu();
  const { graph, params } = modelOf(GRAPHS.digits);
  const cut = new Map(params).set("fc2.bias", { shape: [10], data: new Float32Array(9) });
  const before = gpu.stats().liveBuffers;
  assert.throws(() => compilePlan(gpu, { graph, params: cut }, 2), /shape \[10\] has 10 elements, the data 9/);
  assert.is(gpu.stats().liveBuffers, before);
});

test.run();
