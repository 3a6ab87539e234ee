import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { compareOutputs, tolerance } from "../../src/graph/compare.ts";
import { gatherTensor, identityMap, keptOrigins } from "../../src/graph/indexmap.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { scatterModel, whyWithoutPlace } from "../../src/graph/scatter.ts";
import type { IndexMap, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { randomInputs, randomModel, randomParams } from "../generate/graphs.ts";
import { randomlyMasked } from "../generate/masks.ts";

const test = suite("scatter");

function outputOf(model: Model, seed: number): Float64Array {
  const { input } = randomInputs(model.graph, seed);
  return referenceForward(model, { input }).get(model.graph.outputs[0])!.data;
}

/** Every third group of each constraint goes. */
function pruned(graph: Model["graph"]): Model {
  const model = { graph, params: randomParams(graph, 8) };
  const choices = coupledConstraints(graph, { granularity: "filter", keep: 0.5 }).map((constraint) => ({
    constraint,
    kept: Array.from({ length: constraint.groups }, (_, g) => g).filter((g) => g % 3 !== 1),
  }));
  return maskModel(model, masksOf(choices, model.params));
}

test("compact and back: what a pruned net of the zoo computed, and its parameters where they were", () => {
  for (const graph of [createModel("digits"), createModel("resnet8", { size: 8, width: 0.5 })]) {
    const masked = pruned(graph);
    const { model: small, map, report } = compact(masked);
    assert.ok(report.after.params < 0.7 * report.before.params, `${graph.name}: ${report.after.params} parameters`);
    const whole = scatterModel(small, map, masked)!;
    assert.equal(whole.graph, graph);
    for (const [name, { source, keep }] of keptOrigins(map)) {
      assert.equal(gatherTensor(whole.params.get(source)!, keep).data, small.params.get(name)!.data, name);
    }
    const { maxRel } = compareOutputs(outputOf(masked, 1), outputOf(whole, 1));
    assert.ok(maxRel <= tolerance(graph), `${graph.name}: off by ${maxRel}`);
  }
});

test("trained on in its small form, it carries the new values", () => {
  const masked = pruned(createModel("digits"));
  const { model: small, map } = compact(masked);
  const moved = new Map(Array.from(small.params, ([name, { shape, data }]) => {
    return [name, { shape, data: data.map((v) => 1.5 * v + 0.01) }];
  }));
  const trained = { graph: small.graph, params: moved };
  const { maxRel } = compareOutputs(outputOf(trained, 2), outputOf(scatterModel(trained, map, masked)!, 2));
  assert.ok(maxRel <= tolerance(small.graph), `off by ${maxRel}`);
});

test("kept columns go back into the matrix they came from, zeros elsewhere", () => {
  const b = builder("dense", ["N", 2, 3, 3]);
  b.conv(b.input, { name: "w", out: 3, kernel: 2, bias: false });
  const graph = b.graph();
  const dense = { graph, params: randomParams(graph, 1) };
  const c = builder("small", ["N", 2, 3, 3]);
  c.columnConv(c.input, { name: "v", out: 2, kernel: 2, taps: [1, 6], bias: false });
  const small = {
    graph: c.graph(),
    params: new Map([["v.weight", { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]),
  };
  const map: IndexMap = new Map([["v.weight", { source: "w.weight", keep: [[0, 2], [1, 6]] }]]);
  const { shape, data } = scatterModel(small, map, dense)!.params.get("w.weight")!;
  assert.equal(shape, [3, 2, 2, 2]);
  assert.equal([...data], [0, 1, 0, 0, 0, 0, 2, 0, ...new Array(8).fill(0), 0, 3, 0, 0, 0, 0, 4, 0]);
});

test("running statistics stay where channels went; the dense model is left alone", () => {
  const b = builder("dense", ["N", 1, 2, 2]);
  b.batchNorm(b.conv(b.input, { name: "conv", out: 3, kernel: 1, bias: false }), { name: "bn" });
  const graph = b.graph();
  const dense = { graph, params: randomParams(graph, 1) };
  const kept = dense.params.get("bn.running_var")!.data.slice();
  const params = new Map([["bn.running_var", { shape: [1], data: Float32Array.of(9) }]]);
  const map: IndexMap = new Map([["bn.running_var", { source: "bn.running_var", keep: [[1]] }]]);
  const whole = scatterModel({ graph, params }, map, dense)!;
  assert.equal([...whole.params.get("bn.running_var")!.data], [kept[0], 9, kept[2]]);
  assert.equal([...whole.params.get("bn.weight")!.data], [0, 0, 0]);
  assert.equal(dense.params.get("bn.running_var")!.data, kept);
});

test("a parameter that was made or merged has no place in the dense network, and the reason is told", () => {
  const graph = createModel("digits");
  const model = { graph, params: randomParams(graph, 1) };
  const [first, second] = model.params.keys();
  assert.is(scatterModel(model, new Map(), model), undefined);
  assert.is(
    whyWithoutPlace(model, new Map()),
    `"${first}" was made by pruning and has no place in the dense network`,
  );
  const origin = new Map(identityMap(graph)).set(second, { sources: ["a", "b"], how: "b ∘ a" });
  assert.is(scatterModel(model, origin, model), undefined);
  assert.is(whyWithoutPlace(model, origin), `"${second}" was merged from a, b (b ∘ a)`);
  const many = new Map(origin).set(second, { sources: ["a", "b", "c", "d", "e"], how: "e ∘ a" });
  assert.is(whyWithoutPlace(model, many), `"${second}" was merged from 5 parameters (e ∘ a)`);
  assert.is(whyWithoutPlace(model, identityMap(graph)), undefined);
});

test("150 random networks, wherever all parameters have a place", () => {
  let scattered = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const masked = randomlyMasked(randomModel(seed), seed);
    const { model: small, map } = compact(masked);
    const whole = scatterModel(small, map, masked);
    if (!whole) continue;
    scattered++;
    const { maxRel } = compareOutputs(outputOf(small, seed), outputOf(whole, seed));
    assert.ok(maxRel <= tolerance(masked.graph), `seed ${seed}: off by ${maxRel}`);
  }
  assert.ok(scattered > 50, `only ${scattered} of 150 could be scattered`);
});

test.run();
