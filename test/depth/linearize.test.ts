/** Linear replacement: which layer stands for a block, what it is fitted to, and what comes of it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { gather } from "../../src/data/loader.ts";
import type { Dataset } from "../../src/data/types.ts";
import { blockMoments } from "../../src/depth/linearize/block_moments.ts";
import { joined } from "../../src/depth/linearize/joined_networks.ts";
import { ridgeFit } from "../../src/prune/reconstruct/least_squares.ts";
import { linearize, scoreBlocks } from "../../src/depth/linearize/linearize.ts";
import { type LinearPlan, linearPlan, zeroFit } from "../../src/depth/linearize/linear_plan.ts";
import { placeLayer } from "../../src/depth/linearize/place_layer.ts";
import type { Block } from "../../src/depth/types.ts";
import { UserError } from "../../src/errors.ts";
import { type Builder, builder } from "../../src/graph/build.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { runInterpreter, runPlan } from "../../src/graph/equivalence.ts";
import { execute } from "../../src/graph/execute.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Array64 } from "../../src/graph/reference/array.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { createModel } from "../../src/models/zoo.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { blockBetween } from "./blocks_by_name.ts";

const test = suite("linearize");
const gpu = await testGpu();
const COUNT = 40;

/** Noise as images [2, 6, 6]. */
const data: Dataset = {
  name: "noise",
  classes: 3,
  shape: [2, 6, 6],
  count: COUNT,
  images: Uint8Array.from(
    random(7, "pixels").fillUniform(new Float64Array(COUNT * 72), 0),
    (v) => Math.floor(256 * v),
  ),
  labels: Uint16Array.from({ length: COUNT }, (_, i) => i % 3),
  normalization: { scale: 255, mean: [0.5, 0.4], std: [0.25, 0.3] },
};
const inputs = gather(data).images;

function network(make: (b: Builder) => void): Model {
  const b = builder("blocks", ["N", 2, 6, 6]);
  make(b);
  const graph = b.graph();
  return { graph, params: initialise(graph, 3) };
}

/** Two basic blocks with ReLUs, the second of which halves the map; norms that do something. */
function residual(): { model: Model; blocks: Block[] } {
  const model = network((b) => {
    const stem = b.relu(b.conv(b.input, { name: "stem", out: 4, kernel: 3, pad: 1 }), "stem.relu");
    let y = b.relu(b.conv(stem, { name: "one.conv1", out: 4, kernel: 3, pad: 1 }), "one.relu1");
    y = b.conv(y, { name: "one.conv2", out: 4, kernel: 3, pad: 1 });
    const one = b.relu(b.add(y, stem, "one.add"), "one.out");
    y = b.relu(b.conv(one, { name: "two.conv1", out: 6, kernel: 3, stride: 2, pad: 1 }), "two.relu1");
    y = b.conv(y, { name: "two.conv2", out: 6, kernel: 3, pad: 1 });
    const shortcut = b.conv(one, { name: "two.shortcut", out: 6, kernel: 1, stride: 2 });
    const two = b.relu(b.add(y, shortcut, "two.add"), "two.out");
    b.gemm(b.flatten(b.globalAveragePool(two)), { name: "head", out: 3 });
  });
  const between = (from: string, to: string) => blockBetween(model.graph, "basic", from, to);
  return { model, blocks: [between("stem.relu", "one.out"), between("one.out", "two.out")] };
}

function planned(graph: Graph, block: Block, options?: Parameters<typeof linearPlan>[2]): LinearPlan {
  const plan = linearPlan(graph, block, options);
  if ("refused" in plan) throw new Error(plan.refused);
  return plan;
}

function valuesOf(model: Model): Map<string, Array64> {
  return referenceForward(model, { input: { shape: [COUNT, 2, 6, 6], data: inputs } });
}

test("a basic block becomes a 3×3 convolution beside its shortcut, before its last ReLU", () => {
  const { model, blocks: [block] } = residual();
  assert.equal(linearPlan(model.graph, block), {
    layer: {
      kind: "conv",
      channels: 4,
      filters: 4,
      kernel: [3, 3],
      strides: [1, 1],
      dilations: [1, 1],
      pads: [1, 1, 1, 1],
    },
    reads: "stem.relu",
    target: "one.add",
    skip: "stem.relu",
  });
  const wide = planned(model.graph, block, { kernel: 5 }).layer;
  assert.equal(wide.kind === "conv" && [wide.kernel, wide.pads], [[5, 5], [2, 2, 2, 2]]);
});

