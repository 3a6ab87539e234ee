/** What sparse formats get on each kind of GPU: few dispatches, and waves that fill it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Structure, structuredWeight } from "../../bench/sparse/structures.ts";
import type { ConvShape } from "../../kernels/conv/shape.ts";
import { type DeviceProfile, PROFILES } from "../../kernels/device_profile.ts";
import type { Launch } from "../../kernels/launch.ts";
import { random } from "../../kernels/random/philox.ts";
import { bsr } from "../../kernels/sparse/bsr.ts";
import { blockPunched } from "../../kernels/sparse/block_punched.ts";
import { columns } from "../../kernels/sparse/columns.ts";
import { csr } from "../../kernels/sparse/csr.ts";
import type { SparseFormat } from "../../kernels/sparse/format.ts";
import { nm } from "../../kernels/sparse/nm.ts";
import { choose } from "../../kernels/tuning.ts";

const test = suite("sparse weights on GPUs");
const { integrated, desktop, "mobile-tiler": mobile } = PROFILES;
const GPUS = [integrated, desktop, mobile];

const SPARSE: readonly (readonly [SparseFormat, Structure, number])[] = [
  [columns, "columns", 0.25],
  [bsr, "blocks 16×16", 0.25],
  [blockPunched, "blocks 16×16", 0.25],
  [nm, "N of M", 0.5],
  [csr, "unstructured", 0.1],
];

/** The waves of the dispatch that multiplies, all of whose workgroups have 64 threads. */
function wavesOf({ steps }: Launch): number {
  const product = steps.filter(({ plan }) => /product|gemm|listed|convolution/.test(plan.program.name)).at(-1)!;
  return product.plan.grid.reduce((all, n) => all * n);
}

test("a product of 512³ takes at most four dispatches and fills each kind of GPU", () => {
  const size = 512;
  for (const [format, structure, density] of SPARSE) {
    const packed = format.pack(structuredWeight(structure, [size, size, 1, 1], density, random(1, "w")), [size, size])!;
    for (const profile of GPUS) {
      for (const activation of ["none", "relu"] as const) {
        const ways = format.gemm({ m: size, n: size, k: size, bias: "add", activation }, packed, { profile });
        const launch = choose("", ways, { profile }).build();
        assert.ok(launch.steps.length <= 4, `${format.name} on ${profile.name}: ${launch.steps.length} dispatches`);
        assert.ok(wavesOf(launch) >= profile.waves! / 2, `${format.name} on ${profile.name}: ${wavesOf(launch)} waves`);
      }
    }
  }
});

const CONV: ConvShape = {
  batch: 1,
  channels: 64,
  height: 28,
  width: 27,
  filters: 64,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
};

test("convolutions of odd widths, strides and one image go a line to a workgroup, in parts where lines are few", () => {
  const way = (format: SparseFormat, weight: Float32Array, shape: ConvShape, profile: DeviceProfile) => {
    const packed = format.pack(weight, [64, 64, 3, 3])!;
    const chosen = choose("", format.conv(shape, packed, {}, { profile }), { profile }), launch = chosen.build();
    return `${chosen.name}: ${launch.steps.length} of ${wavesOf(launch)}`;
  };
  const ways = (format: SparseFormat, weight: Float32Array, shape: ConvShape) =>
    GPUS.map((profile) => way(format, weight, shape, profile).replace("line per workgroup, ", ""));
  const weight = structuredWeight("blocks 16×16", [64, 64, 3, 3], 0.25, random(2, "w"));
  // 756 pixels are 6, 12 or 3 groups for four lines of 16 filters, whose 144 taps are at most four parts.
  assert.equal(ways(bsr, weight, CONV), ["2 pixels: 3 of 96", "a pixel: 3 of 192", "4 pixels: 3 of 36"]);
  // 196 pixels are 4 groups, or 2.
  assert.equal(ways(bsr, weight, { ...CONV, stride: [2, 2] }), [
    "a pixel: 3 of 64",
    "a pixel: 3 of 64",
    "2 pixels: 3 of 32",
  ]);
  const scattered = structuredWeight("unstructured", [64, 64, 3, 3], 0.1, random(3, "w"));
  // There are 64 lines of a filter, of some 58 taps, which are too few for two parts.
  assert.equal(ways(csr, scattered, CONV), ["4 pixels: 2 of 192", "2 pixels: 2 of 384", "4 pixels: 2 of 192"]);
});

test.run();
