import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  COPY_VARIANTS,
  FMA_BYTES,
  FMA_VARIANTS,
  type FmaVariant,
  planCopy,
  planFma,
} from "../../kernels/roofline/plan.ts";
import { bound } from "../../src/measure/bound.ts";
import { measureRoofline } from "../../src/measure/roofline.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";

const test = suite("roofline");

test("the bound is the slower of arithmetic and memory", () => {
  const roofs = { gflops: 100, gbps: 10 };
  assert.equal(bound(1e9, 0, roofs), { ms: 10, by: "arithmetic" });
  assert.equal(bound(0, 1e9, roofs), { ms: 100, by: "memory" });
  assert.equal(bound(1e9, 1e8, roofs), { ms: 10, by: "arithmetic" }, "at the ridge");
  assert.equal(bound(1e9, 1.1e8, roofs), { ms: 11, by: "memory" });
  assert.equal(bound(2e9, 1.1e8, roofs), { ms: 20, by: "arithmetic" });
});

test("more work never takes less, a faster device never longer", () => {
  const sizes = [0, 1e6, 3e8, 1e9];
  for (const flops of sizes) {
    for (const bytes of sizes) {
      const here = bound(flops, bytes, { gflops: 50, gbps: 10 }).ms;
      assert.ok(bound(2 * flops, bytes, { gflops: 50, gbps: 10 }).ms >= here);
      assert.ok(bound(flops, 2 * bytes, { gflops: 50, gbps: 10 }).ms >= here);
      assert.ok(bound(flops, bytes, { gflops: 60, gbps: 12 }).ms <= here);
    }
  }
});

test("operations are counted as they are run: threads × rounds × 32 × chains × lanes × 2", () => {
  for (const variant of FMA_VARIANTS) {
    const { flops, grid, uniforms } = planFma(variant, 3);
    assert.is(uniforms[0], 3);
    assert.is(flops, grid[0] * 64 * 3 * 32 * variant.chains * variant.width * 2);
  }
});

test("the grid of a copy reaches every vec4 and stays within 65,535 groups per dimension", () => {
  for (const perThread of COPY_VARIANTS) {
    for (const bytes of [16, 1040, 1 << 20, 1 << 27, 1 << 31]) {
      const { uniforms: [count, stride, row], grid } = planCopy(bytes, perThread);
      assert.is(count, bytes / 16);
      assert.ok(grid.every((n) => n >= 1 && n <= 65_535));
      assert.is(row, grid[0] * 64);
      assert.is(stride, row * grid[1]);
      assert.ok(stride * perThread >= count);
    }
  }
});

test("every chain runs: its end value is that of the recurrence, 32 steps a round", async () => {
  const gpu = await testGpu();
  for (const variant of FMA_VARIANTS) {
    using y = Tensor.empty(gpu, [FMA_BYTES / 4]);
    gpu.run(planFma(variant, 1), [y]);
    const ends = await y.read();
    for (const thread of [0, 1, 63, 64]) {
      for (let lane = 0; lane < variant.width; lane++) {
        assert.is(ends[thread * variant.width + lane], expected(variant, thread % 64, 32));
      }
    }
  }
});

/** Σ over the chains of a ← a/2 + 1, from thread + chain, in float32. */
function expected({ chains }: FmaVariant, thread: number, steps: number): number {
  let sum = 0;
  for (let chain = 0; chain < chains; chain++) {
    let a = thread + chain;
    for (let i = 0; i < steps; i++) a = Math.fround(a / 2 + 1);
    sum += a;
  }
  return sum;
}

test("copies are exact and end where they should", async () => {
  const gpu = await testGpu();
  const data = Float32Array.from({ length: 4 * 517 }, (_, i) => i + 1);
  for (const perThread of COPY_VARIANTS) {
    using x = Tensor.from(gpu, data, [data.length]);
    using y = Tensor.zeros(gpu, [data.length + 8]);
    gpu.run(planCopy(x.byteLength, perThread), [x, y]);
    const copied = await y.read();
    assert.equal(copied.slice(0, data.length), data);
    assert.equal(copied.slice(data.length), new Float32Array(8));
  }
});

test("the measured roofs have a believable height, and are those of the best form", async () => {
  const { gflops, gbps, forms } = await measureRoofline(await testGpu());
  const best = (unit: string) => Math.max(...forms.filter((form) => form.unit === unit).map(({ rate }) => rate));
  assert.is(gflops, best("GFLOP/s"));
  assert.is(gbps, best("GB/s"));
  // From a phone's CPU to the largest GPU.
  assert.ok(gflops > 0.5 && gflops < 1e6, `${gflops} GFLOP/s`);
  assert.ok(gbps > 0.2 && gbps < 2e4, `${gbps} GB/s`);
  assert.is(forms.length, FMA_VARIANTS.length + COPY_VARIANTS.length + 1);
});

test("four times the multiply-adds take longer: they aren't computed ahead", async () => {
  const gpu = await testGpu();
  const y = Tensor.empty(gpu, [FMA_BYTES / 4]);
  const time = async (rounds: number) =>
    (await gpu.time(() => gpu.run(planFma({ width: 4, chains: 4 }, rounds), [y]))).ms;
  let [few, many] = [Infinity, Infinity];
  // In turns, and the shortest of each: what else the machine does only adds to a time.
  for (let i = 0; i < 6; i++) [few, many] = [Math.min(few, await time(16)), Math.min(many, await time(64))];
  y.dispose();
  assert.ok(many > 1.5 * few, `16 rounds take ${few} ms, 64 rounds ${many} ms`);
});

test.run();
