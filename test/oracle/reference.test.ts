import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Array64 } from "../../src/graph/reference/array.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { batchStatistics } from "../../src/graph/reference/norm.ts";
import { erf } from "../../src/graph/reference/pointwise.ts";
import { array, largestDifference, run, sample } from "./samples.ts";

const test = suite("reference");

function same(a: Array64, b: Array64, within = 1e-12): void {
  const difference = largestDifference(a, b);
  assert.ok(difference <= within, `differ by ${difference}`);
}

function is(a: Array64, shape: readonly number[], values: readonly number[]): void {
  assert.equal(a.shape, shape);
  same(a, array(shape, values));
}

const RAMP = array([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);

test("convolution by hand", () => {
  const weight = array([1, 1, 2, 2], [1, 10, 100, 1000]);
  is(run("Conv", [RAMP, weight]), [1, 1, 2, 2], [5421, 6532, 8754, 9865]);
  is(run("Conv", [RAMP, weight, array([1], [0.5])], { pads: [1, 0, 0, 1], strides: [2, 2] }), [1, 1, 2, 2], [
    2100.5,
    300.5,
    8754.5,
    906.5, // rows 2 and 3 of column 3, the rest is padding: 6 + 100 · 9 + the bias
  ]);
});

test("a delta kernel copies, shifts or picks", () => {
  const x = sample("x", 2, 3, 5, 4);
  const delta = array([3, 3, 3, 3], Array.from({ length: 81 }, (_, i) => i % 9 === 4 && i % 36 === 4 ? 1 : 0));
  same(run("Conv", [x, delta], { pads: [1, 1, 1, 1] }), x);
  const dilated = run("Conv", [x, delta], { pads: [2, 2, 2, 2], dilations: [2, 2] });
  same(dilated, x);
  const strided = run("Conv", [x, delta], { pads: [1, 1, 1, 1], strides: [2, 3] });
  same(strided, run("Slice", [x], { axes: [2, 3], starts: [0, 0], ends: [5, 4], steps: [2, 3] }));
});

test("groups are separate convolutions side by side", () => {
  const x = sample("x", 2, 6, 5, 5);
  const weight = sample("w", 4, 3, 3, 2);
  const bias = sample("b", 4);
  const attrs = { pads: [1, 0, 2, 1], strides: [1, 2] };
  const half = (value: Array64, axis: number, from: number, to: number) =>
    axis === 1 ? run("Slice", [value], { axes: [1], starts: [from], ends: [to] }) : array(
      [to - from, ...value.shape.slice(1)],
      [...value.data].slice(
        from * value.data.length / value.shape[0],
        to * value.data.length / value.shape[0],
      ),
    );
  const parts = [0, 1].map((g) =>
    run(
      "Conv",
      [half(x, 1, 3 * g, 3 * g + 3), half(weight, 0, 2 * g, 2 * g + 2), half(bias, 0, 2 * g, 2 * g + 2)],
      attrs,
    )
  );
  same(run("Conv", [x, weight, bias], { ...attrs, group: 2 }), run("Concat", parts));
});

test("a transposed convolution puts its kernel down at every pixel, by hand", () => {
  const x = array([1, 1, 1, 2], [1, 10]);
  const weight = array([1, 1, 1, 3], [1, 2, 3]);
  is(run("ConvTranspose", [x, weight]), [1, 1, 1, 4], [1, 12, 23, 30]);
  is(run("ConvTranspose", [x, weight, array([1], [0.5])], { strides: [1, 2] }), [1, 1, 1, 5], [
    1.5,
    2.5,
    13.5,
    20.5,
    30.5,
  ]);
  const attrs = { strides: [1, 2], pads: [0, 1, 0, 1], output_padding: [0, 1] };
  is(run("ConvTranspose", [x, weight], attrs), [1, 1, 1, 4], [2, 13, 20, 30]);
  is(run("ConvTranspose", [x, weight], { dilations: [1, 2] }), [1, 1, 1, 6], [1, 10, 2, 20, 3, 30]);
  // Two channels to one filter add up; in two groups each has filters of its own.
  const two = array([1, 2, 1, 1], [1, 10]);
  is(run("ConvTranspose", [two, array([2, 1, 1, 2], [1, 2, 3, 4])]), [1, 1, 1, 2], [31, 42]);
  is(run("ConvTranspose", [two, array([2, 1, 1, 2], [1, 2, 3, 4])], { group: 2 }), [1, 2, 1, 2], [1, 2, 30, 40]);
});

test("it is the gradient of a convolution: ⟨conv(x), y⟩ = ⟨x, transpose(y)⟩", () => {
  const attrs = { strides: [2, 3], pads: [1, 0, 2, 1], dilations: [1, 2], group: 2 };
  const [x, weight] = [sample("x", 2, 4, 7, 9), sample("w", 6, 2, 3, 2)];
  const y = run("Conv", [x, weight], attrs);
  const other = sample("y", ...y.shape);
  const back = run("ConvTranspose", [other, weight], { ...attrs, output_padding: [1, 1] });
  assert.equal(back.shape, x.shape);
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i], 0);
  const [forth, gradient] = [dot(y.data, other.data), dot(x.data, back.data)];
  assert.ok(Math.abs(forth - gradient) < 1e-9 * Math.abs(forth), `${forth} and ${gradient}`);
});

