import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareOutputs } from "../../src/graph/compare.ts";
import { assertEquivalent } from "../../src/graph/equivalence.ts";
import { type Builder, builder, type ConvOptions } from "../../src/graph/build.ts";
import { mergedParams64 } from "../../src/depth/merge/merge.ts";
import { reparameterise } from "../../src/depth/merge/reparameterise.ts";
import { affineRuns } from "../../src/depth/merge/runs.ts";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import type { Graph } from "../../src/graph/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { createModel } from "../../src/models/zoo.ts";
import { tracer } from "../formats/onnx-exports.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { mergeError64, outputs64, randomParams64 } from "./merged.ts";

const test = suite("reparameterise");

type Conv = Omit<ConvOptions, "name" | "bias">;

function convBn(b: Builder, x: string, name: string, options: Conv): string {
  return b.batchNorm(b.conv(x, { ...options, name: `${name}.conv`, bias: false }), { name: `${name}.bn` });
}

/** 3×3, 1×1 and identity, each with its norm (Ding et al. 2021, figure 2). */
function repvggBlock(b: Builder, x: string, name: string, out: number, stride: number, group = 1): string {
  const dense = convBn(b, x, `${name}.rbr_dense`, { out, kernel: 3, stride, pad: 1, group });
  const sum = b.add(dense, convBn(b, x, `${name}.rbr_1x1`, { out, kernel: 1, stride, group }), `${name}.sum`);
  const same = stride === 1 && b.channels(x) === out;
  const all = same ? b.add(sum, b.batchNorm(x, { name: `${name}.rbr_identity` }), `${name}.all`) : sum;
  return b.relu(all, `${name}.nonlinearity`);
}

function repvgg(): Graph {
  const b = builder("repvgg", ["N", 3, 9, 9]);
  let x = repvggBlock(b, b.input, "stage0", 6, 2);
  x = repvggBlock(b, x, "stage1.0", 8, 2, 2);
  x = repvggBlock(b, x, "stage1.1", 8, 1, 2);
  x = repvggBlock(b, x, "stage1.2", 8, 1);
  b.gemm(b.flatten(b.globalAveragePool(x)), { name: "linear", out: 5 });
  return b.graph();
}

/** Each of the six transforms of Ding et al. 2021 (Diverse Branch Block, figure 2), the norms' constants around the middle. */
function dbb(): Graph {
  const b = builder("dbb", ["N", 3, 8, 7]);
  let x = convBn(b, b.input, "stem", { out: 6, kernel: 3, pad: 1 });
  x = b.relu(x, "stem.act");
  const options = { out: 6, kernel: 3, pad: 1 };
  // Transform I: a convolution and its norm. II: branches are added up.
  const origin = convBn(b, x, "origin", options);
  const pointwise = convBn(b, x, "1x1", { out: 6, kernel: 1 });
  // III: 1×1, then k×k. Around the middle stands what the first norm makes of zeros.
  const first = convBn(b, x, "1x1_kxk.first", { out: 9, kernel: 1, pad: 1 });
  const sequence = convBn(b, first, "1x1_kxk.second", { out: 6, kernel: 3 });
  // IV: two convolutions side by side. V: average pooling behind 1×1.
  const joined = b.concat([
    convBn(b, x, "left", { out: 2, kernel: 3, pad: 1 }),
    convBn(b, x, "right", { out: 4, kernel: 3, pad: 1 }),
  ], "joined");
  const averaged = b.averagePool(convBn(b, x, "avg.first", { out: 6, kernel: 1, pad: 1 }), {
    kernel: 3,
    stride: 1,
    name: "avg",
  });
  const average = b.batchNorm(averaged, { name: "avg.bn" });
  // VI: kernels of other sizes, as those of ACNet.
  const row = convBn(b, x, "1x3", { out: 6, kernel: [1, 3], pad: [0, 1, 0, 1] });
  const column = convBn(b, x, "3x1", { out: 6, kernel: [3, 1], pad: [1, 0, 1, 0] });
  const sum = [pointwise, sequence, joined, average, row, column].reduce((a, c) => b.add(a, c), origin);
  b.relu(sum, "act");
  return b.graph();
}

