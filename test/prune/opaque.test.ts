import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, HostTensor, Model } from "../../src/graph/types.ts";
import { gatherTensor, keptOrigins } from "../../src/graph/indexmap.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { coupledClasses } from "../../src/prune/groups/coupling.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { energiesOf } from "./models.ts";
import { topGroups } from "../../src/prune/structures/selection.ts";
import { removeUnused } from "../../src/prune/rewrite/unused.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { elements } from "../../src/tensor/tensor.ts";
import { transformer, vit } from "../generate/transformer.ts";

const test = suite("whole operators");

function outputs(model: Model, inputs: Record<string, HostTensor>): Float64Array {
  return referenceForward(model, inputs).get(model.graph.outputs[0])!.data;
}

function cleared(model: Model, ...parts: readonly (readonly [param: string, first: number, count: number])[]): Model {
  const params = new Map(model.params);
  for (const [name, first, count] of parts) {
    const { shape, data } = params.get(name)!;
    params.set(name, { shape, data: data.slice().fill(0, first, first + count) });
  }
  return { graph: model.graph, params };
}

function near(actual: Float64Array, expected: Float64Array): void {
  assert.is(actual.length, expected.length);
  const worst = expected.reduce((most, v, i) => Math.max(most, Math.abs(v - actual[i])), 0);
  assert.ok(worst < 1e-5, `off by ${worst}`);
}

test("channels that flow through one aren't prunable, and the reason names it; others are", () => {
  const classes = new Map(coupledClasses(transformer()).map((found) => [found.id, found]));
  const refusal = (id: string) => classes.get(id)!.prunable ? "prunable" : classes.get(id)!.why;
  assert.is(refusal("stem"), "prunable");
  assert.match(
    refusal("patch")!,
    /^it flows through LayerNormalization "ln", which takes mean and variance over all channels/,
  );
  assert.is(refusal("hidden"), "prunable");
});

const SINGLE: Readonly<Record<string, (b: Builder, x: string) => string>> = {
  LayerNormalization: (b, x) => b.layerNorm(x, { name: "op" }),
  Attention(b, x) {
    const tokens = b.reshape(x, [4, 25]);
    return b.reshape(b.attention(tokens, b.tanh(tokens), tokens, { name: "op" }), [4, 5, 5]);
  },
};

for (const [op, build] of Object.entries(SINGLE)) {
  test(`a dead filter before ${op} keeps its channel, one behind it goes`, () => {
    const b = builder(op, ["N", 2, 5, 5]);
    const before = b.conv(b.input, { name: "before", out: 4, kernel: 3, pad: 1 });
    const behind = b.relu(b.conv(build(b, before), { name: "behind", out: 6, kernel: 1 }));
    b.gemm(b.flatten(b.globalAveragePool(behind)), { name: "head", out: 3 });
    const graph = b.graph();
    const model = cleared(
      { graph, params: randomParams(graph, 1) },
      ...[["before.weight", 0, 18], ["before.bias", 0, 1], ["behind.weight", 4, 8], ["behind.bias", 1, 2]] as const,
    );
    const inputs = randomInputs(graph, 2);
    const expected = outputs(model, inputs);
    near(outputs(removeUnused(model).model, inputs), expected);
    const small = compact(model).model;
    near(outputs(small, inputs), expected);
    assert.equal(small.graph.params["before.weight"].shape, [4, 2, 3, 3]);
    assert.equal(small.graph.params["behind.weight"].shape, [4, 4, 1, 1]);
    const [classOf] = coupledClasses(graph);
    assert.match(classOf.why!, new RegExp(`^it flows through ${op} "op"`));
  });
}

test("one that nobody needs goes with its parameters", () => {
  const b = builder("dead", ["N", 4, 6]);
  const side = b.matmul(b.layerNorm(b.input, { name: "ln" }), b.param("w", [6, 6], "weight"));
  const gate = b.mul(side, b.param("gate", [4], "gamma"));
  const sum = b.add(b.tanh(b.input), gate);
  b.gemm(b.flatten(sum), { name: "head", out: 3 });
  const graph = b.graph();
  const model = cleared({ graph, params: randomParams(graph, 1) }, ["gate", 0, 4]);
  const inputs = randomInputs(graph, 2);
  const { model: unused, removed } = removeUnused(model);
  assert.equal([...removed.byParam.keys()].sort(), ["ln.bias", "ln.weight", "w"]);
  near(outputs(unused, inputs), outputs(model, inputs));
  const small = compact(model).model;
  near(outputs(small, inputs), outputs(model, inputs));
  assert.equal(small.graph.nodes.map(({ op }) => op), ["Tanh", "Flatten", "Gemm"]);
});

const SEPARATE: Readonly<Record<string, (b: Builder, x: string) => string>> = {
  GroupNormalization: (b, x) => b.groupNorm(x, { name: "op", groups: 4 }),
  Transpose: (b, x) => b.transpose(x, [0, 1, 3, 2], "op"),
  Softmax: (b, x) => b.softmax(x, "op"),
  MatMul: (b, x) => b.matmul(x, x, "op"),
  Attention: (b, x) => b.attention(x, b.tanh(x), x, { name: "op" }),
};

