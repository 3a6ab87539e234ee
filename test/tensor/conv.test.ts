import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PROFILES } from "../../kernels/device_profile.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import { convForwardCandidates } from "../../kernels/conv/forward.ts";
import { convOutput, type ConvShape, convTaps } from "../../kernels/conv/shape.ts";
import { columnConv2d, columnConvShape, conv2d, convForward, convShape } from "../../src/tensor/ops/conv.ts";
import { launch } from "../../src/tensor/ops/launch.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { conv64, convGradients64, noise, sumError, type Sums } from "./reference64.ts";

const test = suite("conv");

const base: ConvShape = {
  batch: 2,
  channels: 3,
  height: 7,
  width: 7,
  filters: 5,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
};

const SHAPES: Record<string, Partial<ConvShape>> = {
  "3×3 pad 1 on 7×7": {},
  "LeNet conv1, cut": { channels: 1, height: 28, width: 28, filters: 20, kernel: [5, 5], pads: [0, 0, 0, 0] },
  "LeNet conv2, cut": { channels: 20, height: 12, width: 12, filters: 13, kernel: [5, 5], pads: [0, 0, 0, 0] },
  "width 13, 4 filters": { width: 13, filters: 4 },
  "width 29, 8 filters, 8 rows": { batch: 1, width: 29, height: 8, filters: 8, channels: 2 },
  "wide map, 9 filters": { batch: 1, width: 40, height: 5, filters: 9, channels: 4 },
  "1×1 image": { height: 1, width: 1 },
  "one of everything": { batch: 1, channels: 1, filters: 1, height: 1, width: 1, kernel: [1, 1], pads: [0, 0, 0, 0] },
  "1×1 kernel": { kernel: [1, 1], pads: [0, 0, 0, 0], channels: 8, filters: 12 },
  "1×1 kernel, even plane": { kernel: [1, 1], pads: [0, 0, 0, 0], channels: 5, filters: 7, height: 4, width: 8 },
  "1×1 kernel, stride 2": { kernel: [1, 1], pads: [0, 0, 0, 0], stride: [2, 2], height: 8 },
  "stride 2": { stride: [2, 2] },
  "stride 2, 19 filters, width 13": { stride: [2, 2], filters: 19, width: 13 },
  "three panels, 21 filters, kernel 5×4, dilation 1×2": {
    ...{
      batch: 3,
      channels: 14,
      filters: 21,
      height: 12,
      width: 13,
      kernel: [5, 4],
      dilation: [1, 2],
      pads: [2, 3, 1, 0],
    },
  },
  "two panels of weights, 18 filters": { batch: 1, channels: 130, filters: 18, height: 5, width: 4 },
  "stride 2 on an even map": { stride: [2, 2], height: 8, width: 8, pads: [0, 0, 1, 1] },
  "stride 3×2, kernel 4×5": { stride: [3, 2], kernel: [4, 5], height: 11, width: 13, pads: [2, 1, 0, 3] },
  "stride beyond the kernel": { stride: [4, 3], kernel: [2, 2], height: 11, width: 10, pads: [0, 0, 0, 0] },
  "dilation 2": { dilation: [2, 2], pads: [2, 2, 2, 2] },
  "dilation 2×3, stride 2": { dilation: [2, 3], stride: [2, 2], pads: [1, 4, 3, 2], width: 11 },
  "asymmetric pads": { pads: [0, 2, 1, 3] },
  "pads larger than the kernel": { pads: [5, 4, 3, 6], kernel: [2, 3] },
  "negative pads": { pads: [-1, 0, 1, -2], height: 9, width: 9 },
  "input beyond what the last output sees": { stride: [3, 3], kernel: [2, 2], pads: [0, 0, 0, 0], height: 7, width: 9 },
  "kernel 7×7": { kernel: [7, 7], pads: [3, 3, 3, 3], stride: [2, 2], height: 9, width: 9 },
  "kernel 1×5": { kernel: [1, 5], pads: [0, 2, 0, 2] },
  "kernel 5×1": { kernel: [5, 1], pads: [2, 0, 2, 0], width: 8 },
  "kernel as large as the image": { kernel: [7, 7], pads: [0, 0, 0, 0] },
  "groups 2": { channels: 6, filters: 10, groups: 2 },
  "groups 3, stride 2": { channels: 6, filters: 9, groups: 3, stride: [2, 2] },
  depthwise: { channels: 6, filters: 6, groups: 6 },
  "depthwise, stride 2, multiplier 2": { channels: 4, filters: 8, groups: 4, stride: [2, 2] },
  "depthwise 7×7, width 9": { channels: 3, filters: 3, groups: 3, kernel: [7, 7], pads: [3, 3, 3, 3], width: 9 },
  "depthwise, dilation 2, asymmetric": { channels: 2, filters: 2, groups: 2, dilation: [2, 1], pads: [0, 2, 3, 1] },
  "many channels, few pixels": { batch: 1, channels: 37, height: 3, width: 3, filters: 17 },
  "some columns": { taps: [0, 4, 5, 11, 13, 18, 26] },
  "one column, stride 2": { taps: [7], stride: [2, 2] },
  "inputs of a linear layer": {
    batch: 5,
    channels: 30,
    height: 1,
    width: 1,
    kernel: [1, 1],
    pads: [0, 0, 0, 0],
    taps: [0, 3, 4, 9, 17, 29],
  },
};