/** Several branches of a depthwise and of a pointwise convolution, with their norms and that of the shortcut. */
function mobileone(): Graph {
  const b = builder("mobileone", ["N", 3, 9, 9]);
  const block = (x: string, name: string, out: number, options: Omit<Conv, "out">) => {
    const branches = [0, 1, 2].map((i) => convBn(b, x, `${name}.rbr_conv.${i}`, { out, ...options }));
    if (options.kernel === 3) branches.push(convBn(b, x, `${name}.rbr_scale`, { out, ...options, kernel: 1, pad: 0 }));
    const same = b.channels(x) === out && (options.stride ?? 1) === 1;
    if (same) branches.push(b.batchNorm(x, { name: `${name}.rbr_skip` }));
    return b.relu(branches.reduce((a, c) => b.add(a, c)), `${name}.act`);
  };
  let x = block(b.input, "stem", 8, { kernel: 3, stride: 2, pad: 1 });
  x = block(x, "dw1", 8, { kernel: 3, pad: 1, group: 8 });
  x = block(x, "pw1", 12, { kernel: 1 });
  x = block(x, "dw2", 12, { kernel: 3, stride: 2, pad: 1, group: 12 });
  block(x, "pw2", 12, { kernel: 1 });
  return b.graph();
}

/** Convolutions in a row, without padding between them. */
function chains(): Graph {
  const b = builder("chains", ["N", 3, 12, 12]);
  let x = b.conv(b.conv(b.input, { name: "thin", out: 2, kernel: 1 }), { name: "wide", out: 9, kernel: 3, pad: 1 });
  x = b.conv(b.relu(x), { name: "down", out: 4, kernel: 3, stride: 2 });
  b.tanh(b.conv(x, { name: "up", out: 24, kernel: 1 }));
  return b.graph();
}

const NETWORKS: readonly (readonly [() => Graph, nodes: readonly string[]])[] = [
  [repvgg, [...Array.from({ length: 4 }, () => ["Conv", "Relu"]).flat(), "GlobalAveragePool", "Flatten", "Gemm"]],
  [dbb, ["Conv", "Relu", "Conv", "Relu"]],
  [mobileone, Array.from({ length: 5 }, () => ["Conv", "Relu"]).flat()],
];

for (const [make, nodes] of NETWORKS) {
  test(`a ${make.name} becomes a plain network that computes the same`, async () => {
    const graph = make();
    const model = { graph, params: randomParams(graph, 3) };
    const { model: plain, map } = reparameterise(model);
    validateModel(plain);
    assert.equal(plain.graph.nodes.map(({ op }) => op), nodes);
    assert.equal([plain.graph.inputs, plain.graph.outputs], [graph.inputs, graph.outputs]);
    assert.ok(mergeError64(graph, affineRuns(graph)) < 1e-12);
    const { maxRel } = await assertEquivalent(await testGpu(), model, plain, randomInputs(graph, 5, 3).input.data, 3);
    assert.ok(maxRel <= 1e-5);
    assert.equal(new Set(map.keys()), new Set(Object.keys(plain.graph.params)));
  });
}

test("a RepVGG keeps its groups, and its origins name what each kernel is made of", () => {
  const graph = repvgg();
  const { model, map } = reparameterise({ graph, params: randomParams(graph, 3) });
  const grouped = model.graph.nodes.filter(({ op }) => op === "Conv").map(({ attrs }) => attrs.group);
  assert.equal(grouped, [1, 2, 2, 1]);
  const [last] = model.graph.nodes.filter(({ op }) => op === "Conv").slice(-1);
  const origin = map.get(last.inputs[1])!;
  if (!("sources" in origin)) return assert.unreachable("no merged origin");
  assert.is(
    origin.how,
    "stage1.2.rbr_dense.bn ∘ stage1.2.rbr_dense.conv + stage1.2.rbr_1x1.bn ∘ stage1.2.rbr_1x1.conv + stage1.2.rbr_identity",
  );
  assert.is(origin.sources.length, 2 + 3 * 4);
  assert.equal(map.get("linear.weight"), { source: "linear.weight", keep: [null, null] });
});

