import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";

const test = suite("initialise");

function net() {
  const b = builder("net", ["N", 16, 8, 8]);
  let x = b.batchNorm(b.conv(b.input, { name: "normed", out: 64, kernel: 3, group: 2 }), { name: "bn" });
  x = b.relu(b.conv(x, { name: "plain", out: 32, kernel: 3 }));
  b.gemm(b.flatten(x), { name: "fc", out: 10 });
  return b.graph();
}

function moments(data: Float32Array): { mean: number; std: number; largest: number } {
  const mean = data.reduce((sum, v) => sum + v, 0) / data.length;
  const std = Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length);
  return { mean, std, largest: data.reduce((most, v) => Math.max(most, Math.abs(v)), 0) };
}

function near(value: number, expected: number, relative: number): void {
  assert.ok(Math.abs(value - expected) <= relative * expected, `${value}, expected ${expected} ± ${100 * relative} %`);
}

test("Kaiming normal over the fan-out before a batch norm", () => {
  const params = initialise(net(), 1);
  const { mean, std } = moments(params.get("normed.weight")!.data);
  near(std, Math.sqrt(2 / (32 * 9)), 0.05);
  assert.ok(Math.abs(mean) < 0.1 * std);
  assert.ok(params.get("normed.bias")!.data.every((v) => v === 0));
});

test("uniform in ±1/√fan-in elsewhere, biases too", () => {
  const params = initialise(net(), 1);
  const bound = 1 / Math.sqrt(64 * 9);
  const { std, largest } = moments(params.get("plain.weight")!.data);
  near(std, bound / Math.sqrt(3), 0.03);
  assert.ok(largest <= bound && largest > 0.99 * bound);
  const bias = moments(params.get("plain.bias")!.data);
  assert.ok(bias.largest <= bound && bias.std > 0);
  assert.ok(moments(params.get("fc.bias")!.data).largest <= 1 / Math.sqrt(32 * 16));
});

test("batch norm starts as the identity", () => {
  const params = initialise(net(), 1);
  const all = (name: string, value: number) => assert.ok(params.get(name)!.data.every((v) => v === value), name);
  all("bn.weight", 1);
  all("bn.bias", 0);
  all("bn.running_mean", 0);
  all("bn.running_var", 1);
});

test("the matrix of a MatMul is uniform in ±1/√K", () => {
  const b = builder("tokens", ["N", 9, 64]);
  b.matmul(b.layerNorm(b.input, { name: "ln" }), b.param("w", [64, 48], "weight"));
  const params = initialise(b.graph(), 1);
  const { std, largest } = moments(params.get("w")!.data);
  near(std, 1 / 8 / Math.sqrt(3), 0.03);
  assert.ok(largest <= 1 / 8 && largest > 0.99 / 8);
  assert.ok(params.get("ln.weight")!.data.every((v) => v === 1));
});

test("what a parameter's init says comes first, and leaves the bias of its layer at 0", () => {
  const b = builder("told", ["N", 8, 6, 6]);
  let x = b.concat([b.input, b.conv(b.input, { name: "he", out: 40, kernel: 3, pad: 1, init: "he" })]);
  x = b.conv(x, { name: "normal", out: 20, kernel: 6, init: { normal: 0.02 }, biasInit: { constant: 0.1 } });
  x = b.mul(x, b.param("scale", [20], "gamma", { constant: 1e-6 }));
  b.gemm(b.flatten(x), { name: "fc", out: 300, init: { normal: 0.01 } });
  const params = initialise(b.graph(), 1);
  near(moments(params.get("he.weight")!.data).std, Math.sqrt(2 / (40 * 9)), 0.05);
  near(moments(params.get("normal.weight")!.data).std, 0.02, 0.05);
  near(moments(params.get("fc.weight")!.data).std, 0.01, 0.05);
  const all = (name: string, value: number) =>
    assert.ok(params.get(name)!.data.every((v) => v === Math.fround(value)), name);
  all("he.bias", 0);
  all("normal.bias", 0.1);
  all("scale", 1e-6);
  all("fc.bias", 0);
});

test("a function of the seed and the parameter's name", () => {
  const first = initialise(net(), 1);
  assert.equal(initialise(net(), 1).get("plain.weight"), first.get("plain.weight"));
  assert.not.equal(initialise(net(), 2).get("plain.weight"), first.get("plain.weight"));
});

test.run();