for (const [op, build] of Object.entries(SEPARATE)) {
  test(`channels go one by one through ${op} along its own axis: groups, heads, or whatever stays in its place`, () => {
    const b = builder(op, ["N", 2, 5, 5]);
    const before = b.conv(b.input, { name: "before", out: 4, kernel: 3, pad: 1 });
    b.gemm(b.flatten(build(b, before)), { name: "head", out: 3 });
    const graph = b.graph();
    assert.ok(coupledClasses(graph)[0].prunable);
    const parts = [["before.weight", 18, 18], ["before.bias", 1, 1]] as const;
    const dead = graph.params["op.bias"] ? [...parts, ["op.weight", 1, 1], ["op.bias", 1, 1]] as const : parts;
    const model = cleared({ graph, params: randomParams(graph, 1) }, ...dead);
    const inputs = randomInputs(graph, 2);
    const small = compact(model).model;
    near(outputs(small, inputs), outputs(model, inputs));
    assert.equal(small.graph.params["before.weight"].shape, [3, 2, 3, 3]);
    assert.is(elements(small.graph.params["head.weight"].shape), 3 * 3 * 25);
  });
}

/** The strongest halves of everything that can lose filters. */
function halved(graph: Graph, seed: number) {
  const dense = { graph, params: randomParams(graph, seed) };
  const choices = coupledConstraints(graph, { granularity: "filter", keep: 0.5 }).map((constraint) => ({
    constraint,
    kept: topGroups(energiesOf(constraint, dense), constraint.keep),
  }));
  return maskModel(dense, masksOf(choices, dense.params));
}

test("a head goes with its part of q, k, v and of the projection; the MLP's hidden units too", () => {
  for (const qkv of ["apart", "together", "stacked"] as const) {
    const model = halved(vit(qkv), 5);
    const inputs = randomInputs(model.graph, 6);
    const { model: small, map } = compact(model);
    near(outputs(small, inputs), outputs(model, inputs));
    const shapes = Object.fromEntries(
      ["q", "k", "v", "qkv", "proj", "fc1", "fc2"].flatMap((name) => {
        const spec = small.graph.params[`${name}.weight`];
        return spec ? [[name, spec.shape]] : [];
      }),
    );
    const three = qkv !== "apart" ? { qkv: [8, 12] } : { q: [8, 4], k: [8, 4], v: [8, 4] };
    assert.equal(shapes, { ...three, proj: [4, 8], fc1: [8, 3], fc2: [3, 8] });
    for (const [name, { source, keep }] of keptOrigins(map)) {
      if (small.graph.params[name].role !== "weight") continue;
      assert.equal(gatherTensor(model.params.get(source)!, keep), small.params.get(name), name);
    }
  }
});

test("what a dead hidden unit leaves moves into the next bias, or into one of its own", () => {
  for (const bias of ["bias", "none"] as const) {
    const b = builder("mlp", ["N", 3, 4, 4]);
    const tokens = b.transpose(b.reshape(b.conv(b.input, { name: "c", out: 4, kernel: 1 }), [4, 16]), [0, 2, 1]);
    const shifted = (x: string, name: string, out: number) => b.add(x, b.param(name, [1, 1, out], "bias"));
    const hidden = b.gelu(shifted(b.matmul(tokens, b.param("fc1", [4, 6], "weight")), "b1", 6));
    const y = b.matmul(hidden, b.param("fc2", [6, 3], "weight"));
    b.tanh(bias === "bias" ? shifted(y, "b2", 3) : y);
    const graph = b.graph();
    // Its weights go, its bias of 0.5 or so doesn't.
    const columns = Array.from({ length: 4 }, (_, row) => ["fc1", 6 * row + 1, 1] as const);
    const model = cleared({ graph, params: randomParams(graph, 1) }, ...columns);
    const inputs = randomInputs(graph, 2);
    const small = compact(model).model;
    near(outputs(small, inputs), outputs(model, inputs));
    assert.equal(small.graph.params.fc2.shape, [5, 3]);
    assert.is(small.graph.nodes.filter(({ op }) => op === "Add").length, 2);
  }
});

test("a transformer block computes the same without its dead filters", () => {
  const graph = transformer();
  const model = cleared(
    { graph, params: randomParams(graph, 3) },
    ...[["stem.weight", 27, 27], ["stem.bias", 1, 1], ["hidden.weight", 0, 16], ["hidden.bias", 0, 2]] as const,
  );
  const inputs = randomInputs(graph, 4);
  const small = compact(model).model;
  near(outputs(small, inputs), outputs(model, inputs));
  assert.equal(small.graph.params["stem.weight"].shape, [4, 3, 3, 3]);
  assert.equal(small.graph.params["patch.weight"].shape, [8, 4, 2, 2]);
  assert.equal(small.graph.params["hidden.weight"].shape, [4, 8]);
});

test("products of activations count their multiply-adds", () => {
  const cost = (name: string) => graphCost(transformer()).nodes.get(name)!.macs;
  assert.is(cost("q"), 9 * 8 * 8);
  assert.is(cost("attend"), 2 * 2 * 9 * 9 * 4);
  assert.is(cost("ln"), 0);
});

test.run();
