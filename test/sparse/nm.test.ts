import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ConvShape } from "../../kernels/conv/shape.ts";
import type { PackedWeight } from "../../kernels/sparse/format.ts";
import { nm } from "../../kernels/sparse/nm.ts";
import { noise } from "../tensor/reference64.ts";
import { checkConv, checkGemm } from "./check_format.ts";

const test = suite("N:M");

for (const [n, m] of [[1, 4], [2, 4], [4, 8]]) {
  for (const [batch, rows, columns] of [[1, 3, 8], [5, 13, 24], [9, 29, 64]]) {
    test(`${n}:${m}, ${batch}×${rows}×${columns}`, async () => {
      const weight = kept(rows, columns, n, m);
      const packed = await checkGemm(nm, weight, { m: batch, n: rows, k: columns });
      assert.equal(packed.parameters, { n, m });
      assert.equal(unpacked(packed), weight);
    });
  }
}

const CONV: ConvShape = {
  batch: 2,
  channels: 8,
  height: 7,
  width: 13,
  filters: 19,
  groups: 1,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
};
const CONVS: Readonly<Record<string, ConvShape>> = {
  "3×3": CONV,
  "1×1, width 29": { ...CONV, width: 29, kernel: [1, 1], pads: [0, 0, 0, 0] },
  "strided and dilated": { ...CONV, stride: [2, 1], dilation: [1, 2], pads: [0, 2, 1, 0], filters: 5 },
};

for (const [i, [name, shape]] of Object.entries(CONVS).entries()) {
  test(`convolution ${name}`, async () => {
    const [n, m] = [[1, 4], [2, 4], [4, 8]][i];
    const weight = kept(shape.filters, shape.channels * shape.kernel[0] * shape.kernel[1], n, m);
    const packed = await checkConv(nm, weight, shape);
    assert.equal(packed.parameters, { n, m });
    assert.equal(unpacked(packed), weight);
  });
}

test("a weight of zeros gives zero", async () => {
  await checkGemm(nm, new Float32Array(5 * 8), { m: 3, n: 5, k: 8 });
});

test("fuller groups and rows that are no whole groups aren't packed", () => {
  assert.is(nm.pack(Float32Array.of(1, 1, 1, 0, 1, 1, 0, 0), [1, 8]), undefined);
  assert.is(nm.pack(Float32Array.of(1, 0, 0, 1, 0, 0), [2, 3]), undefined);
});

/** The n largest of every m neighbours. */
function kept(rows: number, columns: number, n: number, m: number): Float32Array {
  const weight = noise(rows * columns, 4);
  for (let start = 0; start < weight.length; start += m) {
    const order = Array.from({ length: m }, (_, i) => start + i).sort((a, b) =>
      Math.abs(weight[b]) - Math.abs(weight[a])
    );
    for (const i of order.slice(n)) weight[i] = 0;
  }
  return weight;
}

function unpacked({ rows, columns, parameters: { n, m }, values, index: { place } }: PackedWeight): Float32Array {
  const weight = new Float32Array(rows * columns), n8 = Math.ceil(rows / 8);
  place.forEach((places, at) => {
    for (let i = 0; i < 8; i++) {
      const r = at % n8 * 8 + i, c = Math.floor(at / n8 / n) * m + (places >>> 4 * i & 15);
      if (values[at * 8 + i] !== 0) weight[r * columns + c] = values[at * 8 + i];
    }
  });
  return weight;
}

test.run();
