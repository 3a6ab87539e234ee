import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { UnaryKind } from "../../kernels/pointwise/unary.ts";
import { random } from "../../kernels/random/philox.ts";
import { UserError } from "../../src/errors.ts";
import {
  abs,
  add,
  broadcast,
  clip,
  div,
  elu,
  gelu,
  hardSigmoid,
  hardSwish,
  launchUnary,
  leakyRelu,
  mish,
  mul,
  prelu,
  relu,
  scale,
  sigmoid,
  softplus,
  sub,
  tanh,
} from "../../src/tensor/ops/pointwise.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { erfc } from "../oracle/erf.ts";
import { assertClose, checkOp } from "./check_op.ts";

const test = suite("pointwise");
const SHAPES = [[1], [3], [2, 5, 7, 7], [4, 3, 8, 8], [1, 13, 29]];

const gaussian = (v: number) => 0.5 * erfc(-v / Math.SQRT2);
const UNARY: [string, (tape: Tape, x: Tensor) => Tensor, (v: number) => number][] = [
  ["relu", relu, (v) => Math.max(v, 0)],
  ["clip", (tape, x) => clip(tape, x, -0.5, 1.25), (v) => Math.min(Math.max(v, -0.5), 1.25)],
  ["gelu", gelu, (v) => v * gaussian(v)],
  [
    "gelu tanh",
    (tape, x) => gelu(tape, x, "tanh"),
    (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
  ],
  ["sigmoid", sigmoid, (v) => 1 / (1 + Math.exp(-v))],
  ["tanh", tanh, Math.tanh],
  ["leaky relu", (tape, x) => leakyRelu(tape, x, 0.1), (v) => v > 0 ? v : 0.1 * v],
  ["hard sigmoid", (tape, x) => hardSigmoid(tape, x, 0.5, 0.25), (v) => Math.min(Math.max(0.5 * v + 0.25, 0), 1)],
  ["hard swish", (tape, x) => hardSwish(tape, x), (v) => v * Math.min(Math.max(v / 6 + 0.5, 0), 1)],
  ["elu", (tape, x) => elu(tape, x, 1.5), (v) => v > 0 ? v : 1.5 * Math.expm1(v)],
  ["abs", abs, Math.abs],
  ["softplus", softplus, (v) => Math.log1p(Math.exp(v))],
  ["mish", mish, (v) => v * Math.tanh(Math.log1p(Math.exp(v)))],
  ["elu that falls", (tape, x) => elu(tape, x, -0.5), (v) => v > 0 ? v : -0.5 * Math.expm1(v)],
  ["scale", (tape, x) => scale(tape, x, -1.5), (v) => -1.5 * v],
];

for (const [name, op, f] of UNARY) {
  test(`${name} and its gradient, mid-graph`, async () => {
    for (const shape of SHAPES) {
      await checkOp({
        name: `${name} [${shape}]`,
        shapes: [shape],
        shape,
        op: (tape, [x]) => op(tape, x),
        oracle: ([x]) => x.map(f),
      });
    }
  });
}

test("every element of a large tensor is made, in both widths", async () => {
  const gpu = await testGpu();
  for (const size of [64 * 1024, 64 * 1024 + 5]) {
    using x = Tensor.from(gpu, Float32Array.from({ length: size }, (_, i) => i + 1), [size]);
    using y = Tensor.empty(gpu, [size]);
    launchUnary(gpu, "scale", x, y, 2);
    assert.ok((await y.read()).every((v, i) => v === 2 * (i + 1)));
  }
});

test("saturating functions keep their precision far out and near 0", async () => {
  const gpu = await testGpu();
  const points = [-200, -100, -20, -9, -5.5, -3, -1e-3, -1e-7, 0, 1e-7, 1e-3, 0.6, 0.65, 3, 9, 20, 100, 200];
  using x = Tensor.from(gpu, Float32Array.from(points), [points.length]);
  const exact = Array.from(Float32Array.from(points));
  const relative = async (kind: UnaryKind, f: (v: number) => number, rtol: number, a = 0) => {
    using y = Tensor.empty(gpu, [points.length]);
    launchUnary(gpu, kind, x, y, a);
    (await y.read()).forEach((v, i) => {
      // Below 1e-30 only the absolute value matters.
      const want = f(exact[i]);
      assert.ok(Math.abs(v - want) <= rtol * Math.abs(want) + 1e-30, `${kind}(${points[i]}) = ${v}, expected ${want}`);
    });
  };
  await relative("sigmoid", (v) => 1 / (1 + Math.exp(-v)), 3e-6);
  await relative("tanh", Math.tanh, 1e-6);
  await relative("softplus", (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))), 3e-6);
  await relative("mish", (v) => v * Math.tanh(Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)))), 3e-6);
  await relative("elu", (v) => v > 0 ? v : Math.expm1(v), 1e-6, 1);
  // The rounding of z² before exp costs up to z² · 2^-24 at the far end; nearer, the target of 1e-6 holds.
  await relative("gelu", (v) => v * gaussian(v), 1e-5);
  // 1 + tanh cancels on the negative side, as it does in PyTorch.
  using y = Tensor.empty(gpu, [points.length]);
  launchUnary(gpu, "geluTanh", x, y);
  assertClose(
    await y.read(),
    exact.map((v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))),
    1e-6,
    "geluTanh",
  );
});