for (const [name, change] of Object.entries(SHAPES)) {
  const s: ConvShape = { ...base, ...change };
  test(`forward and gradients: ${name}`, async () => {
    const gpu = await testGpu();
    const [oh, ow] = convOutput(s);
    const terms = convTaps(s);
    const x = noise(s.batch * s.channels * s.height * s.width, 1), w = noise(s.filters * terms, 2);
    const bias = noise(s.filters, 3), dy = noise(s.batch * s.filters * oh * ow, 4);
    const flat = s.taps && s.height * s.width === 1;
    using tx = Tensor.from(gpu, x, flat ? [s.batch, s.channels] : [s.batch, s.channels, s.height, s.width]);
    using tw = Tensor.from(gpu, w, s.taps ? [s.filters, terms] : [s.filters, s.channels / s.groups, ...s.kernel]);
    using tb = Tensor.from(gpu, bias, [s.filters]);
    using tape = new Tape(gpu, "train");
    for (const t of [tx, tw, tb]) tape.watch(t);
    const y = s.taps ? columnConv2d(tape, tx, tw, tb, { ...s, taps: s.taps }) : conv2d(tape, tx, tw, tb, s);
    assert.equal(y.shape, flat ? [s.batch, s.filters] : [s.batch, s.filters, oh, ow]);
    using seed = Tensor.from(gpu, dy, y.shape);
    const [got] = await readTensors([y]);
    tape.backward(y, seed);
    const grads = await readTensors([tx, tw, tb].map((t) => tape.gradient(t)!));
    const plain = conv64(s, x, w);
    const { dx, dw, db } = convGradients64(s, x, w, dy);
    assert.is(sumError(got, withBias(plain, bias, s, oh * ow), terms + 1), undefined, "y");
    assert.is(sumError(grads[0], dx, s.filters / s.groups * s.kernel[0] * s.kernel[1]), undefined, "dx");
    assert.is(sumError(grads[1], dw, s.batch * oh * ow), undefined, "dw");
    assert.is(sumError(grads[2], db, s.batch * oh * ow), undefined, "db");
  });
}

test("gradients flow through a chain, into given slots, and only where they are needed", async () => {
  const gpu = await testGpu();
  const first: ConvShape = { ...base, batch: 1, channels: 2, filters: 3 };
  const second: ConvShape = { ...base, batch: 1, channels: 3, filters: 2, stride: [2, 2] };
  const x = noise(2 * 49, 1), w = noise(3 * 2 * 9, 2), v = noise(2 * 3 * 9, 3), dy = noise(2 * 16, 4);
  using tx = Tensor.from(gpu, x, [1, 2, 7, 7]);
  using tw = Tensor.from(gpu, w, [3, 2, 3, 3]);
  using tv = Tensor.from(gpu, v, [2, 3, 3, 3]);
  using seed = Tensor.from(gpu, dy, [1, 2, 4, 4]);
  using into = Tensor.empty(gpu, [3, 2, 3, 3]);
  using tape = new Tape(gpu, "train");
  tape.watch(tw, into);
  tape.backward(conv2d(tape, conv2d(tape, tx, tw, undefined, first), tv, undefined, second), seed);
  const hidden = conv64(first, x, w).value;
  const dh = convGradients64(second, hidden, v, dy).dx.value;
  const { dw } = convGradients64(first, x, w, dh);
  (await into.read()).forEach((g, i) => assert.ok(Math.abs(g - dw.value[i]) <= 1e-4 * dw.magnitude[i]));
  assert.is(tape.gradient(tv), undefined);
});

