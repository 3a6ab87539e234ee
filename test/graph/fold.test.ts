import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { builder } from "../../src/graph/build.ts";
import { compareOutputs, tolerance } from "../../src/graph/compare.ts";
import { dropIdentities, foldBatchNorm, foldBatchNorm64, foldForInference } from "../../src/graph/fold.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, HostTensor, Params } from "../../src/graph/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("fold");

/** As after training: batch norms far from the identity, biases and tables not 0. */
function trained(graph: Graph): Params {
  const params = new Map<string, HostTensor>(initialise(graph, 5));
  for (const [name, { shape, role }] of Object.entries(graph.params)) {
    if (role === "weight") continue;
    const data = new Float32Array(params.get(name)!.data.length);
    const rng = random(6, name);
    params.set(name, { shape, data: role === "variance" ? rng.fillUniform(data, 0, 0.1, 4) : rng.fillNormal(data, 0) });
  }
  return params;
}

function input(graph: Graph, batch = 2) {
  const shape = [batch, ...graph.inputs[0].shape.slice(1) as number[]];
  const data = random(7, "input").fillNormal(new Float64Array(shape.reduce((size, d) => size * d, 1)), 0);
  return { input: { shape, data } };
}

function float64(params: Params) {
  return new Map(Array.from(params, ([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]));
}

function output(model: Parameters<typeof referenceForward>[0]): Float64Array {
  return referenceForward(model, input(model.graph)).get(model.graph.outputs[0])!.data;
}

function everyCase(): Graph {
  const b = builder("cases", ["N", 3, 6, 6]);
  let x = b.batchNorm(b.conv(b.input, { name: "biased", out: 4, kernel: 3, pad: 1 }), { name: "bn1", epsilon: 1e-3 });
  x = b.batchNorm(b.conv(x, { name: "grouped", out: 4, kernel: 3, pad: 1, group: 2, bias: false }), { name: "bn2" });
  x = b.columnConv(b.relu(x), { name: "columns", out: 5, kernel: 3, pad: 1, taps: [0, 8, 20], bias: false });
  x = b.borderBias(x, { name: "border", rows: [0, 1, 1, 1, 1, 2], cols: [0, 1, 1, 1, 1, 2] });
  x = b.batchNorm(b.batchNorm(x, { name: "bn3" }), { name: "bn4" });
  x = b.batchNorm(b.gemm(b.flatten(b.dropout(x)), { name: "fc", out: 6 }), { name: "bn5" });
  b.identity(b.tanh(x));
  return b.graph();
}

test("folded equals unfolded in float64", () => {
  for (const graph of [everyCase(), createModel("resnet8", { size: 8 })]) {
    const params = float64(trained(graph));
    const folded = foldBatchNorm64(graph, params);
    assert.not.ok(folded.graph.nodes.some(({ op }) => op === "BatchNormalization"));
    assert.ok(compareOutputs(output({ graph, params }), output(folded)).maxRel < 1e-12);
  }
});

test("rounded to float32 it stays a valid model and within tolerance", () => {
  const graph = everyCase();
  const before = { graph, params: trained(graph) };
  const { model, map } = foldForInference(before);
  validateModel(model);
  const ops = model.graph.nodes.map(({ op }) => op);
  assert.equal(ops, ["Conv", "Conv", "Relu", "ColumnConv", "BorderBias", "Flatten", "Gemm", "Tanh"]);
  assert.equal(model.graph.outputs, ["tanh"]);
  assert.is(model.graph.params["grouped.bias"].role, "bias");
  assert.ok(compareOutputs(output(before), output(model)).maxRel <= tolerance(graph));
  // Every layer was folded, so every parameter is new.
  assert.is(map.size, 0);
});

test("the index map names what was left alone", () => {
  const graph = createModel("digits");
  const { model, map } = foldForInference({ graph, params: initialise(graph, 1) });
  assert.equal(model.graph.nodes, graph.nodes);
  assert.equal(map.get("conv2.weight"), { source: "conv2.weight", keep: [null, null, null, null] });
  assert.is(map.size, 8);
});

test("no fold where somebody else reads the layer's output", () => {
  const b = builder("skip", ["N", 2, 4, 4]);
  const x = b.conv(b.input, { name: "conv", out: 2, kernel: 1 });
  b.add(b.batchNorm(x, { name: "bn" }), x);
  const graph = b.graph();
  const { model } = foldBatchNorm({ graph, params: trained(graph) });
  assert.equal(model.graph, graph);
  const output = { ...graph, outputs: ["conv", "add"] };
  assert.equal(foldBatchNorm({ graph: output, params: trained(output) }).model.graph, output);
});

test("a shared weight is folded into a copy", () => {
  const b = builder("siamese", ["N", 2, 4, 4]);
  const x = b.conv(b.input, { name: "conv", out: 2, kernel: 1, bias: false });
  const y = b.batchNorm(x, { name: "bn" });
  const z = b.node("Conv", [y, "conv.weight"], {}, "again");
  b.relu(z);
  const graph = b.graph();
  const params = float64(trained(graph));
  const folded = foldBatchNorm64(graph, params);
  assert.equal(Object.keys(folded.graph.params).sort(), ["conv.bias", "conv.weight", "conv.weight_1"]);
  assert.equal(folded.params.get("conv.weight"), params.get("conv.weight"));
  assert.ok(compareOutputs(output({ graph, params }), output(folded)).maxRel < 1e-12);
});

/** A factor per channel after a convolution, after a product with a bias and after one without, and after features. */
function scaledLayers(): Graph {
  const b = builder("scaled", ["N", 3, 2, 4]);
  const factor = (name: string, shape: readonly number[]) => b.param(name, shape, "gamma");
  let x = b.mul(b.conv(b.input, { name: "biased", out: 4, kernel: 1 }), factor("s1", [4, 1, 1]), "m1");
  x = b.mul(factor("s2", [1, 4, 1, 1]), b.conv(x, { name: "plain", out: 4, kernel: 1, bias: false }), "m2");
  x = b.reshape(b.add(x, b.tanh(x)), [8, 4]);
  x = b.mul(b.linear(x, { name: "tokens", out: 5 }), factor("s3", [1, 1, 5]), "m3");
  x = b.mul(b.linear(x, { name: "product", out: 6, bias: false }), factor("s4", [1, 1, 6]), "m4");
  x = b.mul(b.gemm(b.flatten(x), { name: "fc", out: 3 }), factor("s5", [3]), "m5");
  return b.graph([x]);
}

test("a factor per channel goes into the layer before it, its bias included", () => {
  const graph = scaledLayers();
  const before = { graph, params: trained(graph) };
  const { model } = foldForInference(before);
  validateModel(model);
  assert.equal(model.graph.nodes.map(({ op }) => op).filter((op) => op === "Mul"), []);
  assert.equal(Object.keys(model.graph.params).filter((name) => name.startsWith("s")), []);
  // A layer without a bias gets none.
  assert.not.ok("plain.bias" in model.graph.params);
  assert.ok(compareOutputs(output(before), output(model)).maxRel <= 1e-6);
  const one = (values: readonly number[]) => Float32Array.from(values);
  const small = builder("small", ["N", 1, 1, 1]);
  small.mul(small.conv(small.input, { name: "c", out: 2, kernel: 1 }), small.param("s", [2], "gamma"), "m");
  const folded = foldForInference({
    graph: small.graph(),
    params: new Map([
      ["c.weight", { shape: [2, 1, 1, 1], data: one([3, 5]) }],
      ["c.bias", { shape: [2], data: one([1, -1]) }],
      ["s", { shape: [2], data: one([2, 0.5]) }],
    ]),
  }).model.params;
  assert.equal([...folded.get("c.weight")!.data], [6, 2.5]);
  assert.equal([...folded.get("c.bias")!.data], [2, -0.5]);
});

test("a factor stays that is no parameter, no factor per channel, or after what somebody else reads", () => {
  const kept = (build: (b: ReturnType<typeof builder>, x: string) => void) => {
    const b = builder("kept", ["N", 2, 3, 2]);
    build(b, b.conv(b.input, { name: "conv", out: 2, kernel: 1 }));
    const graph = b.graph();
    const { nodes } = foldForInference({ graph, params: initialise(graph, 1) }).model.graph;
    return nodes.some(({ op }) => op === "Mul");
  };
  assert.ok(kept((b, x) => b.mul(x, b.input)));
  assert.ok(kept((b, x) => b.mul(x, x)));
  assert.ok(kept((b, x) => b.mul(x, b.param("s", [1, 1, 1, 2], "gamma"))));
  assert.ok(kept((b, x) => b.add(b.mul(x, b.param("s", [2], "gamma")), x)));
  assert.ok(kept((b, x) => b.mul(b.relu(x), b.param("s", [2], "gamma"))));
  assert.not.ok(kept((b, x) => b.mul(x, b.param("s", [2], "gamma"))));
});

test("Dropout and Identity go, but for one that hands an input out", () => {
  const b = builder("idle", ["N", 2]);
  const x = b.identity(b.input, "copy");
  const y = b.dropout(b.relu(b.dropout(x)), 0.5, "last");
  const graph = dropIdentities(b.graph([y, x]));
  assert.equal(graph.nodes.map(({ name, inputs }) => [name, ...inputs]), [["copy", "input"], ["relu", "copy"]]);
  assert.equal(graph.outputs, ["relu", "copy"]);
});

test.run();
