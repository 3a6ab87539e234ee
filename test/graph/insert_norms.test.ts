import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { withoutNorms } from "../../src/graph/fold.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { convolutionsWithoutNorm, hasNoNorms, insertNorms } from "../../src/graph/rewrite/insert_norms.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("inserting norms");

/** Convolutions of every kind: before a residual sum, with a norm, gating, and making scores. */
function cases(): Graph {
  const b = builder("cases", ["N", 2, 5, 5]);
  const stem = b.relu(b.conv(b.input, { name: "stem", out: 3, kernel: 3, pad: 1 }));
  const block = b.conv(stem, { name: "block", out: 3, kernel: 3, pad: 1 });
  const bare = b.conv(stem, { name: "bare", out: 3, kernel: 3, pad: 1, bias: false });
  const sum = b.relu(b.add(b.add(block, bare), stem));
  const normed = b.relu(b.batchNorm(b.conv(sum, { name: "normed", out: 4, kernel: 1 }), { name: "bn" }));
  const gate = b.sigmoid(b.conv(b.globalAveragePool(normed), { name: "gate", out: 4, kernel: 1 }));
  const scores = b.conv(b.mul(normed, gate), { name: "scores", out: 5, kernel: 1 });
  b.flatten(b.globalAveragePool(scores));
  return b.graph();
}

function outputOf(model: Model): Float64Array {
  const data = Float64Array.from({ length: 2 * 2 * 25 }, (_, i) => Math.sin(7 * i));
  const [{ name }] = model.graph.inputs;
  return referenceForward(model, { [name]: { shape: [2, 2, 5, 5], data } }).get(model.graph.outputs[0])!.data;
}

const MOMENTS = new Map([
  ["stem", { mean: Float64Array.of(2, -1, 0.5), variance: Float64Array.of(3, 0, 0.25) }],
  ["block", { mean: Float64Array.of(0, 4, 1), variance: Float64Array.of(1, 1e-8, 100) }],
]);

test("norms have room behind convolutions of images that no norm follows and another layer reads", () => {
  const graph = cases();
  assert.equal(convolutionsWithoutNorm(graph).map(({ name }) => name), ["stem", "block"]);
  const tied = graph.nodes.map((node) =>
    node.name === "bare" ? { ...node, inputs: [node.inputs[0], "block.weight"] } : node
  );
  const { "bare.weight": _, ...params } = graph.params;
  assert.equal(convolutionsWithoutNorm({ ...graph, nodes: tied, params }).map(({ name }) => name), ["stem"]);
});

test("a network has norms wherever something scales its channels", () => {
  assert.is(hasNoNorms(cases()), false);
  assert.is(hasNoNorms(createModel("digits")), true);
  assert.is(hasNoNorms(createModel("deit-cifar")), false);
});

test("a norm takes the moments for its statistics, and for γ and β what undoes it", () => {
  const b = builder("one", ["N", 1, 2, 2]);
  b.conv(b.input, { name: "conv", out: 2, kernel: [1, 2] });
  const graph = b.graph();
  const numbers = (list: readonly number[], ...shape: number[]) => ({ shape, data: Float32Array.from(list) });
  const params = new Map([["conv.weight", numbers([1, 3, 4, 2], 2, 1, 1, 2)], ["conv.bias", numbers([5, -10], 2)]]);
  const moments = { mean: Float64Array.of(2, -1), variance: Float64Array.of(3, 0) };
  const { model, norms } = insertNorms({ graph, params }, new Map([["conv", moments]]));
  validateModel(model);
  assert.equal(norms, ["conv.norm"]);
  const found = (name: string) => [...model.params.get(name)!.data];
  const near = (list: readonly number[], expected: readonly number[], what: string) =>
    expected.forEach((v, i) => assert.ok(Math.abs(list[i] - v) <= 1e-6 * Math.max(1, Math.abs(v)), `${what}: ${list}`));
  // √((1 + 9 + 16 + 4) / 2) = √15, so that s = √15 / √2 = √7.5 = 2.7386128.
  near(found("conv.weight"), [0.3651484, 1.0954451, 1.4605935, 0.7302967], "weight / s");
  near(found("conv.bias"), [1.8257419, -3.6514837], "bias / s");
  near(found("conv.norm.running_mean"), [0.7302967, -0.3651484], "μ / s");
  near(found("conv.norm.running_var"), [0.4, 0], "σ² / s²");
  // s·√(0.4 + 1e-5) and s·√1e-5
  near(found("conv.norm.weight"), [1.7320725, 0.0086603], "γ");
  near(found("conv.norm.bias"), [2, -1], "β");
});

test("the network computes what it did, and with its norms folded again has the weights that it had", () => {
  const graph = cases();
  const before: Model = { graph, params: initialise(graph, 1) };
  const { model, norms } = insertNorms(before, MOMENTS);
  assert.ok(compareOutputs(outputOf(before), outputOf(model)).maxRel < 1e-6);
  const folded = withoutNorms(model, norms);
  assert.ok(compareOutputs(outputOf(before), outputOf(folded)).maxRel < 1e-6);
  assert.equal(folded.graph.nodes.map(({ name }) => name), graph.nodes.map(({ name }) => name));
  assert.ok(folded.graph.params["bn.weight"], "the network's own norm stays");
  for (const name of ["stem.weight", "stem.bias", "block.weight", "block.bias"]) {
    const { data } = folded.params.get(name)!;
    before.params.get(name)!.data.forEach((value, i) => assert.ok(Math.abs(value - data[i]) <= 1e-6, name));
  }
});

test.run();
