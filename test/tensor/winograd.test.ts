/** Convolutions and data gradients by Winograd's algorithms, as cards have them, against float64. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ConvShape, squareConv } from "../../kernels/conv/shape.ts";
import { winogradForward } from "../../kernels/conv/winograd.ts";
import { winogradCandidates, winogradGradientCandidates } from "../../kernels/conv/winograd_ways.ts";
import { type DeviceProfile, PROFILES } from "../../kernels/device_profile.ts";
import type { Candidate } from "../../kernels/tuning.ts";
import { conv2d } from "../../src/tensor/ops/conv.ts";
import { launch, setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { drawn, nightly } from "../long.ts";
import { conv64, convGradients64, noise } from "./reference64.ts";

const test = suite("Winograd");

/** Without waves that are wanted, no sum is split. */
const whole: DeviceProfile = { ...PROFILES.desktop, waves: 1 };

/** Odd sizes, channels and filters that fill no step and no tile; waves for which sums are split. */
const SHAPES: readonly [name: string, shape: ConvShape, profile: DeviceProfile][] = [
  ["37 channels on 13×9, 35 filters", { ...conv(2, 37, 13, 9, 35) }, whole],
  [
    "without padding, 64 channels whose sums are split",
    { ...conv(1, 64, 9, 6, 33), pads: [0, 0, 0, 0] },
    PROFILES.desktop,
  ],
  ["asymmetric pads on 1×13", { ...conv(3, 6, 1, 13, 70), pads: [1, 0, 2, 3] }, whole],
  ["negative pads", { ...conv(1, 5, 10, 9, 3), pads: [-1, 2, 1, -2] }, whole],
  ["one of everything", conv(1, 1, 1, 1, 1), whole],
];

function conv(batch: number, channels: number, height: number, width: number, filters: number): ConvShape {
  return squareConv({ batch, channels, height, width, filters });
}

const COUNT = drawn({ suite: 2, nightly: SHAPES.length });
/** A thread with two blocks of filters takes a software adapter seconds to compile. */
const able = <C extends Candidate>(ways: readonly C[]) =>
  ways.filter(({ name }) => nightly || !/64 filters/.test(name));

for (const [name, s, profile] of SHAPES.slice(0, COUNT)) {
  test(`forward and data gradient: ${name}`, async () => {
    const gpu = await testGpu();
    const [oh, ow] = winogradForward(s).outputs, plane = oh * ow;
    const x = noise(s.batch * s.channels * s.height * s.width, 1), w = noise(s.filters * s.channels * 9, 2);
    const bias = noise(s.filters, 3), residual = noise(s.batch * s.filters * plane, 4), dy = noise(residual.length, 5);
    using tx = Tensor.from(gpu, x, [x.length]);
    using tw = Tensor.from(gpu, w, [w.length]);
    using tb = Tensor.from(gpu, bias, [bias.length]);
    using tr = Tensor.from(gpu, residual, [residual.length]);
    using tdy = Tensor.from(gpu, dy, [dy.length]);
    using y = Tensor.empty(gpu, [dy.length]);
    using dx = Tensor.empty(gpu, [x.length]);
    const plain = conv64(s, x, w).value, gradient = convGradients64(s, x, w, dy).dx.value;
    const epilogue = { bias: "add", residual: "add", activation: "relu6" } as const;
    for (const { name, error, build } of able(winogradCandidates(winogradForward(s), epilogue, profile))) {
      const plan = build();
      gpu.clear(y);
      launch(gpu, plan, { x: tx, w: tw, bias: tb, residual: tr, y }, name, [...plan.prepare, ...plan.steps]);
      const expected = plain.map((sum, i) =>
        Math.min(6, Math.max(0, sum + bias[Math.floor(i / plane) % s.filters] + residual[i]))
      );
      within(await y.read(), expected, limitOf(error!, plain) + ADDED, name);
    }
    for (const { name, error, build } of able(winogradGradientCandidates(s, profile))) {
      gpu.clear(dx);
      launch(gpu, build(), { dy: tdy, w: tw, dx }, name);
      within(await dx.read(), gradient, limitOf(error!, gradient), `data gradient, ${name}`);
    }
  });
}

test("gradients pass through two layers in the middle of a graph", async () => {
  const gpu = await testGpu();
  const s = conv(1, 64, 5, 4, 64), way = "winograd 2x2, 32 filters";
  const x = noise(64 * 20, 1), w = noise(64 * 64 * 9, 2), v = noise(64 * 64 * 9, 3), dy = noise(64 * 20, 4);
  using tx = Tensor.from(gpu, x, [1, 64, 5, 4]);
  using tw = Tensor.from(gpu, w, [64, 64, 3, 3]);
  using tv = Tensor.from(gpu, v, [64, 64, 3, 3]);
  using seed = Tensor.from(gpu, dy, [1, 64, 5, 4]);
  const chosen = new Set<string>();
  const before = tuningFor(gpu);
  setTuning(gpu, {
    profile: PROFILES.desktop,
    winners: new Proxy({}, { get: () => way }),
    onChoice: ({ name }) => chosen.add(name),
  });
  try {
    using tape = new Tape(gpu, "train");
    for (const t of [tx, tw, tv]) tape.watch(t);
    tape.backward(conv2d(tape, conv2d(tape, tx, tw, undefined, s), tv, undefined, s), seed);
    const [dx, dw, dv] = await readTensors([tx, tw, tv].map((t) => tape.gradient(t)!));
    const hidden = conv64(s, x, w).value, above = convGradients64(s, hidden, v, dy);
    const below = convGradients64(s, x, w, above.dx.value);
    for (const [found, { value }] of [[dx, below.dx], [dw, below.dw], [dv, above.dw]] as const) {
      within(found, value, 1e-5 * largest(value), "gradient");
    }
    assert.ok(chosen.has(way));
  } finally {
    setTuning(gpu, before);
  }
});

/** Bias and residual, of at most 1, are added in f32. */
const ADDED = 6 * 2 ** -24;

/** Fewer channels than the 64 from which on these ways are offered round as these do. */
function limitOf(error: number, expected: Float64Array): number {
  return Math.max(error, 8e-7) * largest(expected);
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function within(found: Float32Array, expected: Float64Array, limit: number, what: string): void {
  assert.is(found.length, expected.length);
  found.forEach((value, i) =>
    assert.ok(Math.abs(value - expected[i]) <= limit, `${what}, ${i}: ${value}, expected ${expected[i]} ± ${limit}`)
  );
}

test.run();