test("channels become blocks of pixels in both orders, by hand", () => {
  const x = array([1, 8, 1, 1], [0, 1, 2, 3, 4, 5, 6, 7]);
  is(run("DepthToSpace", [x], { blocksize: 2 }), [1, 2, 2, 2], [0, 2, 4, 6, 1, 3, 5, 7]);
  is(run("DepthToSpace", [x], { blocksize: 2, mode: "CRD" }), [1, 2, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7]);
  const wide = array([1, 4, 1, 2], [0, 1, 2, 3, 4, 5, 6, 7]);
  is(run("DepthToSpace", [wide], { blocksize: 2 }), [1, 1, 2, 4], [0, 2, 1, 3, 4, 6, 5, 7]);
});

test("dilation equals a kernel with holes", () => {
  const x = sample("x", 1, 2, 8, 9);
  const weight = sample("w", 3, 2, 2, 3);
  const holes = array(
    [3, 2, 4, 5],
    Array.from({ length: 120 }, (_, i) => {
      const [kj, ki, fc] = [i % 5, Math.floor(i / 5) % 4, Math.floor(i / 20)];
      return ki % 3 === 0 && kj % 2 === 0 ? weight.data[(fc * 2 + ki / 3) * 3 + kj / 2] : 0;
    }),
  );
  same(run("Conv", [x, weight], { dilations: [3, 2] }), run("Conv", [x, holes]));
});

test("a 1×1 convolution on one pixel is a Gemm, by hand as well", () => {
  const x = array([2, 3], [1, 2, 3, 4, 5, 6]);
  const weight = array([2, 3], [1, 0, -1, 2, 2, 2]);
  const bias = array([2], [10, 20]);
  is(run("Gemm", [x, weight, bias]), [2, 2], [8, 32, 8, 50]);
  const conv = run("Conv", [{ ...x, shape: [2, 3, 1, 1] }, { ...weight, shape: [2, 3, 1, 1] }, bias]);
  same(run("Flatten", [conv]), run("Gemm", [x, weight, bias]));
});

test("ColumnConv is a convolution whose other taps are 0", () => {
  const x = sample("x", 2, 3, 6, 5);
  const bias = sample("b", 4);
  const geometry = { pads: [1, 0, 1, 2], strides: [2, 1], dilations: [1, 2] };
  const all = Array.from({ length: 18 }, (_, i) => i);
  for (const taps of [all, [0, 5, 7, 16]]) {
    const kept = sample("w", 4, taps.length);
    const full = array(
      [4, 3, 3, 2],
      Array.from({ length: 72 }, (_, i) => {
        const t = taps.indexOf(i % 18);
        return t < 0 ? 0 : kept.data[Math.floor(i / 18) * taps.length + t];
      }),
    );
    const column = run("ColumnConv", [x, kept, bias], { ...geometry, kernel_shape: [3, 2], taps });
    same(column, run("Conv", [x, full, bias], geometry));
  }
  const inputs = sample("k", 2, 5);
  const weight = sample("g", 3, 2);
  const picked = run("Gather", [inputs], { axis: 1, indices: [1, 4] });
  same(run("ColumnConv", [inputs, weight], { taps: [1, 4] }), run("Gemm", [picked, weight]));
});

