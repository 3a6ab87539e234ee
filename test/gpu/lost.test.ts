import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { DeviceLostError } from "../../src/gpu/errors.ts";
import { failure, floats, openGpu, planAffine } from "./kernels.ts";

const test = suite("a lost device");

test("a lost device rejects pending reads, then refuses every later call", async () => {
  const gpu = await openGpu();
  const [x, y] = [floats(gpu, 4), floats(gpu, 4)];
  gpu.run(planAffine(4), [x, y]);
  const pending = [failure(() => gpu.readMany([y])), failure(() => gpu.sync()), failure(() => gpu.readMany([x, y]))];
  gpu.loseDevice();
  const later = [
    () => gpu.readMany([y]),
    () => gpu.sync(),
    () => gpu.run(planAffine(4), [x, y]),
    () => gpu.clear(y),
    () => gpu.copy(x, y),
    () => gpu.time(() => {}),
  ];
  const errors = [...await Promise.all(pending)];
  for (const call of later) errors.push(await failure(call));
  for (const error of errors) {
    assert.instance(error, DeviceLostError);
    assert.instance(error, UserError);
    assert.match(error.message, /^the GPU device was lost \(.+\): start again with --resume/);
  }
});

test("a device that was closed on purpose says so, also with work recorded", async () => {
  const gpu = await openGpu();
  const [x, y] = [floats(gpu, 4), floats(gpu, 4)];
  gpu.run(planAffine(4), [x, y]);
  gpu.close();
  gpu.close();
  assert.match((await failure(() => gpu.sync())).message, "lost (it was closed)");
});

test("another device isn't touched, and a new one can be opened", async () => {
  const lost = await openGpu();
  using other = await openGpu();
  lost.loseDevice();
  await failure(() => lost.sync());
  const x = floats(other, 4);
  other.clear(x);
  assert.equal(new Float32Array((await other.readMany([x]))[0]), new Float32Array(4));
  using next = await openGpu();
  await next.sync();
});

test.run();