test("gelu is within 1e-6 of the exact one where it isn't tiny", async () => {
  const gpu = await testGpu();
  const points = Float32Array.from({ length: 901 }, (_, i) => (i - 300) / 100);
  using x = Tensor.from(gpu, points, [points.length]);
  using y = Tensor.empty(gpu, [points.length]);
  launchUnary(gpu, "gelu", x, y);
  (await y.read()).forEach((v, i) => {
    const want = points[i] * gaussian(points[i]);
    assert.ok(Math.abs(v - want) <= 1.5e-6 * Math.abs(want) + 1e-12, `gelu(${points[i]}) = ${v}, expected ${want}`);
  });
});

test("gradients at the kinks are those of the flat side", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "train");
  const x = tape.own(Tensor.from(gpu, Float32Array.of(-1, 0, 1, 6, 7), [5]));
  tape.watch(x);
  tape.backward(
    add(tape, relu(tape, x), clip(tape, x, 0, 6)),
    tape.own(Tensor.from(gpu, new Float32Array(5).fill(1), [5])),
  );
  assert.equal(Array.from(await tape.gradient(x)!.read()), [0, 0, 2, 1, 1]);
});

/** Index of b for element (n, c, i) of a [N, C, I]. */
type Pick = (n: number, c: number, i: number) => number;

const BINARY: { a: number[]; b: number[]; pick: Pick }[] = [
  { a: [2, 3, 5, 5], b: [2, 3, 5, 5], pick: (n, c, i) => (n * 3 + c) * 25 + i },
  { a: [2, 4, 4, 4], b: [2, 4, 4, 4], pick: (n, c, i) => (n * 4 + c) * 16 + i },
  { a: [3, 5, 7, 7], b: [5], pick: (_n, c) => c },
  { a: [3, 5, 4, 6], b: [1, 5, 1, 1], pick: (_n, c) => c },
  { a: [3, 5, 4, 6], b: [3, 5, 1, 1], pick: (n, c) => n * 5 + c },
  { a: [3, 5, 7, 7], b: [3, 5], pick: (n, c) => n * 5 + c },
  { a: [6, 8], b: [8], pick: (_n, c) => c },
  { a: [70, 13], b: [13], pick: (_n, c) => c },
  { a: [2, 3, 5], b: [1], pick: () => 0 },
  { a: [2, 3, 5], b: [1, 3, 5], pick: (_n, c, i) => c * 5 + i },
  { a: [4, 3, 8], b: [1, 1, 8], pick: (_n, _c, i) => i },
  { a: [2, 7, 5], b: [2, 1, 5], pick: (n, _c, i) => n * 5 + i },
  { a: [2, 13, 3, 4], b: [2, 1, 3, 4], pick: (n, _c, i) => n * 12 + i },
  { a: [3, 5, 7], b: [3, 5, 1], pick: (n, c) => n * 5 + c },
  { a: [5, 5], b: [5, 1], pick: (n) => n },
];