test("BorderBias adds what a constant channel adds to a zero-padded convolution", () => {
  const x = sample("x", 2, 1, 4, 5);
  const weight = sample("w", 3, 2, 3, 3);
  const v = 0.7;
  const attrs = { pads: [1, 1, 1, 1] };
  const constant = array([2, 1, 4, 5], new Array(40).fill(v));
  const whole = run("Conv", [run("Concat", [x, constant]), weight], attrs);
  const part = (c: number) => array([3, 1, 3, 3], [...weight.data].filter((_, i) => Math.floor(i / 9) % 2 === c));
  // Taps that lie inside the image: without the first at the top, all in the middle, without the last at the bottom.
  const valid = [[1, 2], [0, 1, 2], [0, 1]];
  const kernel = part(1).data;
  const table = array(
    [3, 3, 3],
    Array.from({ length: 27 }, (_, i) => {
      const [f, row, col] = [Math.floor(i / 9), Math.floor(i / 3) % 3, i % 3];
      let sum = 0;
      for (const ki of valid[row]) for (const kj of valid[col]) sum += kernel[f * 9 + ki * 3 + kj];
      return v * sum;
    }),
  );
  const kept = run("Conv", [x, part(0)], attrs);
  same(run("BorderBias", [kept, table], { rows: [0, 1, 1, 2], cols: [0, 1, 1, 1, 2] }), whole);
});

test("pooling by hand", () => {
  is(run("MaxPool", [RAMP], { kernel_shape: [2, 2] }), [1, 1, 2, 2], [5, 6, 8, 9]);
  const negative = array([1, 1, 2, 2], [-1, -2, -3, -4]);
  is(run("MaxPool", [negative], { kernel_shape: [2, 2], pads: [1, 1, 1, 1], strides: [2, 2] }), [1, 1, 2, 2], [
    -1,
    -2,
    -3,
    -4,
  ]);
  const padded = { kernel_shape: [2, 2], pads: [1, 1, 0, 0], strides: [2, 2] };
  is(run("AveragePool", [RAMP], padded), [1, 1, 2, 2], [1, 2.5, 5.5, 7]);
  is(run("AveragePool", [RAMP], { ...padded, count_include_pad: 1 }), [1, 1, 2, 2], [0.25, 1.25, 2.75, 7]);
  is(run("GlobalAveragePool", [RAMP]), [1, 1, 1, 1], [5]);
  is(run("GlobalAveragePool", [array([1, 2, 1, 2], [1, 3, 5, 9])]), [1, 2, 1, 1], [2, 7]);
});

test("batch norm with running statistics and with the batch's", () => {
  const x = array([2, 2, 1, 2], [1, 3, 10, 20, 5, 7, 30, 40]);
  const [gamma, beta] = [array([2], [2, 1]), array([2], [0.5, 0])];
  const eps = { epsilon: 0 };
  const running = [array([2], [1, 10]), array([2], [4, 100])];
  is(run("BatchNormalization", [x, gamma, beta, ...running], eps), [2, 2, 1, 2], [
    0.5,
    2.5,
    0,
    1,
    4.5,
    6.5,
    2,
    3,
  ]);
  const { mean, variance } = batchStatistics(x);
  is(mean, [2], [4, 25]);
  is(variance, [2], [5, 125]);
  const trained = run("BatchNormalization", [x, gamma, beta, ...running], eps, "train");
  same(trained, run("BatchNormalization", [x, gamma, beta, mean, variance], eps));
  const after = batchStatistics(trained);
  is(after.mean, [2], [0.5, 0]);
  is(after.variance, [2], [4, 1]);
});

