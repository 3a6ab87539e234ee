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
  const block = b.conv(stem, { name: "block", out: 3, kernel: 3, pad: 1, bias: false });
  const sum = b.relu(b.add(block, stem));
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
  assert.equal(convolutionsWithoutNorm(cases()).map(({ name }) => name), ["stem", "block"]);
});

test("a network has norms wherever something scales its channels", () => {
  assert.is(hasNoNorms(cases()), false);
  assert.is(hasNoNorms(createModel("digits")), true);
  assert.is(hasNoNorms(createModel("deit-cifar")), false);
});

test("a norm takes the moments for its statistics, and for γ and β what undoes it", () => {
  const graph = cases();
  const { model, norms } = insertNorms({ graph, params: initialise(graph, 1) }, MOMENTS);
  validateModel(model);
  assert.equal(norms, ["stem.norm", "block.norm"]);
  const numbers = (name: string) => [...model.params.get(`stem.norm.${name}`)!.data];
  assert.equal(numbers("running_mean"), [2, -1, 0.5]);
  assert.equal(numbers("running_var"), [3, 0, 0.25]);
  // √(σ² + 1e-5)
  assert.equal(numbers("weight"), [1.7320536944, 0.0031622777, 0.5000099999].map(Math.fround));
  assert.equal(numbers("bias"), [2, -1, 0.5]);
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
  for (const name of ["stem.weight", "stem.bias", "block.weight"]) {
    const { data } = folded.params.get(name)!;
    before.params.get(name)!.data.forEach((value, i) => assert.ok(Math.abs(value - data[i]) <= 1e-6, name));
  }
});

test.run();
