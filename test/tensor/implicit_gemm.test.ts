/** Convolutions and their gradients by tiles in workgroup memory, as GPUs have them, against float64. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { convDgradCandidates } from "../../kernels/conv/dgrad.ts";
import { convForwardCandidates } from "../../kernels/conv/forward.ts";
import { convWgradCandidates } from "../../kernels/conv/wgrad.ts";
import { convOutput, type ConvShape, convTaps } from "../../kernels/conv/shape.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import type { Candidate, Tuning } from "../../kernels/tuning.ts";
import { conv2d } from "../../src/tensor/ops/conv.ts";
import { launch, setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { drawn, nightly } from "../long.ts";
import { conv64, convGradients64, noise, sumError } from "./reference64.ts";

const test = suite("implicit GEMM");

const base: ConvShape = {
  batch: 2,
  channels: 3,
  height: 7,
  width: 7,
  filters: 13,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
};

/** The first ones, with one tile each, are enough to find what is wrong in a day's work; a tile's pipeline compiles for a second. */
const SHAPES: readonly [name: string, tile: string, change: Partial<ConvShape>][] = [
  ["37 channels on 7×13, slices and splits", "32x32 by 8x8", { batch: 1, channels: 37, width: 13, filters: 17 }],
  ["5 channels with their taps, stride 2", "16x64", { channels: 5, filters: 9, stride: [2, 2], height: 8, width: 29 }],
  ["1×1 of two groups on an even map", "32x32", {
    ...{ kernel: [1, 1], pads: [0, 0, 0, 0], channels: 48, width: 8, height: 4, filters: 34, groups: 2 },
  }],
  ["groups, stride 3×2, dilation, asymmetric pads", "16x64", {
    ...{ channels: 16, filters: 18, groups: 2, stride: [3, 2], dilation: [2, 1], pads: [2, 0, 1, 3], width: 11 },
  }],
  ["1×1, stride 2", "16x128", { kernel: [1, 1], pads: [0, 0, 0, 0], channels: 17, stride: [2, 2], filters: 37 }],
  ["one of everything", "16x64", {
    ...{ batch: 1, channels: 1, filters: 1, height: 1, width: 1, kernel: [1, 1], pads: [0, 0, 0, 0] },
  }],
  ["8 channels, kernel 7×7", "32x64", { channels: 8, filters: 32, kernel: [7, 7], pads: [3, 3, 3, 3] }],
  ["stem 7×7 of stride 2", "64x32", { kernel: [7, 7], stride: [2, 2], pads: [3, 3, 3, 3], height: 20, filters: 64 }],
  ["kernel 4×5, stride 3×2", "32x128", { stride: [3, 2], kernel: [4, 5], height: 11, width: 13, filters: 40 }],
  ["stride beyond the kernel", "16x64", { stride: [4, 3], kernel: [2, 2], height: 11, width: 10, channels: 8 }],
  ["negative pads", "16x64", { pads: [-1, 0, 1, -2], height: 9, width: 9, channels: 8 }],
  ["64 channels on 7×7, batch 3", "64x64", { batch: 3, channels: 64, filters: 70 }],
  ["66 filters on 29×29", "64x128", { batch: 1, channels: 9, height: 29, width: 29, filters: 66 }],
];
const COUNT = drawn({ suite: 3, nightly: SHAPES.length });