test("activations by hand", () => {
  const x = array([1, 5], [-2, -0.5, 0, 0.5, 7]);
  is(run("Relu", [x]), [1, 5], [0, 0, 0, 0.5, 7]);
  is(run("Clip", [x], { min: 0, max: 6 }), [1, 5], [0, 0, 0, 0.5, 6]);
  is(run("Clip", [x], { max: 0 }), [1, 5], [-2, -0.5, 0, 0, 0]);
  is(run("Sigmoid", [array([1, 3], [0, Math.log(3), -Math.log(3)])]), [1, 3], [0.5, 0.75, 0.25]);
  is(run("LeakyRelu", [x], { alpha: 0.2 }), [1, 5], [-0.4, -0.1, 0, 0.5, 7]);
  is(run("HardSigmoid", [x]), [1, 5], [0.1, 0.4, 0.5, 0.6, 1]);
  is(run("HardSwish", [array([1, 4], [-4, -1.5, 1.5, 4])]), [1, 4], [0, -0.375, 1.125, 4]);
  is(run("Elu", [array([1, 3], [-Math.log(2), 0, 3])], { alpha: 2 }), [1, 3], [-1, 0, 3]);
  is(run("Softplus", [array([1, 2], [0, Math.log(3)])]), [1, 2], [Math.log(2), Math.log(4)]);
  is(run("Abs", [array([1, 3], [-2, 0, 3])]), [1, 3], [2, 0, 3]);
  // tanh(log 4) = 15/17.
  is(run("Mish", [array([1, 2], [0, Math.log(3)])]), [1, 2], [0, Math.log(3) * 15 / 17]);
  is(run("Tanh", [array([1, 2], [0, Math.log(2)])]), [1, 2], [0, 0.6]);
  const one = array([1, 2], [1, -1]);
  is(run("Gelu", [one]), [1, 2], [0.8413447460685429, -0.15865525393145707]); // Φ(1), −Φ(−1)
  same(run("Gelu", [one], { approximate: "tanh" }), array([1, 2], [0.8411919906082768, -0.15880800939172324]));
});

test("operands that meet, by hand", () => {
  const x = array([1, 2, 3], [1, 2, 3, 4, 5, 6]);
  is(run("Sub", [x, array([1, 1, 3], [1, 0, 2])]), [1, 2, 3], [0, 2, 1, 3, 5, 4]);
  is(run("Sub", [array([1, 2, 1], [1, 2]), x]), [1, 2, 3], [0, -1, -2, -2, -3, -4]);
  is(run("Div", [x, array([2], [1, 2])]), [1, 2, 3], [1, 2, 3, 2, 2.5, 3]);
  is(run("PRelu", [array([1, 2, 2], [-1, 1, -1, 1]), array([2], [0.5, -2])]), [1, 2, 2], [-0.5, 1, 2, 1]);
});

test("the error function to double precision", () => {
  // Abramowitz & Stegun, table 7.1, and mpmath.
  const known = [[0, 0], [0.5, 0.5204998778130465], [1, 0.8427007929497149], [2, 0.9953222650189527]];
  known.push([2.9, 0.9999589021219005], [3, 0.9999779095030014], [3.5, 0.9999992569016276], [7, 1]);
  for (const [x, y] of known) {
    assert.ok(Math.abs(erf(x) - y) < 2e-15, `erf(${x}) = ${erf(x)}`);
    assert.is(erf(-x), -erf(x));
  }
});