for (const { a, b, pick } of BINARY) {
  test(`add, sub, mul and div of [${a}] and [${b}], mid-graph`, async () => {
    const [n, c] = a;
    const inner = elements(a) / (n * c);
    const zip = (f: (a: number, b: number) => number) => ([x, y]: readonly Float64Array[]) =>
      x.map((v, i) => f(v, y[pick(Math.floor(i / (c * inner)), Math.floor(i / inner) % c, i % inner)]));
    const common = { shapes: [a, b], shape: a };
    await checkOp({ ...common, name: "add", op: (t, [x, y]) => add(t, x, y), oracle: zip((x, y) => x + y) });
    await checkOp({ ...common, name: "mul", op: (t, [x, y]) => mul(t, x, y), oracle: zip((x, y) => x * y) });
    await checkOp({ ...common, name: "mul, swapped", op: (t, [x, y]) => mul(t, y, x), oracle: zip((x, y) => x * y) });
    await checkOp({ ...common, name: "sub", op: (t, [x, y]) => sub(t, x, y), oracle: zip((x, y) => x - y) });
    await checkOp({ ...common, name: "sub, swapped", op: (t, [x, y]) => sub(t, y, x), oracle: zip((x, y) => y - x) });
    const values = (input: number, size: number) =>
      random(2, `divisor ${input}`).fillUniform(new Float64Array(size), 0, 1, 3);
    const apart = { ...common, values };
    await checkOp({ ...apart, name: "div", op: (t, [x, y]) => div(t, x, y), oracle: zip((x, y) => x / y) });
    await checkOp({ ...apart, name: "div, swapped", op: (t, [x, y]) => div(t, y, x), oracle: zip((x, y) => y / x) });
  });
}

for (const shape of [[3, 5, 7, 7], [2, 4, 4, 4], [7, 5], [6, 8]]) {
  test(`prelu of [${shape}], mid-graph`, () => {
    const inner = elements(shape.slice(2));
    return checkOp({
      name: "prelu",
      shapes: [shape, [shape[1]]],
      shape,
      op: (tape, [x, slope]) => prelu(tape, x, slope),
      oracle: ([x, slope]) => x.map((v, i) => v > 0 ? v : v * slope[Math.floor(i / inner) % shape[1]]),
    });
  });
}

test("a bias gradient over many images is summed in slices", async () => {
  await checkOp({
    name: "bias",
    shapes: [[64, 3, 16, 16], [3]],
    shape: [64, 3, 16, 16],
    op: (tape, [x, b]) => add(tape, x, b),
    oracle: ([x, b]) => x.map((v, i) => v + b[Math.floor(i / 256) % 3]),
  });
});

test("x + x and x · x accumulate both gradients", async () => {
  const shapes = [[3, 4]], shape = [3, 4];
  await checkOp({ name: "x + x", shapes, shape, op: (t, [x]) => add(t, x, x), oracle: ([x]) => x.map((v) => 2 * v) });
  await checkOp({ name: "x · x", shapes, shape, op: (t, [x]) => mul(t, x, x), oracle: ([x]) => x.map((v) => v * v) });
});

test("a residual block's shared input gets the sum of its gradients", async () => {
  await checkOp({
    name: "relu(x + tanh(x)) + x",
    shapes: [[2, 3, 5]],
    shape: [2, 3, 5],
    op: (t, [x]) => add(t, relu(t, add(t, x, tanh(t, x))), x),
    oracle: ([x]) => x.map((v) => Math.max(v + Math.tanh(v), 0) + v),
  });
});

test("shapes that don't go together are refused by name", () => {
  assert.throws(
    () => broadcast("Add", [2, 3, 4, 4], [4]),
    (e: Error) => e instanceof UserError && /Add.*\[4\]/.test(e.message),
  );
  // Repeated, kept, repeated, kept.
  assert.throws(() => broadcast("Mul", [2, 3, 4, 4], [1, 3, 1, 4]), (e: Error) => e instanceof UserError);
  assert.throws(() => broadcast("Mul", [2, 3, 4, 4], [2, 3, 2, 4]), (e: Error) => e instanceof UserError);
});

test.run();
