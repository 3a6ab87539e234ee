/** Kernels, layers and roofs inside a session, and what becomes of them when something is in the way. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { GpuError } from "../../src/gpu/errors.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { NO_FINDINGS, withEvent } from "../../src/measure/session/findings.ts";
import { measureKernels } from "../../src/measure/session/kernels.ts";
import { layerCount, measureLayers } from "../../src/measure/session/layers.ts";
import { measureSession, type SessionOptions } from "../../src/measure/session/session.ts";
import type { SessionEvent } from "../../src/measure/session/types.ts";
import { createModel, type ModelOptions } from "../../src/models/zoo.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { openGpu } from "../gpu/kernels.ts";
import { replaceTime } from "../gpu/replace_time.ts";
import { keepWorkClock } from "../gpu/work_clock.ts";
import { onlyNightly } from "../long.ts";
import { assertKeepable, faulty } from "./session_faults.ts";
import { FIRST } from "./session_run.ts";

const test = suite("detail of a session");

function model(name: string, options: ModelOptions = {}) {
  const graph = createModel(name, options);
  return { graph, params: initialise(graph, 1) };
}

test("a plan's parts do what its run does, in order", async () => {
  const gpu = await testGpu();
  for (const [name, options] of [["digits", {}], ["resnet8", { width: 0.25, size: 8 }]] as const) {
    const net = model(name, options);
    const [, ...size] = net.graph.inputs[0].shape as [string, ...number[]];
    const shape = [3, ...size];
    using x = Tensor.from(gpu, random(1, "x").fillNormal(new Float32Array(shape.reduce((a, b) => a * b)), 0), shape);
    const plan = compilePlan(gpu, net, 3);
    const expected = (await plan.run(x).read()).slice();
    const parts = plan.parts(x);
    assert.equal(parts.map(({ step }) => step), [...plan.steps]);
    gpu.clear(plan.output);
    for (const { record } of parts) record();
    for (const { record } of parts) record();
    assert.equal(await plan.output.read(), expected, name);
    const before = gpu.stats().dispatches;
    for (const { dispatches, record } of parts) {
      const from = gpu.stats().dispatches;
      record();
      assert.is(gpu.stats().dispatches - from, dispatches);
    }
    plan.run(x);
    const whole = gpu.stats().dispatches - before;
    assert.is(whole, 2 * parts.reduce((sum, { dispatches }) => sum + dispatches, 0));
    const live = gpu.stats().liveBuffers;
    plan.dispose();
    assert.ok(gpu.stats().liveBuffers < live);
  }
});

test("parts leave nothing behind", async () => {
  using gpu = await openGpu();
  const net = model("digits");
  using x = Tensor.zeros(gpu, [2, 1, 8, 8]);
  const before = gpu.stats().liveBuffers;
  const plan = compilePlan(gpu, net, 2);
  for (const { record } of plan.parts(x)) record();
  plan.dispose();
  assert.is(gpu.stats().liveBuffers, before);
});

test("layers are the plan's steps, have all of the multiply-adds, and add up to a run", async () => {
  using gpu = await openGpu();
  keepWorkClock(gpu);
  const net = model("digits");
  const layers = await measureLayers(gpu, { network: "digits", variant: "dense", model: net }, 16);
  assert.ok(layers.length <= layerCount(net));
  assert.ok(layers.some(({ op }) => op === "Conv") && layers.some(({ op }) => op === "Gemm"));
  assert.not.ok(layers.some(({ op }) => op === "Flatten"), "a Flatten launches nothing");
  assert.is(layers.reduce((sum, { macs }) => sum + macs, 0), graphCost(net.graph).macs);
  const sum = layers.reduce((sum, { ofWhole }) => sum + ofWhole, 0);
  assert.ok(Math.abs(sum - 1) < 1e-9, `${sum} of a run`);
  for (const { medianMs, batch, bytes, dispatches, launchMs } of layers) {
    assert.ok(medianMs > 0 && batch === 16);
    assert.ok(bytes! > 0 && dispatches! > 0 && launchMs! > 0);
  }
});

test("kernels have shapes that every device does, and larger ones where they are quick", async () => {
  const gpu = await testGpu();
  const slow = { gflops: 0.01, gbps: 10 }, quick = { gflops: 60, gbps: 10 };
  const shapes = async (...[family, roof]: [Parameters<typeof measureKernels>[1], typeof slow]) => {
    const kernels = await measureKernels(gpu, family, roof);
    for (const { medianMs, gflops, ofRoof, samples } of kernels) {
      assert.ok(medianMs > 0 && gflops > 0 && ofRoof > 0 && samples === 7);
    }
    return kernels.map(({ shape, density }) => `${shape} ${density}`);
  };
  assert.equal(await shapes("gemm", slow), ["256×256×256 1"]);
  assert.equal(await shapes("conv", slow), ["8×16×32×32 → 16, 3×3 1"]);
  assert.equal(await shapes("block-sparse", slow), [1, 0.5, 0.25, 0.1].map((d) => `256×256×256 ${d}`));
  assert.equal(await shapes("gemm", quick), ["256×256×256 1", "512×512×512 1"]);
});

async function full(options: Partial<SessionOptions>, on: (event: SessionEvent) => void = () => {}) {
  const events: SessionEvent[] = [];
  const { complete } = await measureSession({
    networks: FIRST.slice(0, 1),
    protocol: { mode: "burst", seconds: 0, batches: [1, 2] },
    detail: "full",
    open: faulty(keepWorkClock),
    ...options,
    onEvent: (event) => {
      events.push(event);
      on(event);
    },
  });
  const found = events.reduce(withEvent, NO_FINDINGS);
  assertKeepable(found);
  return { events, found, complete };
}

test("a full session has rows, layers, roofs and kernels, in this order", async () => {
  const { events, found, complete } = await full({});
  assert.is(complete, true);
  const order = events.map(({ kind }) => kind).filter((kind) => !["progress", "incident"].includes(kind));
  assert.equal([...new Set(order)], ["device", "self-test", "row", "layers", "roof", "kernel"]);
  assert.equal(order.slice(2, 6), ["row", "row", "layers", "layers"]);
  assert.ok(found.roof!.gflops > 0 && found.roof!.gbps > 0);
  assert.equal([...new Set(found.kernels.map(({ family }) => family))], ["gemm", "conv", "block-sparse"]);
  // The bound is the larger of what arithmetic and memory take at least.
  for (const { family, shape, gflops, ofRoof } of found.kernels) {
    assert.ok(ofRoof >= (1 - 1e-9) * gflops / found.roof!.gflops && gflops > 0, `${family} ${shape}`);
  }
  assert.equal([...new Set(found.layers.map(({ batch }) => batch))], [1, 2]);
  const steps = events.filter((event) => event.kind === "progress");
  assert.equal(steps.map(({ done, total }) => `${done}/${total}`), ["0/6", "1/6", "2/6", "3/6", "4/6", "5/6", "6/6"]);
});

onlyNightly(test)("what the clock is too coarse for is left out with the reason", async () => {
  const coarse = await full({
    open: faulty((gpu) => replaceTime(gpu, () => Promise.resolve({ ms: 2000, clock: "wall clock", quantumMs: 100 }))),
  });
  assert.is(coarse.complete, true);
  const leftOut = coarse.found.incidents.filter(({ kind }) => kind === "left out").map(({ text }) => text);
  assert.is(leftOut.length, 3);
  assert.match(leftOut[0], /^layers of first dense, batch 1: with the clock's steps/);
  assert.is(leftOut[2], "roofs and kernels: with the clock's steps of 1.0e+2 ms it would take 28 minutes");
});

onlyNightly(test)(
  "a device lost among the kernels is opened again, little memory is enough, and nothing is missing",
  async () => {
    let losses = 0;
    const { found, complete } = await full({
      protocol: { mode: "burst", seconds: 0, batches: [1] },
      open: faulty((gpu) => {
        keepWorkClock(gpu);
        const alloc = gpu.alloc.bind(gpu), run = gpu.run.bind(gpu);
        gpu.alloc = (bytes, label) => {
          if (bytes > 20 * 2 ** 20) throw new GpuError("out of memory");
          return alloc(bytes, label);
        };
        gpu.run = (plan, bindings, label) => {
          if (label === "8×16×32×32 → 16, 3×3" && losses++ === 0) gpu.loseDevice();
          run(plan, bindings, label);
        };
      }),
    });
    assert.is(complete, true);
    assert.ok(found.roof!.gbps > 0, "measured with buffers of 16 MiB");
    const told = found.incidents.filter(({ kind }) => kind !== "slower").map(({ kind, text }) => `${kind} ${text}`);
    assert.equal(told, ["device lost at conv kernels", "device reopened to try conv kernels again"]);
    assert.ok(found.kernels.some(({ family }) => family === "conv"));
    assert.is(found.rows.length, 1);
  },
);

test.run();
