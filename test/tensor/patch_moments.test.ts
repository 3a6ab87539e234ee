/** Second moments of patches, against sums in float64. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { UserError } from "../../src/errors.ts";
import { addPatchMoments, type ChannelRange, type PatchShape } from "../../src/tensor/ops/patch_moments.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";

const test = suite("patch moments");

const base: PatchShape = {
  batch: 3,
  channels: 5,
  height: 7,
  width: 6,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
};

/** Σ patch[i] · patch[j] in float64, by the definition of a convolution. */
function oracle(x: Float32Array, s: PatchShape, rows: ChannelRange, columns: ChannelRange): Float64Array {
  const [kh, kw] = s.kernel, [sh, sw] = s.stride, [dh, dw] = s.dilation, [top, left, bottom, right] = s.pads;
  const oh = Math.floor((s.height + top + bottom - dh * (kh - 1) - 1) / sh) + 1;
  const ow = Math.floor((s.width + left + right - dw * (kw - 1) - 1) / sw) + 1;
  const patch = ({ first, count, ones }: ChannelRange, n: number, i: number, q: number) => {
    const values: number[] = [];
    for (let c = first; c < first + count; c++) {
      for (let a = 0; a < kh; a++) {
        for (let b = 0; b < kw; b++) {
          const y = i * sh + a * dh - top, z = q * sw + b * dw - left;
          const inside = y >= 0 && y < s.height && z >= 0 && z < s.width;
          values.push(inside ? x[((n * s.channels + c) * s.height + y) * s.width + z] : 0);
        }
      }
    }
    return ones === "column" ? [...values, 1] : values;
  };
  const [m, k] = [rows, columns].map(({ count, ones }) => count * kh * kw + (ones === "column" ? 1 : 0));
  const sums = new Float64Array(m * k);
  for (let n = 0; n < s.batch; n++) {
    for (let i = 0; i < oh; i++) {
      for (let q = 0; q < ow; q++) {
        const [a, b] = [patch(rows, n, i, q), patch(columns, n, i, q)];
        a.forEach((v, r) => b.forEach((w, c) => sums[r * k + c] += v * w));
      }
    }
  }
  return sums;
}

/** The largest error of an entry, as a part of the root of the product of its two diagonal entries. */
async function error(s: PatchShape, rows: ChannelRange, columns?: ChannelRange, relu = false): Promise<number> {
  const gpu = await testGpu();
  const data = random(4, "moments").fillNormal(new Float32Array(s.batch * s.channels * s.height * s.width), 0);
  if (relu) data.forEach((v, i) => data[i] = Math.max(0, v));
  using x = Tensor.from(gpu, data, [s.batch, s.channels, s.height, s.width]);
  const size = ({ count, ones }: ChannelRange) => count * s.kernel[0] * s.kernel[1] + (ones === "column" ? 1 : 0);
  using moments = Tensor.zeros(gpu, [rows, columns ?? rows].map(size));
  addPatchMoments(gpu, x, s, moments, rows, columns);
  const found = await moments.read();
  const expected = oracle(data, s, rows, columns ?? rows);
  const [a, b] = [rows, columns ?? rows].map((range) => {
    const n = size(range), all = oracle(data, s, range, range);
    return Float64Array.from({ length: n }, (_, i) => Math.sqrt(all[i * n + i]));
  });
  let worst = 0;
  found.forEach((v, i) => {
    const scale = a[Math.floor(i / b.length)] * b[i % b.length];
    const off = Math.abs(v - expected[i]);
    worst = Math.max(worst, scale > 0 ? off / scale : off);
  });
  return worst;
}

const whole = { first: 0, count: 5 };
const cases: Record<string, PatchShape> = {
  "3×3 with padding": base,
  "a stride and a dilation": { ...base, stride: [2, 3], dilation: [2, 1] },
  "an even kernel and uneven padding": { ...base, kernel: [2, 4], pads: [0, 2, 1, 0] },
  "cropped borders": { ...base, pads: [-1, 1, 0, -2] },
  "rows of a matrix": { ...base, batch: 130, height: 1, width: 1, kernel: [1, 1], pads: [0, 0, 0, 0] },
  "one position": { ...base, batch: 1, height: 3, width: 3, pads: [0, 0, 0, 0] },
};
for (const [name, shape] of Object.entries(cases)) {
  test(`${name}: the sum is that of float64`, async () => {
    assert.ok(await error(shape, whole) <= 1e-6);
    assert.ok(await error(shape, { first: 1, count: 3 }) <= 1e-6);
  });
}