test("bias, residual and activation are fused in their order", async () => {
  const gpu = await testGpu();
  for (const change of [{}, { batch: 1, channels: 40, height: 4, width: 4 }, { channels: 4, filters: 4, groups: 4 }]) {
    const s: ConvShape = { ...base, ...change };
    const [oh, ow] = convOutput(s);
    const x = noise(s.batch * s.channels * s.height * s.width, 1);
    const w = noise(s.filters * convTaps(s), 2).map((v) => 3 * v);
    const bias = noise(s.filters, 3), residual = noise(s.batch * s.filters * oh * ow, 4);
    using tx = Tensor.from(gpu, x, [s.batch, s.channels, s.height, s.width]);
    using tw = Tensor.from(gpu, w, [s.filters, s.channels / s.groups, 3, 3]);
    using tb = Tensor.from(gpu, bias, [s.filters]);
    using tr = Tensor.from(gpu, residual, [s.batch, s.filters, oh, ow]);
    using y = Tensor.empty(gpu, tr.shape);
    const plain = withBias(conv64(s, x, w), bias, s, oh * ow);
    for (const [activation, act] of ACTIVATIONS) {
      convForward(gpu, s, { x: tx, w: tw, bias: tb, residual: tr, y }, activation);
      (await y.read()).forEach((g, i) => {
        const expected = act(plain.value[i] + residual[i]);
        assert.ok(Math.abs(g - expected) <= 1e-5 * (plain.magnitude[i] + 1), `${activation} ${i}: ${g}, ${expected}`);
      });
    }
  }
});

/** Those whose planner has most ways: odd maps and widths, strides, groups, sums long enough to be split. */
const MANY_WAYS = [
  "3×3 pad 1 on 7×7",
  "width 29, 8 filters, 8 rows",
  "1×1 kernel",
  "stride 2",
  "stride 2, 19 filters, width 13",
  "two panels of weights, 18 filters",
  "three panels, 21 filters, kernel 5×4, dilation 1×2",
  "groups 2",
  "depthwise",
];

for (const name of [...MANY_WAYS, "many channels, few pixels"]) {
  const s: ConvShape = { ...base, ...SHAPES[name] };
  test(`every way of the planner: ${name}`, async () => {
    const gpu = await testGpu();
    const [oh, ow] = convOutput(s);
    const x = noise(s.batch * s.channels * s.height * s.width, 1), w = noise(s.filters * convTaps(s), 2);
    const bias = noise(s.filters, 3), residual = noise(s.batch * s.filters * oh * ow, 4);
    const plain = withBias(conv64(s, x, w), bias, s, oh * ow);
    using tx = Tensor.from(gpu, x, [x.length]);
    using tw = Tensor.from(gpu, w, [w.length]);
    using tb = Tensor.from(gpu, bias, [bias.length]);
    using tr = Tensor.from(gpu, residual, [residual.length]);
    using y = Tensor.empty(gpu, tr.shape);
    const epilogue = { bias: "add", residual: "add", activation: "relu" } as const;
    for (const candidate of convForwardCandidates(s, epilogue, UNTUNED)) {
      const plan = candidate.build();
      gpu.clear(y);
      launch(gpu, plan, { x: tx, w: tw, bias: tb, residual: tr, y }, name, [...plan.prepare, ...plan.steps]);
      (await y.read()).forEach((g, i) => {
        const expected = Math.max(0, plain.value[i] + residual[i]);
        const error = Math.abs(g - expected);
        assert.ok(error <= 1e-5 * (plain.magnitude[i] + 1), `${candidate.name} ${i}: ${g}, ${expected}`);
      });
    }
  });
}

