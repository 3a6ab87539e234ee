/** A device's memory goes back to the system when the device is closed, and idle buffers don't stay for ever. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { surplus, WINDOW_TAKES } from "../../src/gpu/buffers.ts";
import { DeviceLimitError, DeviceLostError } from "../../src/gpu/errors.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { createModel } from "../../src/models/zoo.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { failure, openGpu } from "./kernels.ts";

const test = suite("device memory");

const MOST_GROWTH = 1.2;

test("opening and closing a device ten times takes little more memory than once", async () => {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", `${import.meta.dirname}/open_and_close.ts`],
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.ok(success, err);
  const lines: { rss: number; peak: number }[] = out.trim().split("\n").map((line) => JSON.parse(line));
  assert.is(lines.length, 10);
  const megabytes = (key: "rss" | "peak") => lines.map((line) => Math.round(line[key] / 2 ** 20));
  for (const key of ["rss", "peak"] as const) {
    const list = megabytes(key);
    assert.ok(list[9] <= MOST_GROWTH * list[0], `${key} in MB after each time: ${list.join(", ")}`);
  }
});

test("idle buffers beyond the most in use at one time in two windows are surplus", () => {
  const use = { inUse: 2, idle: 6, peak: 5, peakBefore: 3 };
  assert.is(surplus(use), 3, "8 exist, 5 were needed at once");
  assert.is(surplus({ ...use, peakBefore: 7 }), 1, "the window before needed 7");
  assert.is(surplus({ ...use, peak: 8 }), 0, "all were needed");
  assert.is(surplus({ ...use, peak: 2, peakBefore: 0 }), 6, "none of the idle ones was needed");
  assert.is(surplus({ inUse: 0, idle: 4, peak: 0, peakBefore: 0 }), 4, "the size isn't used any more");
  assert.is(surplus({ inUse: 3, idle: 0, peak: 3, peakBefore: 3 }), 0, "nothing is idle");
});

test("the pool frees what two windows of work didn't need, and keeps what they did", async () => {
  using gpu = await openGpu();
  const large = [1, 2, 3].map(() => gpu.alloc(2 ** 20));
  for (const buffer of large) buffer.release();
  assert.is(gpu.stats().pooledBytes, 3 * 2 ** 20);
  await work(gpu, WINDOW_TAKES);
  assert.is(gpu.stats().pooledBytes, 3 * 2 ** 20 + 2 * 1024, "one window later all are still there");
  await work(gpu, WINDOW_TAKES);
  await work(gpu, WINDOW_TAKES);
  assert.is(gpu.stats().pooledBytes, 2 * 1024, "only the two that are needed at the same time are left");
});

/** Hands out `takes` buffers of 1 KiB, two at a time, and submits something. */
async function work(gpu: Gpu, takes: number): Promise<void> {
  for (let i = 0; i < takes; i += 2) {
    const [a, b] = [gpu.alloc(1024), gpu.alloc(1024)];
    if (i + 2 >= takes) gpu.clear({ buffer: a, byteOffset: 0, byteLength: 1024 });
    a.release();
    b.release();
  }
  await gpu.sync();
}

test("a plan that can't be compiled leaves no bytes on the device, live or idle", async () => {
  using gpu = await openGpu();
  const graph = createModel("digits");
  const model = { graph, params: initialise(graph, 1) };
  // The input fits, the first layer's output doesn't.
  const batch = Math.ceil(gpu.limits.maxBufferSize / (4 * 16 * 64)) + 1;
  const error = await failure(() => compilePlan(gpu, model, batch));
  assert.instance(error, DeviceLimitError);
  const { liveBytes, pooledBytes, liveBuffers } = gpu.stats();
  assert.equal({ liveBytes, pooledBytes, liveBuffers }, { liveBytes: 0, pooledBytes: 0, liveBuffers: 0 });
  const small = compilePlan(gpu, model, 2);
  using x = Tensor.zeros(gpu, [2, 1, 8, 8]);
  assert.ok((await small.run(x).read()).every(Number.isFinite), "the device works on");
  small.dispose();
});

test("a closed device refuses work and takes tensors back without complaint", async () => {
  const gpu = await openGpu();
  const x = Tensor.zeros(gpu, [4]);
  gpu.close();
  x.dispose();
  assert.is(gpu.stats().pooledBytes, 0);
  assert.instance(await failure(() => x.read()), DeviceLostError);
});

test.run();
