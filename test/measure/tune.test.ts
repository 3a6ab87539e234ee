import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Launch } from "../../kernels/launch.ts";
import type { Candidate } from "../../kernels/tuning.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import type { Params } from "../../src/graph/types.ts";
import { emptyPlans, winnersOf } from "../../src/measure/plans.ts";
import { inferenceRequests } from "../../src/measure/requests.ts";
import { tune } from "../../src/measure/tune.ts";
import { createTuner } from "../../src/measure/tuner.ts";
import { createModel } from "../../src/models/zoo.ts";
import { defaultTuning, type Request, setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { affine, openGpu, planAffine } from "../gpu/kernels.ts";
import { onlyNightly } from "../long.ts";

const test = suite("tuner");
const COUNT = 4096;

/** y = factor · x, worked out `times` times. */
function scaling(name: string, times: number, factor = 2): Candidate {
  const step = { plan: planAffine(COUNT, 0, factor), bindings: ["x", "y"] };
  return { name, cost: times, build: () => ({ steps: Array(times).fill(step), scratch: {}, tables: {} }) };
}

const request = (...candidates: Candidate[]): Request => ({
  shapeClass: "scale 4096",
  candidates,
  operands: { x: 4 * COUNT, y: 4 * COUNT },
});

test("the fastest way wins over the planner's estimate", async () => {
  const misjudged = { ...scaling("thirty times", 30), cost: 0 };
  const [{ untuned, winner, measured, refused }] = await tune(await testGpu(), [
    request(misjudged, scaling("once", 1)),
  ]);
  assert.equal([untuned, winner, refused], ["thirty times", "once", []]);
  assert.equal(measured.map(({ name }) => name).sort(), ["once", "thirty times"]);
  assert.ok(measured.every(({ medianMs }) => medianMs > 0));
});

test("a way with other numbers, or that can't be compiled, never wins", async () => {
  const broken = (): Launch => ({
    steps: [{ plan: { ...planAffine(COUNT), program: { ...affine, source: "no shader" } }, bindings: ["x", "y"] }],
    scratch: {},
    tables: {},
  });
  const half: Candidate = {
    name: "half",
    cost: 1,
    build: () => ({
      steps: [{ plan: planAffine(COUNT / 2, 0, 2), bindings: ["x", "y"] }],
      scratch: {},
      tables: {},
    }),
  };
  const [{ winner, refused }] = await tune(await testGpu(), [
    request({ ...scaling("right", 20), cost: 0 }, scaling("wrong", 1, 2.001), half, {
      name: "broken",
      cost: 1,
      build: broken,
    }),
  ]);
  assert.is(winner, "right");
  assert.equal(refused.map(({ name }) => name), ["wrong", "half", "broken"]);
  assert.match(refused[0].reason, /its numbers differ: NMSE [\d.]+e-/);
  assert.match(refused[1].reason, /its numbers differ: NMSE [45]\.\de-1/);
});

test("a shape with one way is not measured; an aborted signal ends it", async () => {
  const gpu = await testGpu();
  assert.equal(await tune(gpu, [request(scaling("only", 1))]), []);
  const seen: number[] = [];
  const found = await tune(gpu, [request(scaling("a", 1), scaling("b", 1))], {
    signal: AbortSignal.abort(),
    onProgress: (done) => seen.push(done),
  });
  assert.equal(found, []);
});

test("tuned plans are used, measured once, and leave no buffers behind", async () => {
  using gpu = await openGpu();
  const graph = createModel("digits", { width: 0.25 });
  const model = { graph, params: randomParams(graph, 1) };
  const before = gpu.stats().liveBuffers;
  const tuner = createTuner(gpu, emptyPlans(gpu.info));
  try {
    const first = await tuner.inference(model, 3);
    assert.ok(first.length >= 2, `${first.length} shapes with a choice`);
    assert.equal(await tuner.inference(model, 3), []);
    assert.equal(tuningFor(gpu).winners, winnersOf(tuner.plans));
    assert.is(gpu.stats().liveBuffers, before);
    assert.ok((await tuner.training(model, 3)).some(({ shapeClass }) => shapeClass.includes("wgrad")));
  } finally {
    setTuning(gpu, defaultTuning(gpu));
  }
});

onlyNightly(test)("a sparse kernel runs where it was measured to win, and gives the same numbers", async () => {
  const gpu = await testGpu();
  const graph = createModel("digits", { width: 0.5 });
  const params: Params = new Map(randomParams(graph, 2));
  const { data, shape } = params.get("conv2.weight")!;
  // Most columns of the GEMM matrix are gone, the same in all filters.
  const columns = shape[1] * shape[2] * shape[3];
  data.forEach((_, i) => i % columns % 5 === 0 || (data[i] = 0));
  const model = { graph, params };
  const request = inferenceRequests(gpu, model, 2).find(({ shapeClass }) => shapeClass.startsWith("sparse conv"))!;
  assert.is(request.candidates[0].name, "dense");
  assert.ok(request.candidates.length > 1, "no format packs a column-pruned weight");
  using x = Tensor.from(gpu, Float32Array.from({ length: 128 }, (_, i) => Math.sin(i)), [2, 1, 8, 8]);
  const outputs: Float32Array[] = [];
  try {
    for (const { name } of request.candidates) {
      setTuning(gpu, { ...defaultTuning(gpu), winners: { [request.shapeClass]: name } });
      const plan = compilePlan(gpu, model, 2);
      outputs.push(await plan.run(x).read());
      plan.dispose();
    }
  } finally {
    setTuning(gpu, defaultTuning(gpu));
  }
  const scale = Math.max(...outputs[0].map(Math.abs));
  assert.ok(scale > 0.01);
  for (const [i, output] of outputs.entries()) {
    const worst = Math.max(...output.map((value, j) => Math.abs(value - outputs[0][j])));
    assert.ok(worst <= 1e-5 * scale, `${request.candidates[i].name}: ${worst}`);
  }
});

test.run();