test("of a block with a layer in its shortcut the convolution takes both in, with the block's stride around its centre", () => {
  const { model, blocks: [, block] } = residual();
  const plan = planned(model.graph, block);
  assert.equal(plan, {
    layer: {
      kind: "conv",
      channels: 4,
      filters: 6,
      kernel: [3, 3],
      strides: [2, 2],
      dilations: [1, 1],
      // The block's pads of 1 + 1·2 for its reach of 7, two of them less for a reach of 3; at the end of a map of 6 none.
      pads: [1, 1, 0, 0],
    },
    reads: "one.out",
    target: "two.add",
  });
});

test("blocks of the zoo: inverted residuals, ConvNeXt behind its depthwise convolution, the MLP of a transformer", () => {
  const plan = (name: string, kind: Block["kind"], input: string, output: string) => {
    const graph = createModel(name, { size: 8 });
    return planned(graph, blockBetween(graph, kind, input, output));
  };
  const conv = { kind: "conv", dilations: [1, 1], strides: [1, 1] } as const;
  assert.equal(plan("mobilenetv2-micro", "inverted", "features.1.add", "features.2.add"), {
    layer: { ...conv, channels: 16, filters: 16, kernel: [3, 3], pads: [1, 1, 1, 1] },
    reads: "features.1.add",
    target: "features.2.add",
    skip: "features.1.add",
  });
  assert.equal(plan("mobilenetv2-micro", "inverted", "features.2.add", "features.3.conv.3"), {
    layer: { ...conv, channels: 16, filters: 24, kernel: [3, 3], strides: [2, 2], pads: [1, 1, 0, 0] },
    reads: "features.2.add",
    target: "features.3.conv.3",
  });
  assert.equal(plan("convnext-micro", "convnext", "features.1.0.add", "features.1.1.add"), {
    layer: { ...conv, channels: 16, filters: 16, kernel: [1, 1], pads: [0, 0, 0, 0] },
    reads: "features.1.1.block.0",
    target: "features.1.1.add",
    skip: "features.1.0.add",
  });
  assert.equal(plan("deit-micro", "transformer", "blocks.0.add2", "blocks.1.add2"), {
    layer: { kind: "tokens", channels: 48, filters: 48, rank: 3 },
    reads: "blocks.1.add1",
    target: "blocks.1.add2",
    skip: "blocks.1.add1",
  });
});

