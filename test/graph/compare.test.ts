import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareOutputs, tolerance } from "../../src/graph/compare.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("compare");

test("the largest difference, also relative to the largest output", () => {
  const a = Float64Array.from([1, -8, 2]);
  assert.equal(compareOutputs(a, a), { maxAbs: 0, maxRel: 0 });
  assert.equal(compareOutputs(a, Float64Array.from([1.5, -8, 1])), { maxAbs: 1, maxRel: 0.125 });
  assert.equal(compareOutputs(new Float32Array(3), new Float32Array(3)), { maxAbs: 0, maxRel: 0 });
  assert.is(compareOutputs(new Float32Array(1), Float32Array.of(1)).maxRel, Infinity);
  assert.is(compareOutputs(Float32Array.of(1, 2), Float32Array.of(NaN, 2)).maxRel, Infinity);
  assert.throws(() => compareOutputs(a, new Float64Array(2)), /comparing 3 outputs with 2/);
  assert.throws(() => compareOutputs(new Float32Array(), new Float32Array()), /comparing no outputs at all/);
});

test("deeper nets may differ more", () => {
  assert.is(tolerance(createModel("digits")), 1e-5);
  assert.is(tolerance(createModel("resnet20")), 1e-5);
  assert.is(tolerance(createModel("resnet32")), 1e-4);
});

test.run();
