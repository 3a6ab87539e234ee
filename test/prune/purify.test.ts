import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { purify, sharePerNumber } from "../../src/prune/methods/purify.ts";
import { randomInputs } from "../generate/graphs.ts";
import { vit } from "../generate/transformer.ts";
import { difference } from "./equal.ts";
import { modelOf } from "./models.ts";

const test = suite("purify");

const b = builder("g", ["N", 2, 5, 5]);
const hidden = b.relu(b.conv(b.input, { name: "a", out: 6, kernel: 3, pad: 1 }));
const deeper = b.relu(b.conv(hidden, { name: "b", out: 6, kernel: 3 }));
b.gemm(b.flatten(b.globalAveragePool(deeper)), { name: "f", out: 3 });
const graph = b.graph();

/** Filters 4 and 5 of `a`, and columns of `b` here and there, are next to nothing. */
const model = weakened(
  modelOf(graph),
  (name, f, column) =>
    (name === "a.weight" || name === "a.bias") && f >= 4 ? 1e-3 : name === "b.weight" && column % 7 === 3 ? 1e-3 : 1,
);

function weakened(model: Model, scale: (name: string, f: number, column: number) => number): Model {
  const params = new Map<string, HostTensor>();
  for (const [name, { shape, data }] of model.params) {
    const row = data.length / shape[0];
    params.set(name, { shape, data: data.map((v, i) => v * scale(name, Math.floor(i / row), i % row)) });
  }
  return { graph: model.graph, params };
}

/** Mean square distance from the original's outputs: 0 before anything is removed. */
function distance(from: Model): (candidate: Model) => Promise<number> {
  const inputs = randomInputs(graph, 7, 4);
  const wanted = referenceForward(from, inputs).get("f")!.data;
  return (candidate) => {
    const given = referenceForward(candidate, inputs).get("f")!.data;
    return Promise.resolve(wanted.reduce((sum, v, i) => sum + (v - given[i]) ** 2, 0) / wanted.length);
  };
}

test("weak groups go, the loss stays within ε, and the gain is told", async () => {
  const evaluate = distance(model);
  const result = await purify(model, { evaluate, epsilon: 1e-4 });
  assert.is(result.loss.before, 0);
  assert.ok(result.loss.after <= 1e-4);
  assert.is(await evaluate(result.model), result.loss.after);
  assert.ok(result.trials.length <= 16 && result.trials.some(({ accepted }) => accepted));
  assert.equal((result.removed.get("a:filter") ?? []).slice(-2), [4, 5]);
  assert.ok(result.after.params < result.before.params);
  assert.ok(result.after.macs < result.before.macs);
  assert.ok(result.after.nonzero < result.before.nonzero);
  for (const [name, mask] of result.masks) {
    result.model.params.get(name)!.data.forEach((v, i) => assert.ok(mask.data[i] || v === 0));
  }
});

test("branches and dimensions of heads go as well where they are asked for, and the small network is the masked one", async () => {
  const dense = modelOf(vit("together"));
  for (const kinds of [["qk", "v"], ["layer"]] as const) {
    const { model: masked, removed } = await purify(dense, { evaluate: () => Promise.resolve(0), epsilon: 0, kinds });
    assert.ok(removed.size > 0, kinds.join());
    const { model: small } = compact(masked);
    assert.ok(graphCost(small.graph).params < graphCost(dense.graph).params, kinds.join());
    assert.ok(difference(masked, small) <= 1e-6, kinds.join());
  }
});

test("ε = 0 takes nothing that shows; a NaN loss is refused", async () => {
  const strict = await purify(model, { evaluate: distance(model), epsilon: 0 });
  assert.is(strict.loss.after, 0);
  assert.ok(difference(model, strict.model) === 0);
  let calls = 0;
  const broken = await purify(model, {
    evaluate: () => Promise.resolve(calls++ === 0 ? 1 : NaN),
    epsilon: 10,
  });
  assert.is(broken.removed.size, 0);
  assert.is(broken.model.params.get("a.weight")!.data.filter((v) => v === 0).length, 0);
});

test("a layer that hurts is rolled back alone", async () => {
  // Anything that touches layer a is refused; b may lose all that minKeep leaves.
  const evaluate = (candidate: Model) => {
    const touched = candidate.params.get("a.weight")!.data.some((w) => w === 0);
    return Promise.resolve(touched ? 1 : 0);
  };
  const { removed } = await purify(model, { evaluate, epsilon: 0.5, kinds: ["channel", "column"], minKeep: 2 });
  assert.not([...removed.keys()].some((name) => name.startsWith("a:")));
  assert.ok(removed.get("b:channel")!.length > 0 || removed.get("b:column")!.length > 0);
});

test("with everything allowed, minKeep stays in each constraint", async () => {
  const { removed, candidates } = await purify(model, {
    evaluate: () => Promise.resolve(0),
    epsilon: 0,
    kinds: ["filter"],
    minKeep: 2,
    evaluations: 12,
  });
  assert.is(candidates, 8);
  assert.equal([...removed.values()].map((groups) => groups.length), [4, 4]);
});

test("groups are ranked by their share of the layer's energy, for each number that goes with them", () => {
  assert.equal([...sharePerNumber(new Float64Array([4, 12]), [2, 4])], [0.125, 0.1875]);
  assert.equal([...sharePerNumber(new Float64Array([0, 0]), [2, 4])], [0, 0]);
});

