import { suite } from "uvu";
import * as assert from "uvu/assert";
import { applyIndexMap, compose, gatherTensor, identityMap } from "../../src/graph/indexmap.ts";
import type { HostTensor, IndexMap, Origin } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("indexmap");

function counting(shape: readonly number[]): HostTensor {
  const size = shape.reduce((product, d) => product * d, 1);
  return { shape, data: Float32Array.from({ length: size }, (_, i) => i) };
}

function mapOf(entries: Record<string, Origin>): IndexMap {
  return new Map(Object.entries(entries));
}

test("kept entries per axis", () => {
  const kept = gatherTensor(counting([3, 4]), [[2, 0], [1, 3]]);
  assert.equal(kept, { shape: [2, 2], data: Float32Array.from([9, 11, 1, 3]) });
  assert.equal(gatherTensor(counting([2, 2, 2]), [null, [1], null]).data, Float32Array.from([2, 3, 6, 7]));
});

test("fewer entries than axes: the last one sees the rest as one", () => {
  const columns = gatherTensor(counting([2, 2, 1, 3]), [[1], [0, 5]]);
  assert.equal(columns, { shape: [1, 2], data: Float32Array.from([6, 11]) });
  assert.equal(gatherTensor(counting([2, 2, 3]), [null, null]), { ...counting([2, 6]) });
});

test("composing equals applying one after the other", () => {
  const params = { w: { shape: [4, 3, 2, 2], role: "weight" }, b: { shape: [4], role: "bias" } } as const;
  const tensors = new Map([["w", counting([4, 3, 2, 2])], ["b", counting([4])]]);
  const first = mapOf({
    w: { source: "w", keep: [[0, 2, 3], [0, 2], null, null] },
    b: { source: "b", keep: [[0, 2, 3]] },
  });
  const columns = mapOf({
    "conv.weight": { source: "w", keep: [[1, 2], [0, 3, 6]] },
    "conv.bias": { source: "b", keep: [[1, 2]] },
    folded: { source: "made by the first rewrite", keep: [null] },
  });
  const whole = mapOf({
    "conv.weight": { source: "w", keep: [null, [1], null, null] },
    "conv.bias": { source: "b", keep: [null] },
  });
  for (const second of [columns, whole]) {
    const composed = compose(first, second, params);
    assert.equal(applyIndexMap(composed, tensors), applyIndexMap(second, applyIndexMap(first, tensors).tensors));
    assert.not.ok(composed.has("folded"));
  }
  assert.equal(compose(first, columns, params).get("conv.weight"), { source: "w", keep: [[2, 3], [0, 3, 10]] });
});

test("columns, then fewer columns", () => {
  const params = { w: { shape: [2, 2, 2, 2], role: "weight" } } as const;
  const tensors = new Map([["w", counting([2, 2, 2, 2])]]);
  const first = mapOf({ w: { source: "w", keep: [null, [1, 4, 6]] } });
  const second = mapOf({ w: { source: "w", keep: [[1], [0, 2]] } });
  assert.equal(
    applyIndexMap(compose(first, second, params), tensors).tensors.get("w")!.data,
    Float32Array.from([9, 14]),
  );
});

test("the identity composes to nothing new", () => {
  const graph = createModel("digits");
  const identity = identityMap(graph);
  assert.equal(compose(identity, identity, graph.params), identity);
  const tensors = new Map([["fc2.bias", counting([10])]]);
  assert.equal(applyIndexMap(identity, tensors), { tensors, ended: [] });
});

/** conv2 ∘ bn ∘ conv1 as one convolution, whose bias is conv2's, beside a parameter that stays. */
const merging = mapOf({
  "conv.weight": { sources: ["conv1.weight", "bn.weight", "conv2.weight"], how: "conv2 ∘ bn ∘ conv1" },
  "conv.bias": { source: "conv2.bias", keep: [null] },
});

const SPECS = {
  "conv1.weight": { shape: [4, 3, 1, 1], role: "weight" },
  "bn.weight": { shape: [4], role: "gamma" },
  "conv2.weight": { shape: [2, 4, 1, 1], role: "weight" },
  "conv2.bias": { shape: [2], role: "bias" },
} as const;

test("tensors follow what was kept and end at what was merged, which is told", () => {
  const tensors = new Map([["conv2.bias", counting([2])], ["bn.weight", counting([4])]]);
  assert.equal(applyIndexMap(merging, tensors), {
    tensors: new Map([["conv.bias", counting([2])]]),
    ended: [{ name: "conv.weight", origin: merging.get("conv.weight") }],
  });
  tensors.delete("bn.weight");
  assert.equal(applyIndexMap(merging, tensors).ended, []);
});

test("what was merged stays merged when it is cut afterwards", () => {
  const cut = mapOf({
    "conv.weight": { source: "conv.weight", keep: [[1], null, null, null] },
    "conv.bias": { source: "conv.bias", keep: [[1]] },
  });
  assert.equal(
    compose(merging, cut, SPECS),
    mapOf({
      "conv.weight": merging.get("conv.weight")!,
      "conv.bias": { source: "conv2.bias", keep: [[1]] },
    }),
  );
});

test("what is merged after a cut, or twice, comes from the first parameters of all", () => {
  const cut = mapOf({
    a: { source: "conv1.weight", keep: [[0, 2], null, null, null] },
    b: { source: "conv2.weight", keep: [null, [0, 2], null, null] },
  });
  const then = mapOf({ ab: { sources: ["a", "b", "made by the first rewrite"], how: "b ∘ a" } });
  assert.equal(
    compose(cut, then, SPECS),
    mapOf({ ab: { sources: ["conv1.weight", "conv2.weight"], how: "b ∘ a" } }),
  );
  const again = mapOf({ all: { sources: ["conv.weight", "conv.bias"], how: "all of it" } });
  assert.equal(
    compose(merging, again, SPECS),
    mapOf({ all: { sources: ["conv1.weight", "bn.weight", "conv2.weight", "conv2.bias"], how: "all of it" } }),
  );
  assert.equal(compose(cut, mapOf({ x: { sources: ["made by the first rewrite"], how: "x" } }), SPECS).size, 0);
});

test.run();
