/** Whole branches as groups: which there are, what they score, and that the network without them is the masked one. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import { exportOnnx } from "../../src/formats/onnx/export.ts";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { assertEquivalent } from "../../src/graph/equivalence.ts";
import type { Graph } from "../../src/graph/types.ts";
import { scoreGroups } from "../../src/prune/criteria/score.ts";
import { criterionNamed } from "../../src/prune/criteria/criteria.ts";
import { dependencyGraph } from "../../src/prune/groups/dependency_graph.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { branchesOf } from "../../src/prune/structures/branches.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { dice } from "../generate/dice.ts";
import { randomInputs, randomModel } from "../generate/graphs.ts";
import { vit } from "../generate/transformer.ts";
import { widened } from "../generate/widen.ts";
import { testGpu } from "../gpu.ts";
import { difference } from "./equal.ts";
import { modelOf } from "./models.ts";

const test = suite("branches");

/** A stem, a block with an identity shortcut, one with a convolution in its shortcut, and a head. */
function residual(): Graph {
  const b = builder("g", ["N", 1, 4, 4]);
  let x = b.relu(b.conv(b.input, { name: "stem", out: 2, kernel: 1 }));
  const inner = b.relu(b.batchNorm(b.conv(x, { name: "a1", out: 3, kernel: 1, bias: false }), { name: "n1" }));
  x = b.relu(b.add(b.conv(inner, { name: "a2", out: 2, kernel: 1 }), x, "sum1"));
  const deep = b.conv(b.relu(b.conv(x, { name: "b1", out: 2, kernel: 1 })), { name: "b2", out: 4, kernel: 1 });
  x = b.relu(b.add(b.conv(x, { name: "skip", out: 4, kernel: 1 }), deep, "sum2"));
  b.gemm(b.flatten(b.globalAveragePool(x)), { name: "head", out: 2 });
  return b.graph();
}

const found = (graph: Graph) => branchesOf(dependencyGraph(graph));

test("a branch is what lies between a stream and its sum; of two with layers the one of more", () => {
  const { branches, refused } = found(residual());
  assert.equal(branches.map(({ sum, layers }) => [sum, layers]), [["sum1", ["a1", "a2"]], ["sum2", ["b1", "b2"]]]);
  assert.equal(branches[0].params, ["a1.weight", "n1.weight", "n1.bias", "a2.weight", "a2.bias"]);
  assert.equal([...refused.keys()], ["stem", "skip", "head"]);
  assert.match(refused.get("stem")!, /no branch between a stream and a sum/);
});

test("attention and the MLP of a transformer are a branch each, with their norms", () => {
  const { branches } = found(vit("together"));
  assert.equal(branches.map(({ layers }) => layers), [["qkv", "proj"], ["fc1", "fc2"]]);
  assert.ok(branches[0].params.includes("ln.weight"));
});

/** A network of one sum, whose branch and other operand are told by what is given. */
function summed(make: (b: Builder, x: string) => readonly [string, string]): Graph {
  const b = builder("g", ["N", 1, 4, 4]);
  const x = b.relu(b.conv(b.input, { name: "stem", out: 2, kernel: 1 }));
  b.conv(b.relu(b.add(...make(b, x), "sum")), { name: "head", out: 1, kernel: 1 });
  return b.graph();
}

const whyNot = (graph: Graph, layer: string) => found(graph).refused.get(layer) ?? "it can";

test("what can't go is refused with the reason", () => {
  const conv = (b: Builder, x: string, name: string, out = 2) => b.conv(x, { name, out, kernel: 1 });
  assert.match(whyNot(summed((b, x) => [b.sigmoid(conv(b, x, "c")), x]), "c"), /gives something else than 0/);
  assert.is(whyNot(summed((b, x) => [b.relu(conv(b, x, "c")), x]), "c"), "it can");
  const shared = summed((b, x) => {
    const weight = b.param("w", [2, 2, 1, 1], "weight");
    const stream = b.node("Conv", [x, weight], {}, "before");
    return [b.node("Conv", [b.relu(stream), weight], {}, "c"), stream];
  });
  assert.match(whyNot(shared, "c"), /shares "w" with what lies outside/);
  // One channel that is added to all can't stand for the sum.
  assert.match(whyNot(summed((b, x) => [conv(b, x, "c"), b.globalAveragePool(x)]), "c"), /no branch/);
  const nested = summed((b, x) => {
    const first = conv(b, x, "c1");
    return [conv(b, b.relu(b.add(conv(b, first, "c2"), first, "inner")), "c3"), x];
  });
  assert.is(whyNot(nested, "c2"), "it can");
  assert.match(whyNot(nested, "c3"), /holds that of the sum "inner"/);
  assert.match(whyNot(nested, "c1"), /holds that of the sum "inner"/);
});

test("a sum of what begins at two values adds to no stream", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const [x, z] = ["one", "other"].map((name) => b.conv(b.input, { name, out: 2, kernel: 1 }));
  const [c, d] = [[x, "c"], [z, "d"]].map(([value, name]) => b.conv(value, { name, out: 2, kernel: 1 }));
  const graph = b.graph([b.add(c, d, "sum"), x, z]);
  assert.match(whyNot(graph, "c"), /no branch/);
});

