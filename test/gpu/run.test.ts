import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DeviceLimitError, GpuError } from "../../src/gpu/errors.ts";
import type { GpuOptions, Slice } from "../../src/gpu/gpu.ts";
import { testGpu } from "../gpu.ts";
import { affine, failure, floats, openGpu, planAffine, readFloats } from "./kernels.ts";

const test = suite("recording and running");

/** Ways to open the device that must make no difference to results. */
const WAYS: Readonly<Record<string, GpuOptions>> = {
  "dynamic offsets": {},
  "an offset for each slot": { dynamicOffsets: false },
  "every submit in an error scope and every dispatch timed": { debug: 4, onDebug: () => {} },
};

for (const [name, options] of Object.entries(WAYS)) {
  test(`uniforms of more dispatches than a submit holds stay apart, with ${name}`, async () => {
    using gpu = await openGpu(options);
    const count = 300;
    const [x, y] = [floats(gpu, count), floats(gpu, 64 * count)];
    gpu.write(x, Float32Array.from({ length: count }, (_, i) => i));
    for (let i = 0; i < count; i++) {
      gpu.run(planAffine(3, 1000 * i), [x, { buffer: y.buffer, byteOffset: 256 * i, byteLength: 256 }]);
    }
    assert.is(gpu.stats().dispatches, count);
    const [got] = await readFloats(gpu, y);
    for (let i = 0; i < count; i++) {
      assert.equal(got.slice(64 * i, 64 * i + 3), [1000 * i, 1000 * i + 1, 1000 * i + 2], `dispatch ${i}`);
    }
    assert.ok(gpu.stats().submits >= 5, `${gpu.stats().submits} submits`);
    assert.is(gpu.stats().pipelines, 1);
  });
}

test("a long chain of dependent dispatches runs in order", async () => {
  const gpu = await testGpu();
  const [a, b] = [floats(gpu, 5), floats(gpu, 5)];
  gpu.clear(a);
  for (let i = 0; i < 200; i++) {
    gpu.run(planAffine(5, 1, 2), [a, b]);
    gpu.run(planAffine(5, -1, 0.5), [b, a]);
    gpu.run(planAffine(5, 1), [a, b]);
    gpu.copy(b, a);
  }
  // Each round: 0.5 · (2v + 1) − 1 + 1 = v + 0.5.
  assert.equal(await readFloats(gpu, a), [[100, 100, 100, 100, 100]]);
  release(a, b);
});

test("a write between two dispatches is seen by the second only", async () => {
  const gpu = await testGpu();
  const [x, early, late] = [floats(gpu, 2), floats(gpu, 2), floats(gpu, 2)];
  gpu.write(x, Float32Array.of(1, 2));
  gpu.run(planAffine(2), [x, early]);
  gpu.write(x, Float32Array.of(10, 20));
  gpu.run(planAffine(2), [x, late]);
  gpu.write(x, Float32Array.of(100, 200));
  assert.equal(await readFloats(gpu, early, late, x), [[1, 2], [10, 20], [100, 200]]);
  release(x, early, late);
});

test("a write to what a dispatch made, a clear and a copy keep their order too", async () => {
  const gpu = await testGpu();
  const [x, y, z] = [floats(gpu, 2), floats(gpu, 2), floats(gpu, 2)];
  gpu.write(x, Float32Array.of(1, 2));
  gpu.run(planAffine(2, 5), [x, y]);
  gpu.write(y, Float32Array.of(-1, -2));
  gpu.copy(y, z);
  gpu.write(y, Float32Array.of(8, 9));
  gpu.clear(x);
  gpu.run(planAffine(2, 0.5), [x, y]);
  assert.equal(await readFloats(gpu, x, y, z), [[0, 0], [0.5, 0.5], [-1, -2]]);
  release(x, y, z);
});

test("a released buffer that is handed out again isn't written before its last readers ran", async () => {
  const gpu = await testGpu();
  const result = floats(gpu, 2);
  const first = floats(gpu, 2);
  gpu.write(first, Float32Array.of(1, 2));
  gpu.run(planAffine(2), [first, result]);
  first.buffer.release();
  const second = floats(gpu, 2);
  assert.is(second.buffer, first.buffer);
  gpu.write(second, Float32Array.of(7, 7));
  assert.equal(await readFloats(gpu, result, second), [[1, 2], [7, 7]]);
  release(result, second);
});

test("slices of one buffer are read and written at their offsets", async () => {
  const gpu = await testGpu();
  const x = floats(gpu, 128);
  const y = floats(gpu, 128);
  gpu.write(x, Float32Array.from({ length: 128 }, (_, i) => i));
  gpu.clear(y);
  const half = ({ buffer }: Slice): Slice => ({ buffer, byteOffset: 256, byteLength: 8 });
  gpu.run(planAffine(2, 0, 3), [half(x), half(y)]);
  const [whole, part] = await readFloats(gpu, y, half(y));
  assert.equal(part, [192, 195]);
  assert.equal(whole.map((v, i) => v === 0 ? -1 : i).filter((i) => i >= 0), [64, 65]);
  release(x, y);
});

