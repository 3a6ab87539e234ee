import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DeviceLimitError, GpuError } from "../../src/gpu/errors.ts";
import { sizeClass } from "../../src/gpu/buffers.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { openGpu } from "./kernels.ts";

const test = suite("buffers");

test("size classes waste a quarter at most, in multiples of 256 bytes", () => {
  assert.equal([1, 256, 257, 320, 512, 1024, 1025].map(sizeClass), [256, 256, 512, 512, 512, 1024, 1280]);
  for (let bytes = 1000; bytes < 1e9; bytes = Math.ceil(bytes * 1.37)) {
    const size = sizeClass(bytes);
    assert.ok(size >= bytes && size % 256 === 0 && size <= 1.25 * bytes + 256, `${bytes}: ${size}`);
    assert.is(sizeClass(size), size);
  }
});

test("a released buffer is handed out again; stats tell live, pooled and peak bytes", async () => {
  using gpu = await openGpu();
  const a = gpu.alloc(5000, "a");
  const b = gpu.alloc(100, "b");
  assert.is(a.bytes, 5120);
  assert.equal(memory(gpu), [5376, 5376, 0, 2]);
  a.release();
  assert.equal(memory(gpu), [256, 5376, 5120, 1]);
  const again = gpu.alloc(4900, "again");
  assert.is(again, a);
  assert.is(again.references, 1);
  assert.equal(memory(gpu), [5376, 5376, 0, 2]);
  again.release();
  b.release();
  assert.equal(memory(gpu), [0, 5376, 5376, 0]);
});

function memory(gpu: Gpu): number[] {
  const { liveBytes, peakBytes, pooledBytes, liveBuffers } = gpu.stats();
  return [liveBytes, peakBytes, pooledBytes, liveBuffers];
}

test("a buffer lives until its last reference; one release too many is an error", async () => {
  const gpu = await testGpu();
  const buffer = gpu.alloc(64);
  buffer.retain().release();
  assert.is(buffer.references, 1);
  buffer.release();
  const name = `buffer ${buffer.id}`;
  assert.throws(
    () => buffer.release(),
    (e: Error) => e instanceof GpuError && e.message === `${name} was released twice`,
  );
  assert.throws(() => buffer.retain(), (e: Error) => e.message === `${name} was retained after its last release`);
});

test("a tensor's views share its buffer; disposing twice does no harm", async () => {
  const gpu = await testGpu();
  const live = gpu.stats().liveBuffers;
  const x = Tensor.from(gpu, Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
  const view = x.view([3, 2]);
  x.dispose();
  x.dispose();
  assert.equal([...await view.read()], [1, 2, 3, 4, 5, 6]);
  assert.not.ok(x.live);
  view.dispose();
  assert.is(gpu.stats().liveBuffers, live);
});

test("a buffer beyond the device's limit is refused before it is made, and the device goes on", async () => {
  using gpu = await openGpu();
  const bytes = gpu.limits.maxBufferSize + 1;
  const before = gpu.stats();
  assert.throws(() => gpu.alloc(bytes, "activation [9,9]"), (e: Error) => {
    assert.instance(e, DeviceLimitError);
    assert.match(e.message, `buffer "activation [9,9]" needs ${bytes} bytes; this device allows ${bytes - 1}`);
    return true;
  });
  assert.equal(gpu.stats(), before);
  await gpu.sync();
});

test("a scope releases what it tracked, in the end and when it throws", async () => {
  const gpu = await testGpu();
  const live = gpu.stats().liveBuffers;
  const size = gpu.scope((track) => track(Tensor.zeros(gpu, [3])).size + track(Tensor.zeros(gpu, [4])).size);
  assert.is(size, 7);
  assert.throws(() =>
    gpu.scope((track) => {
      track(Tensor.zeros(gpu, [3]));
      throw new Error("inside");
    }), /inside/);
  assert.is(gpu.stats().liveBuffers, live);
});

test.run();