test("what no linear layer can stand for is refused with the reason", async () => {
  const { model, blocks: [block] } = residual();
  const branches = { ...block, kind: "branches" } as const;
  assert.match(JSON.stringify(linearPlan(model.graph, branches)), /merge them, which is exact/);
  const valid = network((b) => {
    const y = b.relu(b.conv(b.input, { name: "one", out: 3, kernel: 3 }));
    b.conv(y, { name: "two", out: 3, kernel: 3 });
  });
  const plain = blockBetween(valid.graph, "convolutions", "input", "two");
  assert.match(JSON.stringify(linearPlan(valid.graph, plain)), /a kernel of 3×3 doesn't make \[N,3,2,2\]/);
  const layer = planned(valid.graph, plain, { kernel: 5 }).layer;
  assert.equal(layer.kind === "conv" && [layer.kernel, layer.pads], [[5, 5], [0, 0, 0, 0]]);
  const error = await linearize({ gpu, model, blocks: [branches], images: data }).catch((e: unknown) => e);
  assert.instance(error, UserError);
  assert.match((error as Error).message, /block "basic one.out" \(branches\) can't become a linear layer/);
  const few = await linearize({ gpu, model, blocks: [block], images: { ...data, count: 1 } }).catch((e: unknown) => e);
  assert.match((few as Error).message, /found 1 images, expected two or more/);
});

test("two networks stand beside each other, and what they share once", () => {
  const { model, blocks: [, block] } = residual();
  const plan = planned(model.graph, block);
  const { model: second } = placeLayer(model, { block, plan, fit: zeroFit(plan) }, "replaced");
  const both = joined(model, second);
  const outputs = [...model.graph.outputs, both.other("head")];
  const whole = { graph: { ...both.model.graph, outputs }, params: both.model.params };
  validateModel(whole);
  assert.is(both.other("one.out"), "one.out");
  assert.is.not(both.other("two.out"), "two.out");
  const values = valuesOf(whole);
  assert.equal(values.get("head"), valuesOf(model).get("head"));
  assert.equal(values.get(both.other("head")), valuesOf(second).get("head"));
});

test("moments are those of windows in the replaced network and of values in the original one", async () => {
  const { model, blocks: [one, two] } = residual();
  const first = planned(model.graph, one), plan = planned(model.graph, two);
  const { model: replaced } = placeLayer(model, { block: one, plan: first, fit: zeroFit(first) }, "replaced");
  const [halves] = await blockMoments({ gpu, original: model, replaced, plans: [plan], images: data, batch: 8 });
  const [x, y] = [valuesOf(replaced).get("one.out")!, valuesOf(model).get("two.add")!];
  halves.forEach(({ joint, deviation }, half) => {
    const rows: number[][] = [];
    for (let image = half; image < COUNT; image += 2) {
      for (let position = 0; position < 9; position++) rows.push(rowOf(x, y, image, position));
    }
    assert.is(joint.n, 4 * 9 + 6 + 1);
    let [error, variation] = [0, 0];
    for (let i = 0; i < joint.n; i++) {
      for (let j = 0; j < joint.n; j++) {
        const sum = rows.reduce((total, row) => total + row[i] * row[j], 0);
        error = Math.max(error, Math.abs(sum - joint.sums[i * joint.n + j]) / rows.length);
      }
      if (i < 36 || i === 42) continue;
      const mean = rows.reduce((total, row) => total + row[i], 0) / rows.length;
      variation += rows.reduce((total, row) => total + (row[i] - mean) ** 2, 0);
    }
    assert.ok(error < 1e-5, `off by ${error} per row`);
    assert.ok(Math.abs(deviation - variation) < 1e-4 * variation, `${deviation} instead of ${variation}`);
  });
});

/** [window of 3×3 with stride 2 and one pad before, what is made there, 1] */
function rowOf(x: Array64, y: Array64, image: number, position: number): number[] {
  const [row, column] = [Math.floor(position / 3), position % 3];
  const at = (channel: number, r: number, c: number) =>
    r < 0 || c < 0 || r > 5 || c > 5 ? 0 : x.data[((image * 4 + channel) * 6 + r) * 6 + c];
  const window = Array.from({ length: 36 }, (_, i) => {
    const [channel, kh, kw] = [Math.floor(i / 9), Math.floor(i % 9 / 3), i % 3];
    return at(channel, 2 * row + kh - 1, 2 * column + kw - 1);
  });
  return [...window, ...Array.from({ length: 6 }, (_, f) => y.data[(image * 6 + f) * 9 + position]), 1];
}

for (const shortcut of ["with", "without"] as const) {
  test(`convolutions that are linear already are met exactly, ${shortcut} a shortcut and a stride`, async () => {
    const stride = shortcut === "with" ? 1 : 2;
    const model = network((b) => {
      const stem = b.relu(b.conv(b.input, { name: "stem", out: 4, kernel: 3, pad: 1 }), "stem.relu");
      let y = b.conv(stem, { name: "conv1", out: 6, kernel: 3, pad: 1, stride });
      y = b.conv(y, { name: "conv2", out: 4, kernel: 1 });
      if (shortcut === "with") y = b.add(stem, y, "sum");
      y = b.relu(y, "end");
      b.gemm(b.flatten(b.globalAveragePool(y)), { name: "head", out: 3 });
    });
    const block = blockBetween(model.graph, "basic", "stem.relu", "end");
    const { rewrite, scores } = await linearize({ gpu, model, blocks: [block], images: data, ridge: 0 });
    validateModel(rewrite.model);
    assert.ok(scores[0].r2 > 1 - 1e-5, `R² ${scores[0].r2}`);
    const [before, after] = [
      await runPlan(gpu, model, inputs, COUNT),
      await runPlan(gpu, rewrite.model, inputs, COUNT),
    ];
    assert.ok(compareOutputs(before, after).maxRel < 1e-3);
    assert.equal(rewrite.model.graph.nodes.map(({ outputs }) => outputs[0]).includes("end"), true);
    assert.equal(rewrite.map.get(`basic end.linear.weight`), {
      sources: ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"],
      how: "least squares of basic end",
    });
    assert.equal(rewrite.map.get("stem.weight"), { source: "stem.weight", keep: [null, null, null, null] });
  });
}

test("an MLP without an activation is met exactly, over tokens", async () => {
  const model = network((b) => {
    const tokens = b.transpose(b.reshape(b.conv(b.input, { name: "stem", out: 5, kernel: 2, stride: 2 }), [5, 9]), [
      0,
      2,
      1,
    ]);
    const x = b.add(tokens, b.param("position", [1, 9, 5], "table", { normal: 1 }), "x");
    const y = b.linear(b.linear(x, { name: "fc1", out: 8 }), { name: "fc2", out: 5 });
    b.gemm(b.flatten(b.add(x, y, "sum")), { name: "head", out: 3 });
  });
  const block = blockBetween(model.graph, "mlp", "x", "sum");
  const { rewrite, scores } = await linearize({ gpu, model, blocks: [block], images: data, ridge: 0 });
  validateModel(rewrite.model);
  assert.ok(scores[0].r2 > 1 - 1e-5, `R² ${scores[0].r2}`);
  // 9 tokens, 5·8 + 8·5 and 5·5.
  assert.equal(scores[0].macs, { before: 720, after: 225 });
  const [before, after] = [await runPlan(gpu, model, inputs, COUNT), await runPlan(gpu, rewrite.model, inputs, COUNT)];
  assert.ok(compareOutputs(before, after).maxRel < 1e-3);
});

test("a block is fitted to the original on what went through the layers before it", async () => {
  const { model, blocks } = residual();
  const [one, two] = blocks;
  const ridge = 1e-6;
  const { rewrite, layers } = await linearize({ gpu, model, blocks: [two, one], images: data, ridge });
  assert.equal(layers.map(({ block }) => block.name), [one.name, two.name]);
  const plan = planned(model.graph, two);
  // The other way: each fitted on the original network's own values.
  const [[even, odd]] = await blockMoments({ gpu, original: model, replaced: model, plans: [plan], images: data });
  const sums = even.joint.sums.map((sum, i) => sum + odd.joint.sums[i]);
  const alone = ridgeFit({ n: even.joint.n, sums }, { inputs: 36, ridge });
  const prefix = placeLayer(model, layers[0], "replaced").model;
  const parallel = placeLayer(prefix, { block: two, plan, fit: alone }, "replaced").model;
  const wanted = valuesOf(model).get("two.add")!.data;
  const error = (other: Model) =>
    valuesOf(other).get("two.add")!.data.reduce((sum, v, i) => sum + (v - wanted[i]) ** 2, 0);
  assert.ok(error(rewrite.model) < 0.999 * error(parallel), `${error(rewrite.model)} and ${error(parallel)}`);
});

test("scores are of each block alone, and say what a layer saves", async () => {
  const { model, blocks } = residual();
  const scores = await scoreBlocks({ gpu, model, blocks, images: data });
  // 36 pixels of 4·4·9, twice; then 9 pixels of 6·4·9, 6·6·9 and 6·4.
  assert.equal(scores.map(({ block, macs }) => [block, macs]), [
    [blocks[0].name, { before: 10368, after: 5184 }],
    [blocks[1].name, { before: 5076, after: 1944 }],
  ]);
  for (const [i, block] of blocks.entries()) {
    const { scores: [own] } = await linearize({ gpu, model, blocks: [block], images: data });
    assert.ok(Math.abs(own.r2 - scores[i].r2) < 1e-4 && own.r2 < 1 && own.r2 > 0.2, `${own.r2}, ${scores[i].r2}`);
  }
  assert.equal(await scoreBlocks({ gpu, model, blocks: [], images: data }), []);
});

test("mixed at 0 it is the network bit for bit, at 1 the replaced one", async () => {
  const { model, blocks } = residual();
  const mixed = await linearize({ gpu, model, blocks, images: data, how: "mixed" });
  const replaced = await linearize({ gpu, model, blocks, images: data });
  validateModel(mixed.rewrite.model);
  const at = async (mix: number) => {
    using tape = new Tape(gpu, "eval");
    const params = new Map(
      Array.from(mixed.rewrite.model.params, ([name, t]) => [name, tape.own(Tensor.from(gpu, t.data, t.shape))]),
    );
    const x = tape.own(Tensor.from(gpu, inputs, [COUNT, 2, 6, 6]));
    return new Float32Array((await gpu.readMany([execute(tape, mixed.rewrite.model.graph, params, x, { mix })]))[0]);
  };
  assert.equal(await at(0), await runInterpreter(gpu, model, inputs, COUNT));
  assert.equal(await at(1), await runInterpreter(gpu, replaced.rewrite.model, inputs, COUNT));
});

test.run();
