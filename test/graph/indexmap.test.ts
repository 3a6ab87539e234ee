import { suite } from "uvu";
import * as assert from "uvu/assert";
import { applyIndexMap, compose, gatherTensor, identityMap } from "../../src/graph/indexmap.ts";
import type { HostTensor, IndexMap, IndexMapEntry } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("indexmap");

function counting(shape: readonly number[]): HostTensor {
  const size = shape.reduce((product, d) => product * d, 1);
  return { shape, data: Float32Array.from({ length: size }, (_, i) => i) };
}

function mapOf(entries: Record<string, IndexMapEntry>): IndexMap {
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
    assert.equal(applyIndexMap(composed, tensors), applyIndexMap(second, applyIndexMap(first, tensors)));
    assert.not.ok(composed.has("folded"));
  }
  assert.equal(compose(first, columns, params).get("conv.weight"), { source: "w", keep: [[2, 3], [0, 3, 10]] });
});

test("columns, then fewer columns", () => {
  const params = { w: { shape: [2, 2, 2, 2], role: "weight" } } as const;
  const tensors = new Map([["w", counting([2, 2, 2, 2])]]);
  const first = mapOf({ w: { source: "w", keep: [null, [1, 4, 6]] } });
  const second = mapOf({ w: { source: "w", keep: [[1], [0, 2]] } });
  assert.equal(applyIndexMap(compose(first, second, params), tensors).get("w")!.data, Float32Array.from([9, 14]));
});

test("the identity composes to nothing new", () => {
  const graph = createModel("digits");
  const identity = identityMap(graph);
  assert.equal(compose(identity, identity, graph.params), identity);
  const tensors = new Map([["fc2.bias", counting([10])]]);
  assert.equal(applyIndexMap(identity, tensors), tensors);
});

test.run();