test("moments of many columns are made in parts, which meet, and one half is the other's mirror", async () => {
  const wide: PatchShape = { ...base, channels: 35 };
  // 18 channels make parts of 12 and 6, 33 parts of 12, 12 and 9; columns that are left over are filled up to fours.
  for (const range of [{ first: 1, count: 18 }, { first: 2, count: 33 }, whole, { first: 0, count: 17 }]) {
    for (const ones of ["column", "none"] as const) {
      assert.ok(await error(wide, { ...range, ones }, undefined, true) <= 1e-6, JSON.stringify([range, ones]));
    }
  }
  const gpu = await testGpu();
  const data = random(4, "moments").fillNormal(new Float32Array(3 * 35 * 7 * 6), 0);
  using x = Tensor.from(gpu, data, [3, 35, 7, 6]);
  using moments = Tensor.zeros(gpu, [9 * 33 + 1, 9 * 33 + 1]);
  addPatchMoments(gpu, x, wide, moments, { first: 2, count: 33, ones: "column" });
  const found = await moments.read();
  const n = 9 * 33 + 1;
  assert.ok(found.every((value, i) => value === found[(i % n) * n + Math.floor(i / n)]));
});

test("a block between two ranges of channels is that part of the whole", async () => {
  assert.ok(await error(base, { first: 0, count: 2 }, { first: 2, count: 3 }) <= 1e-6);
});

test("a column of ones makes the sums of the others and the number of positions", async () => {
  assert.ok(await error(base, { first: 1, count: 3, ones: "column" }) <= 1e-6);
  const gpu = await testGpu();
  const s: PatchShape = { ...base, batch: 2, channels: 1, height: 1, width: 1, kernel: [1, 1], pads: [0, 0, 0, 0] };
  using x = Tensor.from(gpu, Float32Array.of(2, 3), [2, 1, 1, 1]);
  using moments = Tensor.zeros(gpu, [2, 2]);
  addPatchMoments(gpu, x, s, moments, { first: 0, count: 1, ones: "column" });
  assert.equal([...await moments.read()], [13, 5, 5, 2]);
});

test("the error stays within 1e-6 over many positions, of numbers of one sign too", async () => {
  const many: PatchShape = { ...base, batch: 64, channels: 3, height: 24, width: 24 };
  for (const relu of [false, true]) assert.ok(await error(many, { first: 0, count: 3 }, undefined, relu) <= 1e-6);
});

test("what is there already is added to", async () => {
  const gpu = await testGpu();
  const s: PatchShape = { ...base, batch: 2, channels: 1, height: 1, width: 1, kernel: [1, 1], pads: [0, 0, 0, 0] };
  using x = Tensor.from(gpu, Float32Array.of(2, 3), [2, 1, 1, 1]);
  using moments = Tensor.from(gpu, Float32Array.of(100), [1, 1]);
  addPatchMoments(gpu, x, s, moments);
  assert.equal([...await moments.read()], [113]);
});

test("shapes that don't fit are refused with what was given and expected", async () => {
  const gpu = await testGpu();
  using x = Tensor.zeros(gpu, [3, 5, 7, 6]);
  using small = Tensor.zeros(gpu, [9, 9]);
  const refused = (pattern: RegExp, work: () => void) =>
    assert.throws(work, (e: unknown) => e instanceof UserError && pattern.test(e.message));
  refused(/sum is \[9,9\], expected \[45,45\]/, () => addPatchMoments(gpu, x, base, small));
  refused(/channels 4 … 5 of a value with 5/, () => addPatchMoments(gpu, x, base, small, { first: 4, count: 2 }));
  refused(/x is \[3,5,7,6\], expected \[2, 5, 7, 6\]/, () => addPatchMoments(gpu, x, { ...base, batch: 2 }, small));
});

test.run();
