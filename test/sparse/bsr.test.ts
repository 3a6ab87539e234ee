import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ConvShape } from "../../kernels/conv/shape.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import { bsr } from "../../kernels/sparse/bsr.ts";
import type { PackedWeight } from "../../kernels/sparse/format.ts";
import { noise } from "../tensor/reference64.ts";
import { checkConv, checkGemm } from "./check_format.ts";

const test = suite("block-sparse rows");

/** [m, n, k, block]: edges inside blocks, rows of x read as vec4 and one by one. */
const SIZES = [
  [5, 16, 16, 4],
  [1, 29, 37, 4],
  [17, 20, 24, 4],
  [3, 40, 48, 8],
  [5, 29, 61, 8],
  [9, 64, 96, 16],
  [3, 101, 83, 16],
  [3, 128, 160, 32],
  [2, 70, 131, 32],
  // Enough rows for panels: several of them, several panels of columns, and more than a dispatch takes.
  [33, 13, 1100, 4],
  [65, 40, 257, 32],
];

for (const [m, n, k, block] of SIZES) {
  test(`${m}×${n}×${k} in blocks of ${block}, among them empty rows of blocks`, async () => {
    const weight = blocks(n, k, block);
    const packed = await checkGemm(bsr, weight, { m, n, k });
    assert.is(packed.parameters.block, block);
    assert.equal(unpacked(packed), weight);
  });
}

test("long lines of blocks are split where x is read from storage by many threads", async () => {
  const wanting = { profile: { ...PROFILES.software, threads: 8192 } };
  await checkGemm(bsr, blocks(40, 160, 8), { m: 9, n: 40, k: 160 }, [wanting]);
});

const CONV: ConvShape = {
  batch: 3,
  channels: 24,
  height: 7,
  width: 29,
  filters: 37,
  groups: 1,
  kernel: [3, 3],
  stride: [2, 1],
  pads: [0, 2, 1, 0],
  dilation: [1, 2],
};

test("a strided and dilated convolution in blocks of 8 gives the reference's numbers", async () => {
  const packed = await checkConv(bsr, blocks(CONV.filters, CONV.channels * 9, 8), CONV);
  assert.is(packed.parameters.block, 8);
});

test("a weight of zeros stores no block and gives zero", async () => {
  const packed = await checkGemm(bsr, new Float32Array(12 * 20), { m: 5, n: 12, k: 20 });
  assert.is(packed.stored, 0);
});

test("scattered zeros and dense weights aren't packed", () => {
  assert.is(bsr.pack(noise(64 * 64, 1), [64, 64]), undefined);
  assert.is(bsr.pack(noise(64 * 64, 1).map((w, i) => i % 2 ? w : 0), [64, 64]), undefined);
});

test("lines come longest first", () => {
  const { index: { line } } = bsr.pack(blocks(96, 64, 8), [96, 64])!;
  const lengths = Array.from({ length: line.length / 2 - 1 }, (_, i) => line[2 * i + 3] - line[2 * i + 1]);
  assert.equal(lengths, lengths.toSorted((a, b) => b - a));
});

/** About two fifths of the blocks kept, none in the second row of blocks. */
function blocks(rows: number, columns: number, block: number): Float32Array {
  const across = Math.ceil(columns / block), drawn = noise(Math.ceil(rows / block) * across, 5);
  return noise(rows * columns, 6).map((w, i) => {
    const r = Math.floor(Math.floor(i / columns) / block), c = Math.floor(i % columns / block);
    return r !== 1 && drawn[r * across + c] < -0.2 ? w : 0;
  });
}

function unpacked(
  { rows, columns, parameters: { block }, values, index: { line, column } }: PackedWeight,
): Float32Array {
  const weight = new Float32Array(rows * columns);
  for (let i = 0; i + 2 < line.length; i += 2) {
    for (let b = line[i + 1]; b < line[i + 3]; b++) {
      for (let e = 0; e < block * block; e++) {
        const four = Math.floor(e / 4), quads = block / 4;
        const r = line[i] * block + Math.floor(four / 4) % quads * 4 + e % 4;
        const c = column[b] * block + Math.floor(four / 4 / quads) * 4 + four % 4;
        if (r < rows && c < columns) weight[r * columns + c] = values[b * block * block + e];
      }
    }
  }
  return weight;
}

test.run();
