import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { chosenGpu } from "../../src/gpu/gpu_choice.ts";

const test = suite("which device work is done on");

/** Only counts how often it is closed. */
function counting() {
  const closed = { times: 0 };
  return { closed, gpu: { close: () => void closed.times++ } as unknown as Gpu };
}

test("a device that is given stays open, and none is opened", async () => {
  const { gpu, closed } = counting();
  {
    using device = await chosenGpu({ gpu, open: () => Promise.reject(new Error("opened another one")) });
    assert.is(device.gpu, gpu);
  }
  assert.is(closed.times, 0);
});

test("a device of one's own is closed at the end", async () => {
  const { gpu, closed } = counting();
  {
    using device = await chosenGpu({ open: () => Promise.resolve(gpu) });
    assert.is(device.gpu, gpu);
    assert.is(closed.times, 0);
  }
  assert.is(closed.times, 1);
});

test.run();
