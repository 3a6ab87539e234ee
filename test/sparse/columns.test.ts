import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ConvShape } from "../../kernels/conv/shape.ts";
import { columns } from "../../kernels/sparse/columns.ts";
import type { PackedWeight, SparseFormat } from "../../kernels/sparse/format.ts";
import { noise } from "../tensor/reference64.ts";
import { checkConv, checkGemm } from "./check_format.ts";

const test = suite("column-compacted weights");

const base: ConvShape = {
  batch: 2,
  channels: 3,
  height: 7,
  width: 13,
  filters: 5,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
};

/** The ways of the dense planner are slow to compile, and have tests of their own. */
const listsOnly: SparseFormat = {
  ...columns,
  conv: (...args) => columns.conv(...args).filter(({ name }) => ["uniform panels", "storage"].includes(name)),
};

const SHAPES: Readonly<Record<string, ConvShape>> = {
  "3×3": base,
  "stride 2, width 29": { ...base, width: 29, stride: [2, 2], filters: 8 },
  "dilated": { ...base, dilation: [2, 2] },
  "5×5": { ...base, channels: 2, kernel: [5, 5], pads: [2, 2, 2, 2], filters: 9 },
  "1×1": { ...base, channels: 7, kernel: [1, 1], pads: [0, 0, 0, 0] },
};

for (const [i, [name, shape]] of Object.entries(SHAPES).entries()) {
  const density = i % 2 ? 0.1 : 0.5;
  test(`convolution ${name}, ${density} kept`, async () => {
    const weight = kept(shape.filters, shape.channels * shape.kernel[0] * shape.kernel[1], density);
    const packed = await checkConv(listsOnly, weight, shape);
    assert.equal(unpacked(packed), weight);
  });
}

test("every way of the dense planner gives the reference's numbers", async () => {
  await checkConv(columns, kept(base.filters, base.channels * 9, 0.5), base);
});

/** Tiles and lines without edges; images that share a panel, and channels that take five panels and so two dispatches. */
const PANELS: Readonly<Record<string, ConvShape>> = {
  "whole tiles": { ...base, height: 8, width: 12, filters: 16 },
  "several images to a panel": { ...base, batch: 31, channels: 4, height: 13, width: 13, filters: 19 },
  "channels in five panels": { ...base, channels: 9, height: 83, width: 89, filters: 3, stride: [2, 1] },
};

for (const [name, shape] of Object.entries(PANELS)) {
  test(`uniform panels: ${name}`, async () => {
    await checkConv(listsOnly, kept(shape.filters, shape.channels * 9, 0.5), shape);
  });
}

test("a linear layer that kept some of its inputs gives the reference's numbers", async () => {
  await checkGemm(columns, kept(13, 29, 0.4), { m: 5, n: 13, k: 29 });
});

test("a weight of zeros gives zero", async () => {
  await checkConv(listsOnly, new Float32Array(5 * 27), base);
});

test("weights without empty columns, and columns that are mostly zero, aren't packed", () => {
  assert.is(columns.pack(noise(5 * 27, 1), [5, 3, 3, 3]), undefined);
  assert.is(
    columns.pack(Float32Array.from({ length: 16 }, (_, i) => i % 5 === 0 && i < 15 ? 1 : 0), [4, 4]),
    undefined,
  );
});

function kept(rows: number, width: number, density: number): Float32Array {
  const drawn = noise(width, 5), count = Math.max(1, Math.round(density * width));
  const keep = new Set(Array.from(drawn.keys()).sort((a, b) => drawn[a] - drawn[b]).slice(0, count));
  return noise(rows * width, 6).map((w, i) => keep.has(i % width) ? w : 0);
}

function unpacked({ rows, columns, values, index: { taps } }: PackedWeight): Float32Array {
  const weight = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) taps.forEach((c, t) => weight[r * columns + c] = values[r * taps.length + t]);
  return weight;
}

test.run();