test("several slices are read in one wait, also of odd lengths and of none", async () => {
  const gpu = await testGpu();
  const x = floats(gpu, 100);
  gpu.write(x, Float32Array.from({ length: 100 }, (_, i) => i));
  const part = (first: number, bytes: number): Slice => ({
    buffer: x.buffer,
    byteOffset: 4 * first,
    byteLength: bytes,
  });
  const read = await gpu.readMany([part(3, 4), part(0, 400), part(64, 6), part(3, 4)]);
  assert.equal(read.map(({ byteLength }) => byteLength), [4, 400, 6, 4]);
  assert.equal([...new Float32Array(read[1])].slice(97), [97, 98, 99]);
  assert.is(new Float32Array(read[3])[0], 3);
  assert.equal(await gpu.readMany([]), []);
  const both = await Promise.all([readFloats(gpu, part(1, 4)), readFloats(gpu, part(2, 4))]);
  assert.equal(both, [[[1]], [[2]]]);
  release(x);
});

test("pipelines are compiled once for each text and set of constants", async () => {
  using gpu = await openGpu();
  const [x, y] = [floats(gpu, 1), floats(gpu, 1)];
  for (const factor of [1, 2, 3, 2, 1]) gpu.run(planAffine(1, 0, factor), [x, y]);
  assert.is(gpu.stats().pipelines, 3);
  await gpu.sync();
});

test("calls that can't be recorded are refused at once, by kernel and shapes", async () => {
  const gpu = await testGpu();
  const [x, y] = [floats(gpu, 4), floats(gpu, 4)];
  const plan = planAffine(4);
  const dispatches = gpu.stats().dispatches;
  const huge: Slice = { buffer: x.buffer, byteOffset: 0, byteLength: gpu.limits.maxStorageBufferBindingSize + 4 };
  const refused: [() => void, RegExp][] = [
    [() => gpu.run(plan, [x], "[4]"), /^kernel "affine" \(\[4\]\) takes 2 buffers, got 1$/],
    [() => gpu.run(plan, [x, y, y]), /^kernel "affine" takes 2 buffers, got 3$/],
    [
      () => gpu.run({ ...plan, grid: [1, 70_000, 1] }, [x, y], "[4]"),
      /\(\[4\]\) wants a grid of 1×70000×1 .* at most 65535/,
    ],
    [() => gpu.run({ ...plan, uniforms: new Array(65).fill(0) }, [x, y]), /260 bytes of uniforms; at most 256/],
    [
      () => gpu.run(plan, [huge, y], "[9]"),
      /^kernel "affine" \(\[9\]\) binds \d+ bytes; this device binds at most \d+/,
    ],
    [() => gpu.run(plan, [x, x]), /binds one buffer both to read and to write/],
    [
      () => gpu.run({ ...plan, program: { ...affine, constants: { SIZE: 2 } } }, [x, y]),
      /kernel "affine": no line `const SIZE: type = …;` to set to 2/,
    ],
    [() => gpu.write(x, new Float32Array(5)), /writing 20 bytes into a slice of 16/],
  ];
  for (const [call, message] of refused) {
    const error = await failure(call);
    assert.ok(error instanceof GpuError || error instanceof DeviceLimitError);
    assert.match(error.message, message);
  }
  assert.is(gpu.stats().dispatches, dispatches);
  gpu.write(x, Float32Array.of(1, 2, 3, 4));
  gpu.run(plan, [x, y]);
  assert.equal(await readFloats(gpu, y), [[1, 2, 3, 4]]);
  release(x, y);
});

test("the wait after a shader that doesn't compile names kernel and shapes, and then the device goes on", async () => {
  using gpu = await openGpu();
  const [x, y] = [floats(gpu, 4), floats(gpu, 4)];
  const broken = { ...affine, name: "broken", source: affine.source.replace("p.add", "p.nothing") };
  const error = await failure(() => {
    gpu.run({ ...planAffine(4), program: broken }, [x, y], "[4] to [4]");
    return gpu.sync();
  });
  assert.instance(error, GpuError);
  assert.match(error.message, /^kernel "broken" \(\[4\] to \[4\]\): /);
  assert.match(error.message, "nothing");
  gpu.write(x, Float32Array.of(1, 2, 3, 4));
  gpu.run(planAffine(4), [x, y]);
  assert.equal(await readFloats(gpu, y), [[1, 2, 3, 4]]);
});

test("what the device refuses at the first submit of a kernel is told with its name, at a read", async () => {
  using gpu = await openGpu();
  const [x, y] = [floats(gpu, 4), floats(gpu, 4)];
  // An offset that no device takes.
  const crooked: Slice = { buffer: x.buffer, byteOffset: 4, byteLength: 8 };
  const error = await failure(() => {
    gpu.run(planAffine(2), [crooked, y], "[2] at 4");
    return gpu.readMany([y]);
  });
  assert.instance(error, GpuError);
  assert.match(error.message, /^kernel "affine" \(\[2\] at 4\): .*invalid/);
});

function release(...slices: readonly Slice[]): void {
  for (const { buffer } of slices) buffer.release();
}

test.run();
