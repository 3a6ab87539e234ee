/** Every way to compute a convolution's gradients, against float64. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UNTUNED } from "../../kernels/tuning.ts";
import { convDgradCandidates, convDgradClass, planConvDgrad } from "../../kernels/conv/dgrad.ts";
import { convOutput, type ConvShape, convTaps } from "../../kernels/conv/shape.ts";
import { convWgradCandidates, convWgradClass, planConvWgrad } from "../../kernels/conv/wgrad.ts";
import { launch } from "../../src/tensor/ops/launch.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { convGradients64, noise, sumError } from "./reference64.ts";

const test = suite("conv gradients");

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

const SHAPES: Record<string, Partial<ConvShape>> = {
  "7×7, 13 filters": {},
  "unpadded 5×5 on width 13": { kernel: [5, 5], pads: [0, 0, 0, 0], width: 13, height: 9 },
  "5×5 whose dy has 8 columns": { kernel: [5, 5], pads: [0, 0, 0, 0], batch: 3, channels: 6, width: 12, height: 11 },
  "7×2 and wide padding": { kernel: [7, 2], pads: [4, 1, 9, 3], channels: 5, filters: 2, width: 4 },
  "2×4 beyond the map": { kernel: [2, 4], pads: [1, 3, 0, 0], batch: 9, filters: 3, width: 5, height: 2 },
  "stride 2 on an even map": { stride: [2, 2], height: 8, width: 8, pads: [0, 0, 1, 1] },
  "3×3, 9 channels, 6 filters, width 13": { batch: 3, channels: 9, filters: 6, height: 5, width: 13 },
  "1×1": { kernel: [1, 1], pads: [0, 0, 0, 0], channels: 5 },
  "dilation 2, asymmetric pads": { dilation: [2, 2], pads: [2, 1, 3, 2] },
  "groups 2, stride 3": { groups: 2, channels: 6, filters: 18, stride: [3, 3], width: 11 },
  depthwise: { groups: 5, channels: 5, filters: 5, width: 29 },
};

for (const [name, change] of Object.entries(SHAPES)) {
  const s: ConvShape = { ...base, ...change };
  test(`each way: ${name}`, async () => {
    const gpu = await testGpu();
    const [oh, ow] = convOutput(s);
    const x = noise(s.batch * s.channels * s.height * s.width, 1), w = noise(s.filters * convTaps(s), 2);
    const dy = noise(s.batch * s.filters * oh * ow, 3);
    const { dx, dw } = convGradients64(s, x, w, dy);
    using tx = Tensor.from(gpu, x, [x.length]);
    using tw = Tensor.from(gpu, w, [w.length]);
    using tdy = Tensor.from(gpu, dy, [dy.length]);
    using tdx = Tensor.empty(gpu, [x.length]);
    using tdw = Tensor.empty(gpu, [w.length]);
    for (const way of convDgradCandidates(s, UNTUNED)) {
      gpu.clear(tdx);
      launch(gpu, way.build(), { dy: tdy, w: tw, dx: tdx }, way.name);
      assert.is(sumError(await tdx.read(), dx, s.filters / s.groups * s.kernel[0] * s.kernel[1]), undefined, way.name);
    }
    for (const way of convWgradCandidates(s, UNTUNED)) {
      gpu.clear(tdw);
      launch(gpu, way.build(), { x: tx, dy: tdy, y: tdw }, way.name);
      assert.is(sumError(await tdw.read(), dw, s.batch * oh * ow), undefined, way.name);
    }
  });
}

/** The weight gradient from uniform panels of the tensors themselves, of several images, and of some of the channels and filters. */
const PANELS: Record<string, Partial<ConvShape>> = {
  "several images": { batch: 5, channels: 18, filters: 21, height: 16, width: 16 },
  "17 channels of 32×32": { batch: 3, channels: 17, filters: 18, height: 32, width: 32 },
  "stride 2": { batch: 3, channels: 17, filters: 18, height: 32, width: 32, stride: [2, 2] },
  "no padding, stride 2, width 13": { filters: 4, width: 13, pads: [0, 0, 0, 0], stride: [2, 2] },
  "no padding": { filters: 2, width: 12, pads: [0, 0, 0, 0] },
  "wide padding": { filters: 1, pads: [2, 3, 0, 6] },
};

for (const [name, change] of Object.entries(PANELS)) {
  const s: ConvShape = { ...base, ...change };
  test(`weight gradient from uniform panels: ${name}`, async () => {
    const gpu = await testGpu();
    const [oh, ow] = convOutput(s);
    const x = noise(s.batch * s.channels * s.height * s.width, 1), dy = noise(s.batch * s.filters * oh * ow, 3);
    const w = noise(s.filters * convTaps(s), 2);
    const { dw } = convGradients64(s, x, w, dy);
    using tx = Tensor.from(gpu, x, [x.length]);
    using tdy = Tensor.from(gpu, dy, [dy.length]);
    using tdw = Tensor.empty(gpu, [w.length]);
    const way = convWgradCandidates(s, UNTUNED).find((w) => w.name === "uniform panels 16x1")!;
    launch(gpu, way.build(), { x: tx, dy: tdy, y: tdw }, way.name);
    assert.is(sumError(await tdw.read(), dw, s.batch * oh * ow), undefined);
  });
}

test("a measured winner is taken", () => {
  const s = { ...base, ...SHAPES.depthwise };
  const tuning = UNTUNED;
  for (const way of convDgradCandidates(s, tuning)) {
    const winners = { [convDgradClass(s)]: way.name };
    assert.equal(planConvDgrad(s, { ...tuning, winners }), way.build());
  }
  for (const way of convWgradCandidates(s, tuning)) {
    const winners = { [convWgradClass(s)]: way.name };
    assert.equal(planConvWgrad(s, { ...tuning, winners }), way.build());
  }
});

test.run();