test("depthwise layers as GPUs do them, without a padded copy", async () => {
  const gpu = await testGpu();
  const shapes: Partial<ConvShape>[] = [
    { channels: 5, filters: 10, groups: 5, width: 13, stride: [2, 2] },
    { channels: 3, filters: 3, groups: 3, height: 29, width: 7, kernel: [5, 7], pads: [2, 1, 0, 5], dilation: [3, 1] },
    { channels: 4, filters: 4, groups: 4, width: 8, pads: [-1, 0, 1, 3], stride: [3, 1] },
  ];
  for (const change of shapes) {
    const s: ConvShape = { ...base, ...change };
    const [oh, ow] = convOutput(s);
    const x = noise(s.batch * s.channels * s.height * s.width, 1), w = noise(s.filters * convTaps(s), 2);
    const bias = noise(s.filters, 3), residual = noise(s.batch * s.filters * oh * ow, 4);
    const plain = withBias(conv64(s, x, w), bias, s, oh * ow);
    using tx = Tensor.from(gpu, x, [x.length]);
    using tw = Tensor.from(gpu, w, [w.length]);
    using tb = Tensor.from(gpu, bias, [bias.length]);
    using tr = Tensor.from(gpu, residual, [residual.length]);
    using y = Tensor.empty(gpu, tr.shape);
    const epilogue = { bias: "add", residual: "add", activation: "relu6" } as const;
    const ways = convForwardCandidates(s, epilogue, { profile: PROFILES["mobile-tiler"] });
    const way = ways.find(({ name }) => name === "depthwise 1x4");
    assert.ok(way);
    launch(gpu, way!.build(), { x: tx, w: tw, bias: tb, residual: tr, y }, way!.name);
    (await y.read()).forEach((found, i) => {
      const expected = Math.min(6, Math.max(0, plain.value[i] + residual[i]));
      assert.ok(Math.abs(found - expected) <= 1e-5 * (plain.magnitude[i] + 1), `${i}: ${found}, ${expected}`);
    });
  }
});

test("a repeated step gives the same bits", async () => {
  const gpu = await testGpu();
  const s: ConvShape = { ...base, channels: 9, filters: 10 };
  using tx = Tensor.from(gpu, noise(2 * 9 * 49, 1), [2, 9, 7, 7]);
  using tw = Tensor.from(gpu, noise(10 * 81, 2), [10, 9, 3, 3]);
  using seed = Tensor.from(gpu, noise(2 * 10 * 49, 3), [2, 10, 7, 7]);
  const once = async () => {
    using tape = new Tape(gpu, "train");
    for (const t of [tx, tw]) tape.watch(t);
    tape.backward(conv2d(tape, tx, tw, undefined, s), seed);
    return await readTensors([tape.gradient(tx)!, tape.gradient(tw)!]);
  };
  assert.equal(await once(), await once());
});

test("shapes that don't fit are refused", () => {
  const x = { shape: [1, 4, 5, 5] };
  assert.throws(() => convShape(x, { shape: [2, 3, 3, 3] }), /expects 3 input channels/);
  assert.throws(() => convOutput(convShape(x, { shape: [2, 4, 7, 7] })), /smaller than a 7×7 kernel/);
  assert.throws(() => convOutput(convShape(x, { shape: [3, 2, 3, 3] }, { groups: 2 })), /3 filters/);
  assert.throws(() => columnConvShape(x, { shape: [3, 2] }, { taps: [1, 4] }), /tap 4 is outside/);
  assert.throws(() => columnConvShape(x, { shape: [3, 3] }, { taps: [1, 2] }), /isn't \[F,2\]/);
});

const ACTIVATIONS = [
  ["none", (v: number) => v],
  ["relu", (v: number) => Math.max(0, v)],
  ["relu6", (v: number) => Math.min(6, Math.max(0, v))],
] as const;

function withBias(y: Sums, bias: Float32Array, s: ConvShape, plane: number): Sums {
  const at = (i: number) => bias[Math.floor(i / plane) % s.filters];
  return {
    value: y.value.map((v, i) => v + at(i)),
    magnitude: y.magnitude.map((v, i) => v + Math.abs(at(i))),
  };
}

test.run();
