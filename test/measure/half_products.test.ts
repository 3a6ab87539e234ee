/** Products in f16: what they sum up exactly, when a device takes them, and plans that do. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { HALF_ERROR } from "../../kernels/arithmetic.ts";
import { convForwardCandidates, planConvForward } from "../../kernels/conv/forward.ts";
import { squareConv } from "../../kernels/conv/shape.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import { EPILOGUES } from "../../kernels/launch.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { builder } from "../../src/graph/build.ts";
import { compareOutputs, HALF_TOLERANCE } from "../../src/graph/compare.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { decided, fasterProducts, type Measure } from "../../src/measure/half_products.ts";
import { selfTest } from "../../src/measure/session/selftest.ts";
import { launch, setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { randomInputs } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { modelOf } from "../graph/plan_graphs.ts";

const test = suite("products in f16");
/** A card that one tile keeps busy, so that a software adapter has little to compute. */
const CARD = { ...PROFILES.desktop, waves: 1 };
const HALF = { profile: CARD, products: "f16" } as const;

test("2,304 ones are summed up exactly, which no sum in f16 alone holds", async () => {
  const gpu = await testGpu();
  const s = squareConv({ batch: 1, channels: 256, height: 3, width: 3, filters: 32 });
  using x = Tensor.from(gpu, new Float32Array(256 * 9).fill(1), [256 * 9]);
  // 1 + 2⁻¹⁰ is the number of f16 behind 1.
  using w = Tensor.from(gpu, new Float32Array(32 * 2304).fill(1 + 2 ** -10), [32 * 2304]);
  using y = Tensor.empty(gpu, [32 * 9]);
  const way = convForwardCandidates(s, {}, HALF).find(({ name }) => name === "implicit gemm 32x32")!;
  const { steps: [step] } = way.build();
  assert.is(step.plan.program.name, "implicit gemm convolution, products in f16");
  launch(gpu, way.build(), { x, w, y }, "ones");
  assert.is((await y.read())[4], 2304 * (1 + 2 ** -10));
});

test("tiles of products in f16 hold sums of both kinds, in steps of eight and within the memory of every device", () => {
  const s = squareConv({ batch: 8, channels: 64, height: 56, width: 56, filters: 64 });
  for (const profile of [PROFILES.desktop, PROFILES.integrated]) {
    const ways = convForwardCandidates(s, EPILOGUES[3], { profile, products: "f16" })
      .filter(({ name }) => name.startsWith("implicit gemm"));
    assert.ok(ways.length > 0);
    for (const { name, build } of ways) {
      const { program } = build().steps[0].plan, { MB, NB, BK, LANES, SLICES } = program.constants!;
      assert.equal([BK, LANES, program.features], [8, 64, ["f16"]], name);
      // 64 sums in f16 are 32 registers beside 64: as many as 96 sums in f32.
      assert.ok(16 * MB * NB * 1.5 <= profile.conv.spill.sums, name);
      // Half of 16 KiB is tiles, and each slice leaves two vec4 of 64 threads.
      assert.ok(8192 + SLICES * 2 * 64 * 16 <= 16_384, name);
    }
  }
  const { steps: [{ plan }] } = planConvForward(s, {}, { profile: PROFILES.desktop, products: "f16" });
  assert.is(plan.program.name, "implicit gemm convolution, products in f16");
  const { steps } = planConvForward(s, {}, { profile: PROFILES.software, products: "f16" });
  assert.ok(steps.every(({ plan: { program } }) => !program.features), "a software adapter multiplies in f32");
});

test("the estimate counts two multiply-adds as one, another for eight, and half of the workgroup memory's time", () => {
  const s = squareConv({ batch: 1, channels: 16, height: 8, width: 8, filters: 32 });
  const ways = convForwardCandidates(s, {}, { profile: { ...CARD, waves: 2 }, products: "f16" });
  const { cost } = ways.find(({ name }) => name === "implicit gemm 32x32")!;
  // Two tiles of 64 threads make 18 steps: a turn of 25 ns, two passes that load (24) and write (1) a vec4, eight times two
  // reads (1) and 16 multiply-adds (0.3 · 5/8); 16 stores of 12 ns.
  const expected = 2 * 64 * (18 * (25 + 2 * 25 + 8 * (2 + 16 * 0.1875)) + 16 * 12);
  assert.ok(Math.abs(cost - expected) <= 1e-9 * expected, `${cost}, expected ${expected}`);
});

