/** The device of the page's worker: lost, wrong or missing. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { DeviceLostError, NoAdapterError } from "../../src/gpu/errors.ts";
import { Gpu, type GpuOptions } from "../../src/gpu/gpu.ts";
import { selfTest } from "../../src/measure/session/selftest.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { createDevice } from "../../src/web/engine/device.ts";
import { faulty, firstUniformsOnly, skips } from "../measure/session_faults.ts";

const test = suite("the worker's device");
prepareEnvironment();

async function compute(gpu: Gpu): Promise<number[]> {
  using tensor = Tensor.from(gpu, Float32Array.of(1, 2, 3), [3]);
  return [...await tensor.read()];
}

const failure = (action: Promise<unknown>): Promise<Error> =>
  action.then(() => assert.unreachable("expected an error"), (error) => error);

test("is tested and opened once, and again after it was lost", async () => {
  let opened = 0, lost = 0, losses = 0;
  const device = createDevice((options) => (opened++, Gpu.open(options)));
  device.onLost(() => lost++);
  const work = (gpu: Gpu) => {
    if (losses-- > 0) gpu.loseDevice();
    return compute(gpu);
  };
  assert.equal(await device.use(work), [1, 2, 3]);
  const first = opened;
  losses = 1;
  assert.equal(await device.use(work), [1, 2, 3]);
  assert.equal(await device.use(work), [1, 2, 3]);
  assert.equal([opened - first, lost], [1, 1]);
  losses = 2;
  assert.instance(await failure(device.use(work)), DeviceLostError);
  assert.equal(await device.use(work), [1, 2, 3], "later work has a new device");
  device.close();
});

test("takes the path around a fault, whether it finds it or a session has", async () => {
  const seen: (boolean | undefined)[] = [];
  const open = (options: GpuOptions) => (seen.push(options.dynamicOffsets), firstUniformsOnly()(options));
  const device = createDevice(open);
  assert.equal(await device.use(compute), [1, 2, 3]);
  assert.is(seen.at(-1), false);
  device.close();

  const found = await selfTest(firstUniformsOnly());
  seen.length = 0;
  const told = createDevice(open);
  told.know(found);
  assert.equal(await told.use(compute), [1, 2, 3]);
  assert.equal(seen, [false], "it needn't be tested again");
  told.close();
});

test("that computes wrong numbers isn't used", async () => {
  const device = createDevice(skips("gemm"));
  for (const use of [device.use(compute), device.open()]) {
    assert.match((await failure(use)).message, /^this device computes wrong numbers \(self-test: repeat.*\): update/);
  }
});

test("that is away for a moment is waited for, and one that isn't there is named", async () => {
  let away = 0;
  const device = createDevice((options) => {
    if (away-- > 0) throw new NoAdapterError("no WebGPU adapter");
    return faulty(() => {})(options);
  });
  assert.equal(await device.use(compute), [1, 2, 3]);
  device.close();
  away = 2;
  assert.equal(await device.use(compute), [1, 2, 3]);
  device.close();
  const none = createDevice(() => Promise.reject(new NoAdapterError("no WebGPU adapter")));
  assert.instance(await failure(none.use(compute)), NoAdapterError);
});

test.run();
