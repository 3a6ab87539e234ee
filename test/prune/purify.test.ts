import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { purify } from "../../src/prune/methods/purify.ts";
import { randomInputs } from "../generate/graphs.ts";
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

test.run();
