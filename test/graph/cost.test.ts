import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { countNonzero, graphCost } from "../../src/graph/cost.ts";

const test = suite("cost");

test("multiply-adds, parameters and bytes by hand", () => {
  const b = builder("net", ["N", 4, 8, 6]);
  let x = b.conv(b.input, { name: "conv", out: 6, kernel: 3, pad: 1, stride: 2, group: 2 }); // [6,4,3]
  x = b.batchNorm(x, { name: "bn" });
  x = b.columnConv(x, { name: "columns", out: 5, kernel: 3, pad: 1, taps: [0, 4, 13, 50], bias: false });
  x = b.borderBias(x, { name: "border", rows: [0, 1, 1, 2], cols: [0, 1, 2] });
  x = b.gather(x, [4, 2, 0], "gather");
  x = b.relu(b.flatten(x)); // 36
  b.gemm(x, { name: "fc", out: 7 });
  const cost = graphCost(b.graph());
  const of = (name: string) => cost.nodes.get(name);
  assert.equal(of("conv"), { macs: 6 * 4 * 3 * (2 * 9), params: 6 * 2 * 9 + 6, bytes: 4 * 114 });
  assert.equal(of("bn"), { macs: 0, params: 24, bytes: 96 });
  assert.equal(of("columns"), { macs: 5 * 4 * 3 * 4, params: 20, bytes: 4 * (20 + 4) });
  assert.equal(of("border"), { macs: 0, params: 45, bytes: 4 * (45 + 4 + 3) });
  assert.equal(of("gather"), { macs: 0, params: 0, bytes: 12 });
  assert.equal(of("relu"), { macs: 0, params: 0, bytes: 0 });
  assert.equal(of("fc"), { macs: 36 * 7, params: 36 * 7 + 7, bytes: 4 * 259 });
  assert.is(cost.macs, 1296 + 240 + 252);
  assert.is(cost.params, 114 + 24 + 20 + 45 + 259);
  assert.is(cost.bytes, 4 * (cost.params + 4 + 7 + 3));
});

test("a shared parameter counts once", () => {
  const b = builder("siamese", ["N", 3]);
  const weight = b.param("fc.weight", [3, 3], "weight");
  b.node("Gemm", [b.node("Gemm", [b.input, weight]), weight]);
  const cost = graphCost(b.graph());
  assert.is(cost.params, 9);
  assert.is(cost.macs, 18);
});

test("stored numbers that aren't 0", () => {
  const tensor = (data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) });
  assert.is(countNonzero(new Map([["a", tensor([0, 1, -0, 2])], ["b", tensor([0, 1e-38])]])), 3);
});

test.run();