/** Filters of `a` have 19 numbers and those of `b` 55; their energies per share are given by a factor for each. */
function weighed(a: readonly number[], b: readonly number[]): Model {
  return weakened(modelOf(graph), (name, f) => name === "a.weight" ? a[f] : name === "b.weight" ? b[f] : 1);
}

const lost = (candidate: Model) =>
  ["a.weight", "b.weight"].map((name) => {
    const { shape, data } = candidate.params.get(name)!;
    const row = data.length / shape[0];
    return Array.from({ length: shape[0] }, (_, f) => data.subarray(f * row, (f + 1) * row).every((w) => w === 0))
      .filter((gone) => gone).length;
  });

test("bisection halves the list, and what lies behind its end is tried layer by layer", async () => {
  const { trials, removed } = await purify(model, {
    // Three filters may go, whichever they are.
    evaluate: (candidate) => Promise.resolve(lost(candidate).reduce((a, b) => a + b, 0) > 3 ? 1 : 0.5),
    epsilon: 0.25,
    kinds: ["filter"],
    minKeep: 2,
  });
  // Eight candidates: between 0 and 9 lie 4, then 2, then 3; and the fourth alone is its layer's stretch.
  assert.equal(trials.map(({ removed, accepted }) => [removed, accepted]), [
    [4, false],
    [2, true],
    [3, true],
    [4, false],
  ]);
  assert.is([...removed.values()].reduce((sum, groups) => sum + groups.length, 0), 3);
});

test("bisection ends with all candidates where all may go", async () => {
  const b = builder("h", ["N", 1, 3, 3]);
  const x = b.relu(b.conv(b.input, { name: "a", out: 4, kernel: 1 }));
  b.gemm(b.flatten(b.globalAveragePool(x)), { name: "f", out: 2 });
  const { trials } = await purify(modelOf(b.graph()), {
    evaluate: () => Promise.resolve(0),
    epsilon: 0,
    kinds: ["filter"],
  });
  // One of the four filters stays. Between 0 and 4 lie 2, then 3.
  assert.equal(trials.map(({ removed }) => removed), [2, 3]);
});

/** A layer of `out` filters of one number each, from 0 on. */
function thin(out: number): Model {
  const b = builder("h", ["N", 1, 1, 1]);
  const x = b.relu(b.conv(b.input, { name: "a", out, kernel: 1, bias: false }));
  b.gemm(b.flatten(x), { name: "f", out: 2 });
  return modelOf(b.graph(), { "a.weight": Array.from({ length: out }, (_, f) => f) });
}

test("a group that is empty already is no candidate, and one of a single number is", async () => {
  const { candidates, removed } = await purify(thin(4), {
    evaluate: () => Promise.resolve(0),
    epsilon: 0,
    kinds: ["filter"],
  });
  assert.is(candidates, 2);
  assert.equal([...removed], [["a:filter", [1, 2]]]);
});

test("where nothing may go eight evaluations halve the list, and one more asks for what is left of each layer", async () => {
  const { trials, candidates } = await purify(thin(1025), {
    evaluate: (candidate) => Promise.resolve(candidate.params.get("a.weight")!.data[1] === 0 ? 1 : 0),
    epsilon: 0.5,
    kinds: ["filter"],
  });
  assert.is(candidates, 1023);
  assert.equal(trials.map(({ removed }) => removed), [512, 256, 128, 64, 32, 16, 8, 4, 4]);
});

test("a kind that no layer of the network has gives no candidates", async () => {
  const b = builder("h", ["N", 1, 2, 2]);
  b.gemm(b.relu(b.gemm(b.flatten(b.input), { name: "a", out: 4 })), { name: "f", out: 2 });
  const options = { evaluate: () => Promise.resolve(0), epsilon: 0, kinds: ["kernel"] } as const;
  assert.is((await purify(modelOf(b.graph()), options)).candidates, 0);
});

test("a loss that rises by exactly what is allowed is accepted, and one beyond is not", async () => {
  const losing = (loss: number) => {
    const evaluate = (candidate: Model) => Promise.resolve(lost(candidate).some((n) => n > 0) ? loss : 1);
    return purify(model, { evaluate, epsilon: 0.5, kinds: ["filter"], evaluations: 1 });
  };
  assert.ok((await losing(1.5)).removed.size > 0);
  assert.is((await losing(1.5 + 1e-9)).removed.size, 0);
});

test("of the layers behind the list's end the one that frees most numbers is tried first", async () => {
  const strong = [1, 1, 1, 1];
  const even = weighed([...strong, 1e-3, 1e-3], [...strong, 1e-3, 1e-3]);
  const { trials, removed } = await purify(even, {
    evaluate: (candidate) => Promise.resolve(lost(candidate).every((n) => n === 2) ? 1 : 0),
    epsilon: 0,
    kinds: ["filter"],
    minKeep: 2,
    evaluations: 1,
  });
  // The four weak filters together are refused; then the two of `b`, 110 numbers, come before the two of `a`, 38.
  assert.equal(trials.map(({ removed }) => removed), [4, 2]);
  assert.equal([...removed], [["b:filter", [4, 5]]]);
});

test.run();
