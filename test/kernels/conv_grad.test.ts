import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UNTUNED } from "../../kernels/tuning.ts";
import { convOutput, type ConvShape } from "../../kernels/conv/shape.ts";
import { convWgradCandidates } from "../../kernels/conv/wgrad.ts";
import { fitsUniformPanels } from "../../kernels/conv/wgrad_uniform.ts";
import { checkLaunch, params } from "./launches.ts";

const test = suite("plan convolution gradients");

const base: ConvShape = {
  batch: 5,
  channels: 17,
  height: 32,
  width: 32,
  filters: 18,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
};

const PANELS: Partial<ConvShape>[] = [
  {},
  { stride: [2, 2] },
  { channels: 64, filters: 64, height: 8, width: 8 },
  { channels: 300, filters: 130, height: 13, width: 13, pads: [2, 2, 0, 0] },
  { batch: 1, channels: 3, filters: 5, height: 7, width: 7 },
];

test("uniform panels of the weight gradient lie within their buffers and start where a binding may", () => {
  for (const change of PANELS) {
    const s = { ...base, ...change };
    const { steps, scratch } = uniform(s);
    const [oh, ow] = convOutput(s);
    const bytes: Record<string, number> = {
      x: 4 * s.batch * s.channels * s.height * s.width,
      dy: 4 * s.batch * s.filters * oh * ow,
      ...scratch,
    };
    for (const { bindings, windows = {} } of steps) {
      for (const [at, { byteOffset, byteLength }] of Object.entries(windows)) {
        assert.is(byteOffset % 256, 0);
        assert.ok(byteOffset + byteLength <= bytes[bindings[Number(at)]], JSON.stringify(s));
      }
    }
  }
});

test("uniform panels hold every pair of a channel and a filter once in each image", () => {
  for (const change of PANELS) {
    const s = { ...base, ...change };
    const plans = uniform(s).steps.map(({ plan }) => plan).filter(({ program }) =>
      program.name.includes("uniform panels")
    );
    const met = plans.map(params).reduce((sum, p) => sum + p.channels * p.filters * p.images, 0);
    assert.is(met, s.batch * s.channels * s.filters);
    const whole = plans.map(params).filter((p) => p.add === 0).reduce((sum, p) => sum + p.channels * p.filters, 0);
    assert.is(whole, s.channels * s.filters);
  }
});

test("only 3×3 kernels on small maps are computed from uniform panels", () => {
  assert.ok(fitsUniformPanels(base));
  const others: Partial<ConvShape>[] = [
    { kernel: [5, 5] },
    { stride: [1, 2] },
    { stride: [3, 3] },
    { dilation: [2, 2] },
    { groups: 17, filters: 34 },
    { height: 224, width: 224 },
  ];
  for (const change of others) assert.not(fitsUniformPanels({ ...base, ...change }), JSON.stringify(change));
});

function uniform(s: ConvShape) {
  const launch = convWgradCandidates(s, UNTUNED).find(({ name }) => name === "uniform panels 16x1")!.build();
  checkLaunch(launch, ["x", "dy", "y"]);
  return launch;
}

test.run();
