import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ConvShape } from "../../kernels/conv/shape.ts";
import { blockPunched } from "../../kernels/sparse/block_punched.ts";
import { csr } from "../../kernels/sparse/csr.ts";
import type { PackedWeight } from "../../kernels/sparse/format.ts";
import { noise } from "../tensor/reference64.ts";
import { checkConv, checkGemm } from "./check_format.ts";

const test = suite("sparse lists of columns for lines of filters");

const base: ConvShape = {
  batch: 2,
  channels: 5,
  height: 7,
  width: 13,
  filters: 19,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
};

const SHAPES: Readonly<Record<string, ConvShape>> = {
  "3×3": base,
  "stride 2, width 29": { ...base, width: 29, stride: [2, 2], filters: 7 },
  "dilated, unequal pads": { ...base, dilation: [2, 1], pads: [0, 2, 1, 0], filters: 16 },
};

for (const [name, shape] of Object.entries(SHAPES)) {
  test(`block-punched convolution ${name}`, async () => {
    const weight = punched(shape, 8);
    assert.equal(unpacked(await checkConv(blockPunched, weight, shape)), weight);
  });

  test(`csr convolution ${name}`, async () => {
    const weight = scattered(shape.filters, shape.channels * 9, 0.1);
    assert.equal(unpacked(await checkConv(csr, weight, shape)), weight);
  });
}

test("more taps and lines than a dispatch takes are shared out among several", async () => {
  const shape = { ...base, batch: 1, channels: 20, filters: 67 };
  await checkConv(csr, scattered(shape.filters, shape.channels * 9, 0.5), shape);
});

test("linear layers give the reference's numbers", async () => {
  const linear = { m: 37, n: 19, k: 61 };
  const rows = scattered(3, linear.k, 0.4).map((w) => w === 0 ? 0 : 1);
  const weight = noise(linear.n * linear.k, 8).map((w, i) =>
    w * rows[Math.floor(i / linear.k / 8) * linear.k + i % linear.k]
  );
  assert.equal(unpacked(await checkGemm(blockPunched, weight, linear)), weight);
  const sparse = scattered(linear.n, linear.k, 0.05);
  assert.equal(unpacked(await checkGemm(csr, sparse, linear)), sparse);
});

test("weights of zeros give zero", async () => {
  for (const format of [blockPunched, csr]) await checkConv(format, new Float32Array(19 * 45), base);
});

test("blocks are as high as the weight allows", () => {
  for (const height of [4, 8, 16]) {
    assert.is(blockPunched.pack(punched({ ...base, filters: 32 }, height), [32, 5, 3, 3])!.parameters.height, height);
  }
});

test("what saves nothing, and zeros that aren't in blocks, aren't packed", () => {
  for (const format of [blockPunched, csr]) {
    assert.is(format.pack(noise(19 * 45, 1), [19, 5, 3, 3]), undefined);
  }
  assert.is(blockPunched.pack(scattered(16, 45, 0.3), [16, 5, 3, 3]), undefined);
});

/** Blocks of `height` filters × 2 channels, each with taps of its own. */
function punched({ filters, channels }: ConvShape, height: number): Float32Array {
  const coin = noise(4096, 11);
  return noise(filters * channels * 9, 3).map((w, i) => {
    const f = Math.floor(i / 9 / channels), c = Math.floor(i / 9) % channels;
    return coin[(Math.floor(f / height) * channels + Math.floor(c / 2)) * 9 + i % 9] > 0.2 ? w : 0;
  });
}

function scattered(rows: number, columns: number, density: number): Float32Array {
  const coin = noise(rows * columns, 12);
  return noise(rows * columns, 13).map((w, i) => (coin[i] + 1) / 2 < density ? w : 0);
}

function unpacked(
  { rows, columns, parameters: { height }, values, index: { starts, taps } }: PackedWeight,
): Float32Array {
  const weight = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const line = Math.floor(r / height);
    for (let t = starts[line]; t < starts[line + 1]; t++) {
      weight[r * columns + taps[t]] = values[t * height + r % height];
    }
  }
  return weight;
}

test.run();