const timed = (f32: number, f16: number): Measure => (_gpu, ways) =>
  Promise.resolve(ways.map(({ name }) => ({ medianMs: name === "f16" ? f16 : f32 })));

test("a device takes them where they are clearly faster, measured once", async () => {
  const faster = {
    products: "f16",
    detail: "products are computed in f16: those in f16 take 0.50 of the time of those in f32",
  };
  using gpu = await Gpu.open();
  setTuning(gpu, { ...tuningFor(gpu), profile: CARD });
  assert.equal(await fasterProducts(gpu, timed(2, 1)), faster);
  assert.equal(await fasterProducts(gpu, timed(1, 2)), faster);
  assert.equal(decided(2, 1.81), {
    products: "f32",
    detail: "products are computed in f32: those in f16 take 0.91 of the time of those in f32",
  });
});

test("none where there is no f16, no kernel for it, or its numbers are wrong", async () => {
  const never: Measure = () => Promise.reject(new Error("nothing is timed"));
  using without = await Gpu.open({ without: ["shader-f16"] });
  assert.match((await fasterProducts(without, never)).detail, /in f32: this device doesn't offer shader-f16$/);
  using software = await Gpu.open();
  setTuning(software, { ...tuningFor(software), profile: PROFILES.software });
  assert.match((await fasterProducts(software, never)).detail, /multiply in f32 only$/);
  using faulty = await Gpu.open();
  setTuning(faulty, { ...tuningFor(faulty), profile: CARD });
  const run = faulty.run.bind(faulty);
  faulty.run = (plan, ...rest) => {
    if (!plan.program.name.includes("products in f16")) run(plan, ...rest);
  };
  assert.match((await fasterProducts(faulty, never)).detail, /in f32: those in f16 are 1\.0 of the largest off$/);
});

test("a plan in f16 that multiplies in f16 is within f16's error of float64", async () => {
  const gpu = await testGpu();
  const b = builder("half", ["N", 3, 9, 9]);
  let x = b.relu(b.conv(b.input, { name: "stem", out: 24, kernel: 3, pad: 1 }));
  x = b.relu(b.add(x, b.conv(x, { name: "conv", out: 24, kernel: 3, pad: 1 })));
  const graph = b.graph([b.gemm(b.flatten(b.globalAveragePool(x)), { name: "head", out: 10 })]);
  const model = modelOf(graph), { input } = randomInputs(graph, 4, 2);
  const expected = referenceForward(model, { input }).get(graph.outputs[0])!.data;
  using given = Tensor.from(gpu, input.data, input.shape);
  const before = tuningFor(gpu);
  setTuning(gpu, { ...before, profile: CARD });
  try {
    const outputs: Float32Array[] = [], errors: number[] = [];
    for (const options of [{ products: "f32" }, { products: "f16" }, { products: "f16", exact: true }] as const) {
      const plan = compilePlan(gpu, model, 2, { storage: "f16", ...options });
      outputs.push(await plan.run(given).read());
      errors.push(plan.error);
      plan.dispose();
    }
    const found = outputs.map((output) => compareOutputs(expected, output).maxRel);
    assert.ok(found[1] <= HALF_TOLERANCE, `${found}`);
    assert.not.equal(outputs[0], outputs[1]);
    assert.equal(outputs[0], outputs[2], "a proof multiplies in f32");
    // Both convolutions: so small a product as the last one goes by registers, in f32.
    assert.equal(errors, [0, 2 * HALF_ERROR, 0]);
  } finally {
    setTuning(gpu, before);
  }
});

test("the self-test of a session in f16 says what products are computed in", async () => {
  const { checks, path } = await selfTest(undefined, { storage: "f16" });
  const { outcome, detail } = checks.find(({ name }) => name === "f16 products")!;
  assert.equal([outcome, detail, path.halfProducts], [
    "passed",
    "products are computed in f32: kernels for this kind of device multiply in f32 only",
    false,
  ]);
});

test.run();