test("Add and Mul broadcast", () => {
  const x = array([2, 2, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  const gate = array([2, 2], [1, 10, 100, 1000]);
  const gated = [1, 2, 30, 40, 500, 600, 7000, 8000];
  is(run("Add", [x, x]), [2, 2, 1, 2], [2, 4, 6, 8, 10, 12, 14, 16]);
  is(run("Mul", [x, gate]), [2, 2, 1, 2], gated);
  is(run("Mul", [{ ...gate, shape: [2, 2, 1, 1] }, x]), [2, 2, 1, 2], gated);
  is(run("Add", [x, array([2, 1, 1], [10, 20])]), [2, 2, 1, 2], [11, 12, 23, 24, 15, 16, 27, 28]);
  is(run("Mul", [gate, array([2], [2, 3])]), [2, 2], [2, 30, 200, 3000]);
});

test("layout operators by hand", () => {
  const x = array([1, 3, 1, 2], [1, 2, 3, 4, 5, 6]);
  is(run("Flatten", [x]), [1, 6], [1, 2, 3, 4, 5, 6]);
  is(run("Reshape", [x], { shape: [0, 2, -1] }), [1, 2, 3], [1, 2, 3, 4, 5, 6]);
  is(run("Slice", [x], { axes: [1, 3], starts: [0, 1], ends: [3, 2], steps: [2, 1] }), [1, 2, 1, 1], [2, 6]);
  is(run("Gather", [x], { axis: 1, indices: [2, 0, 2] }), [1, 3, 1, 2], [5, 6, 1, 2, 5, 6]);
  const slim = array([2, 1, 1, 1], [7, 8]);
  is(run("Pad", [slim], { pads: [0, 1, 0, 0, 0, 0, 0, 1] }), [2, 2, 1, 2], [0, 0, 7, 0, 0, 0, 8, 0]);
  is(run("Concat", [slim, array([2, 2, 1, 1], [1, 2, 3, 4])]), [2, 3, 1, 1], [7, 1, 2, 8, 3, 4]);
  is(run("Identity", [x]), x.shape, [...x.data]);
  is(run("Dropout", [x], { ratio: 0.3 }), x.shape, [...x.data]);
});

test("a whole net: every value by name, and its input checked", () => {
  const b = builder("net", ["N", 2]);
  b.gemm(b.relu(b.gemm(b.input, { name: "a", out: 2 })), { name: "b", out: 1 });
  const graph = b.graph();
  const params = new Map(
    [...initialise(graph, 1)].map(([name, { shape }]) => [name, { shape, data: [1, -1, 2, 0.5] }]),
  );
  params.set("a.bias", { shape: [2], data: [0, 0] }).set("b.weight", { shape: [1, 2], data: [3, 4] });
  params.set("b.bias", { shape: [1], data: [0.25] });
  const values = referenceForward({ graph, params }, { input: { shape: [2, 2], data: [1, 2, 2, 1] } });
  assert.equal([...values.keys()], ["input", "a", "relu", "b"]);
  is(values.get("a")!, [2, 2], [-1, 3, 1, 4.5]);
  is(values.get("b")!, [2, 1], [12.25, 21.25]);
  const forward = (shape: number[]) => () =>
    referenceForward({ graph, params }, { input: { shape, data: new Float32Array(6) } });
  assert.throws(forward([2, 3]), (error: Error) => error instanceof UserError && /is \[2,3\], exp/.test(error.message));
});

test("joined parameters, means over axes and enlarged maps by hand", () => {
  const x = array([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  is(run("Concat", [array([1, 1, 2], [-1, -2]), x]), [2, 3, 2], [-1, -2, 1, 2, 3, 4, -1, -2, 5, 6, 7, 8]);
  is(run("ReduceMean", [x], { axes: [1] }), [2, 1, 2], [2, 3, 6, 7]);
  is(run("ReduceMean", [x], { axes: [1, 2], keepdims: 0 }), [2], [2.5, 6.5]);
  is(run("ReduceSum", [x], { axes: [1] }), [2, 1, 2], [4, 6, 12, 14]);
  is(run("ReduceSum", [x], { axes: [1, 2], keepdims: 0 }), [2], [10, 26]);
  is(run("ReduceMax", [x], { axes: [1] }), [2, 1, 2], [3, 4, 7, 8]);
  is(run("ReduceMax", [x], { axes: [1, 2], keepdims: 0 }), [2], [4, 8]);
  const line = array([1, 1, 1, 2], [0, 4]);
  is(run("Resize", [line], { mode: "linear", scales: [1, 2] }), [1, 1, 1, 4], [0, 1, 3, 4]);
  is(run("Resize", [line], { mode: "linear", sizes: [1, 1] }), [1, 1, 1, 1], [2]);
  const corners = { mode: "linear", coordinate_transformation_mode: "align_corners", sizes: [1, 5] };
  is(run("Resize", [line], corners), [1, 1, 1, 5], [0, 1, 2, 3, 4]);
  is(run("Resize", [array([1, 1, 1, 2], [3, 4])], { scales: [2, 3] }), [1, 1, 2, 6], [
    3,
    3,
    3,
    4,
    4,
    4,
    3,
    3,
    3,
    4,
    4,
    4,
  ]);
});

test("softmax by hand, also of large numbers", () => {
  const x = array([2, 3], [0, Math.log(2), Math.log(5), 1000, 1000, -1000]);
  is(run("Softmax", [x]), [2, 3], [1 / 8, 2 / 8, 5 / 8, 0.5, 0.5, 0]);
});

test("layer norm and group norm by hand", () => {
  const eps = { epsilon: 0 };
  is(run("LayerNormalization", [array([1, 2], [1, 3]), array([2], [2, 5])], eps), [1, 2], [-2, 5]);
  const x = array([1, 2, 2], [1, 3, 10, 30]);
  const gamma = array([2], [1, 2]);
  const beta = array([2], [0, 100]);
  is(run("LayerNormalization", [x, gamma, beta], { epsilon: 3 }), [1, 2, 2], [
    -0.5,
    101,
    ...[-1, 1].map((sign, i) => (i + 1) * sign * 10 / Math.sqrt(103) + 100 * i),
  ]);
  const instance = run("GroupNormalization", [x, gamma, beta], { num_groups: 2, epsilon: 0 });
  is(instance, [1, 2, 2], [-1, 1, 98, 102]);
  const whole = run("GroupNormalization", [x, array([2], [1, 1]), array([2], [0, 0])], { num_groups: 1, epsilon: 0 });
  is(whole, [1, 2, 2], [-10, -8, -1, 19].map((d) => d / Math.sqrt((100 + 64 + 1 + 361) / 4)));
});

test("a MatMul by a shared matrix is a Gemm by its transpose, and each sample can have its own", () => {
  const x = sample("x", 3, 4);
  const w = sample("w", 4, 5);
  const transposed = array([5, 4], Array.from({ length: 20 }, (_, i) => w.data[i % 4 * 5 + Math.floor(i / 4)]));
  same(run("MatMul", [x, w]), run("Gemm", [x, transposed]));
  const a = array([2, 1, 2], [1, 2, 3, 4]);
  const b = array([2, 2, 1], [10, 1, 1, 10]);
  is(run("MatMul", [a, b]), [2, 1, 1], [12, 43]);
});

test("transposing moves axes, and back is as before", () => {
  const x = sample("x", 2, 3, 4, 5);
  const y = run("Transpose", [x], { perm: [0, 2, 3, 1] });
  assert.equal(y.shape, [2, 4, 5, 3]);
  assert.is(y.data[((1 * 4 + 2) * 5 + 3) * 3 + 1], x.data[((1 * 3 + 1) * 4 + 2) * 5 + 3]);
  same(run("Transpose", [y], { perm: [0, 3, 1, 2] }), x);
});

test("attention is MatMul, Softmax, MatMul; equal keys average the values", () => {
  const [q, k, v] = ["q", "k", "v"].map((name) => sample(name, 2, 3, name === "q" ? 4 : 6, 5));
  const scores = run("MatMul", [q, run("Transpose", [k], { perm: [0, 1, 3, 2] })]);
  const scaled = { ...scores, data: scores.data.map((s) => s / Math.sqrt(5)) };
  same(run("Attention", [q, k, v]), run("MatMul", [run("Softmax", [scaled]), v]));
  const flat = run("Attention", [
    array([1, 1, 2], [3, 4]),
    array([1, 2, 2], [1, 1, 1, 1]),
    array([1, 2, 2], [1, 10, 3, 30]),
  ]);
  is(flat, [1, 1, 2], [2, 20]);
});

test.run();