test("a branch that somebody else reads stays", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const x = b.conv(b.input, { name: "stem", out: 2, kernel: 1 });
  const inside = b.conv(x, { name: "c", out: 2, kernel: 1 });
  const sum = b.add(inside, x, "sum");
  const graph = b.graph([b.conv(sum, { name: "y", out: 1, kernel: 1 }), inside]);
  assert.match(whyNot(graph, "c"), /no branch/);
});

const all = (graph: Graph, layers = ["*"], keep = 0.5) =>
  coupledConstraints(graph, { granularity: "layer", keep, layers })[0];

test("a branch scores the sum over its weights; biases, γ and β go along", () => {
  const model = modelOf(residual(), {
    "a1.weight": [1, 2, 0, 1, 1, 1],
    "a2.weight": [1, 0, 0, 0, 2, 0],
    "b1.weight": [1, 1, 1, 1],
    "b2.weight": [0, 0, 3, 0, 0, 0, 0, 1],
  });
  const constraint = all(model.graph);
  assert.equal([constraint.name, constraint.groups, constraint.keep], ["*:layer", 2, 1]);
  const scores = (name: string) => [...scoreGroups(criterionNamed(name), constraint, { model, seed: 1 }).scores];
  assert.equal(scores("l2"), [8 + 5, 4 + 10]);
  assert.equal(scores("l1"), [6 + 3, 4 + 4]);
  assert.equal(constraint.members.filter(({ role }) => role === "vector").map(({ param }) => param), [
    ...["n1.weight", "n1.bias", "a2.bias", "b1.bias", "b2.bias"],
  ]);
  const { masks } = prune(model, { constraints: [{ granularity: "layer", keep: 0.5 }] });
  assert.equal([...masks.keys()].sort(), ["a1.weight", "a2.bias", "a2.weight", "n1.bias", "n1.weight"]);
});

test("criteria of filters and channels refuse branches by name", () => {
  const constraint = all(residual());
  const model = modelOf(residual());
  const scored = (name: string) => () => scoreGroups(criterionNamed(name), constraint, { model, seed: 1 });
  assert.throws(scored("fpgm"), /fpgm can't score \*:layer: .* filters alone/);
  assert.throws(scored("activation"), /activation can't score \*:layer/);
  assert.throws(scored("bn-scale"), /bn-scale can't score \*:layer/);
});

test("names choose branches, and what isn't in one is refused", () => {
  const graph = residual();
  const params = (layers: string[], exclude?: string[]) =>
    coupledConstraints(graph, { granularity: "layer", keep: 1, layers, exclude })[0].groups;
  assert.is(params(["a1"]), 1);
  assert.is(params(["*"], ["b2"]), 1);
  assert.throws(() => params(["stem"]), /layer "stem" can't be pruned by layer: it lies in no branch/);
  assert.throws(() => params(["*"], ["a1", "b1"]), /exclude leaves no layer/);
  const b = builder("g", ["N", 2]);
  b.gemm(b.input, { name: "fc", out: 2 });
  assert.throws(() => all(b.graph()), /none of the layers \* can be pruned by layer: fc \(it lies in no branch/);
});

test("a budget takes branches until it is met, and their layers are gone", () => {
  const model = modelOf(residual());
  const dense = graphCost(model.graph);
  const { model: masked, kept } = prune(model, { constraints: [{ granularity: "layer" }], budget: { params: 0.75 } });
  const small = compact(masked).model;
  assert.equal(kept.map(({ name, keep, groups }) => [name, keep, groups]), [["*:layer", 1, 2]]);
  assert.ok(graphCost(small.graph).params <= 0.75 * dense.params);
  assert.ok(difference(masked, small) <= 1e-6);
});

test("a transformer without its attention is proved on the device and written as ONNX", async () => {
  const gpu = await testGpu();
  const model = modelOf(vit("together"));
  const constraint = all(model.graph);
  const masked = maskModel(model, masksOf([{ constraint, kept: [1] }], model.params));
  const { model: small } = compact(masked);
  const names = small.graph.nodes.map(({ name }) => name);
  assert.not(names.some((name) => ["ln", "qkv", "attend", "proj"].includes(name)));
  const { [model.graph.inputs[0].name]: input } = randomInputs(model.graph, 3, 4);
  const { maxRel } = await assertEquivalent(gpu, masked, small, input.data, 4);
  assert.ok(maxRel <= 1e-5, `${maxRel}`);
  assert.ok(difference(masked, importOnnx(exportOnnx(small))) <= 1e-5);
});

test("masked = compact in random networks, and of a branch that is gone nothing is left", () => {
  let gone = 0, networks = 0;
  for (let seed = 0; seed < 200; seed++) {
    const model = widened(randomModel(seed));
    const { branches } = found(model.graph);
    if (branches.length === 0) continue;
    networks++;
    const d = dice(seed, "branches");
    const constraint = all(model.graph);
    const kept = branches.flatMap((_, group) => d.chance(0.4) ? [group] : []);
    const masked = maskModel(model, masksOf([{ constraint, kept }], model.params));
    const small = compact(masked).model;
    assert.ok(difference(masked, small, seed) <= 1e-9, `seed ${seed}`);
    const left = new Set(small.graph.nodes.map(({ name }) => name));
    branches.forEach(({ sum, layers }, group) => {
      if (kept.includes(group)) return;
      gone++;
      for (const name of [sum, ...layers]) assert.not(left.has(name), `seed ${seed}: ${name} is left`);
    });
  }
  assert.ok(networks >= 40 && gone >= 30, `${networks} networks, ${gone} branches`);
});

test.run();