test("of convolutions in a row those become one that take fewer multiply-adds so", () => {
  const graph = chains();
  const runs = affineRuns(graph);
  // 1×1 to 2 channels, then 3×3, costs less than one 3×3 of 3 channels; 3×3 to 4, then 1×1 to 24, less than 3×3 to 24.
  assert.equal(runs, []);
  assert.throws(() => reparameterise({ graph, params: randomParams(graph, 1) }), /no two layers, branches or norms/);
  const one = affineRuns(graph, { layers: "one" });
  assert.equal(one.map(({ layers }) => layers.map(({ nodes }) => nodes)), [[["thin", "wide"]], [["down", "up"]]]);
  assert.ok(mergeError64(graph, one) < 1e-12);
});

test("a network of residual blocks has its norms folded, its shortcuts stay sums", () => {
  const graph = createModel("resnet8", { size: 8 });
  const plans = affineRuns(graph);
  const params = randomParams64(graph);
  const merged = mergedParams64(graph, params, plans);
  assert.not.ok(merged.graph.nodes.some(({ op }) => op === "BatchNormalization"));
  assert.ok(compareOutputs(outputs64(graph, params), outputs64(merged.graph, merged.params)).maxRel < 1e-12);
});

test("PyTorch's export of a RepVGG in training mode becomes plain, and computes the same", async () => {
  const t = tracer("by fan-in");
  const conv = (x: string, name: string, [out, per, side]: readonly number[], stride: number) => {
    const pad = (side - 1) >> 1;
    const weight = t.weight(`${name}.conv.weight`, out, per, side, side);
    const made = t.op("Conv", [x, weight], {
      dilations: [1, 1],
      group: 1,
      kernel_shape: [side, side],
      pads: [pad, pad, pad, pad],
      strides: [stride, stride],
    }, `/${name.replaceAll(".", "/")}/conv`);
    return t.batchNorm(made, `${name}.bn`, out);
  };
  const block = (x: string, name: string, from: number, out: number, stride: number) => {
    const scope = `/${name.replaceAll(".", "/")}`;
    const dense = conv(x, `${name}.rbr_dense`, [out, from, 3], stride);
    const sum = t.op("Add", [dense, conv(x, `${name}.rbr_1x1`, [out, from, 1], stride)], {}, scope);
    const same = from === out && stride === 1;
    const all = same ? t.op("Add", [sum, t.batchNorm(x, `${name}.rbr_identity`, out)], {}, scope) : sum;
    return t.op("Relu", [all], {}, `${scope}/nonlinearity`);
  };
  let x = block("input", "stage0", 3, 8, 2);
  x = block(x, "stage1.0", 8, 12, 2);
  x = block(x, "stage1.1", 12, 12, 1);
  const pooled = t.op("Flatten", [t.op("GlobalAveragePool", [x], {}, "/gap")], { axis: 1 });
  const scores = t.op("Gemm", [pooled, t.weight("linear.weight", 10, 12), t.weight("linear.bias", 10)], {
    transB: 1,
  }, "/linear");
  const before = importOnnx(t.done(scores, ["batch_size", 3, 16, 16], 17));
  const { model: after } = reparameterise(before);
  assert.equal(
    after.graph.nodes.map(({ op }) => op),
    ["Conv", "Relu", "Conv", "Relu", "Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm", "Identity"],
  );
  const { maxRel } = await assertEquivalent(
    await testGpu(),
    before,
    after,
    randomInputs(before.graph, 3, 4)[before.graph.inputs[0].name].data,
    4,
  );
  assert.ok(maxRel <= 1e-5);
});

test.run();