for (const [name, tile, change] of SHAPES.slice(0, COUNT)) {
  const s: ConvShape = { ...base, ...change };
  const ways = (all: readonly Candidate[], tile: string) =>
    all.filter((way) => nightly ? way.name.startsWith("implicit gemm") : way.name === `implicit gemm ${tile}`);
  test(`forward and gradients: ${name}`, async () => {
    const gpu = await testGpu();
    const [oh, ow] = convOutput(s), plane = oh * ow;
    const x = noise(s.batch * s.channels * s.height * s.width, 1), w = noise(s.filters * convTaps(s), 2);
    const bias = noise(s.filters, 3), residual = noise(s.batch * s.filters * plane, 4), dy = noise(residual.length, 5);
    using tx = Tensor.from(gpu, x, [x.length]);
    using tw = Tensor.from(gpu, w, [w.length]);
    using tb = Tensor.from(gpu, bias, [bias.length]);
    using tr = Tensor.from(gpu, residual, [residual.length]);
    using tdy = Tensor.from(gpu, dy, [dy.length]);
    using y = Tensor.empty(gpu, [dy.length]);
    using dx = Tensor.empty(gpu, [x.length]);
    using dw = Tensor.empty(gpu, [w.length]);
    const plain = conv64(s, x, w), gradients = convGradients64(s, x, w, dy);
    const tuning: Tuning = { profile: PROFILES.desktop };
    const forward = ways(convForwardCandidates(s, { bias: "add", residual: "add", activation: "relu6" }, tuning), tile);
    const backward = ways(convDgradCandidates(s, tuning), tile);
    const weights = ways(convWgradCandidates(s, tuning), tile.replace(/ by .*/, ""));
    assert.ok(forward.length > 0 && weights.length > 0);
    for (const way of forward) {
      gpu.clear(y);
      launch(gpu, way.build(), { x: tx, w: tw, bias: tb, residual: tr, y }, way.name);
      (await y.read()).forEach((found, i) => {
        const b = bias[Math.floor(i / plane) % s.filters];
        const expected = Math.min(6, Math.max(0, plain.value[i] + b + residual[i]));
        const error = Math.abs(found - expected);
        assert.ok(error <= 1e-5 * (plain.magnitude[i] + 2), `${way.name}, ${i}: ${found}, expected ${expected}`);
      });
    }
    for (const way of backward) {
      gpu.clear(dx);
      launch(gpu, way.build(), { dy: tdy, w: tw, dx }, way.name);
      const terms = s.filters / s.groups * s.kernel[0] * s.kernel[1];
      assert.is(sumError(await dx.read(), gradients.dx, terms), undefined, `data gradient, ${way.name}`);
    }
    for (const way of weights) {
      gpu.clear(dw);
      launch(gpu, way.build(), { x: tx, dy: tdy, y: dw }, way.name);
      assert.is(sumError(await dw.read(), gradients.dw, s.batch * plane), undefined, `weight gradient, ${way.name}`);
    }
  });
}

test("gradients pass through two layers in the middle of a graph", async () => {
  const gpu = await testGpu();
  const first: ConvShape = { ...base, batch: 1, channels: 16, filters: 24 };
  const second: ConvShape = { ...base, batch: 1, channels: 24, filters: 16, stride: [2, 2] };
  const x = noise(16 * 49, 1), w = noise(24 * 16 * 9, 2), v = noise(16 * 24 * 9, 3), dy = noise(16 * 16, 4);
  using tx = Tensor.from(gpu, x, [1, 16, 7, 7]);
  using tw = Tensor.from(gpu, w, [24, 16, 3, 3]);
  using tv = Tensor.from(gpu, v, [16, 24, 3, 3]);
  using seed = Tensor.from(gpu, dy, [1, 16, 4, 4]);
  const before = tuningFor(gpu);
  setTuning(gpu, { profile: PROFILES.desktop, winners: new Proxy({}, { get: () => "implicit gemm 32x32" }) });
  try {
    using tape = new Tape(gpu, "train");
    for (const t of [tx, tw, tv]) tape.watch(t);
    tape.backward(conv2d(tape, conv2d(tape, tx, tw, undefined, first), tv, undefined, second), seed);
    const grads = await readTensors([tx, tw, tv].map((t) => tape.gradient(t)!));
    const hidden = conv64(first, x, w).value;
    const above = convGradients64(second, hidden, v, dy);
    const below = convGradients64(first, x, w, above.dx.value);
    const scale = (sums: Float64Array) => sums.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [i, expected] of [below.dx.value, below.dw.value, above.dw.value].entries()) {
      const limit = 1e-4 * scale(expected);
      grads[i].forEach((g, at) => assert.ok(Math.abs(g - expected[at]) <= limit, `${i}, ${at}: ${g}, ${expected[at]}`));
    }
  } finally {
    setTuning(gpu, before);
  }
});

test.run();
