/** What sparse formats get on each kind of GPU: few dispatches, and waves that fill it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { threadsOf } from "../../bench/compiler/calls.ts";
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
import { kernelList } from "../../kernels/sparse/kernel_list.ts";
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

/** The waves, of 64 threads, of the dispatch that multiplies. */
function wavesOf({ steps }: Launch): number {
  const { plan } = steps.filter(({ plan }) => /product|gemm|listed|convolution/.test(plan.program.name)).at(-1)!;
  return plan.grid.reduce((all, n) => all * n) * threadsOf(plan.program) / 64;
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

test("no way that is chosen by default needs more registers than the device has for sums", () => {
  const weight = structuredWeight("blocks 16×16", [64, 64, 3, 3], 0.25, random(2, "w")),
    packed = bsr.pack(weight, [64, 64, 3, 3])!;
  for (const profile of GPUS) {
    for (const batch of [1, 32]) {
      const { name } = choose("", bsr.conv({ ...CONV, batch }, packed, {}, { profile }), { profile });
      const pixels = Number(/, (\d+) pixels/.exec(name)?.[1] ?? 1);
      assert.ok(16 * pixels <= profile.gemm.spill.sums, `${name} on ${profile.name}`);
    }
  }
});

test("convolutions of odd widths, strides and one image go a line to a workgroup, in parts where lines are few", () => {
  const way = (format: SparseFormat, weight: Float32Array, shape: ConvShape, profile: DeviceProfile) => {
    const packed = format.pack(weight, [64, 64, 3, 3])!;
    const chosen = choose("", format.conv(shape, packed, {}, { profile }), { profile }), launch = chosen.build();
    return `${chosen.name}: ${launch.steps.length} of ${wavesOf(launch)}`;
  };
  const ways = (format: SparseFormat, weight: Float32Array, shape: ConvShape) =>
    GPUS.map((profile) => way(format, weight, shape, profile).replace("line per workgroup, ", ""));
  const weight = structuredWeight("blocks 16×16", [64, 64, 3, 3], 0.25, random(2, "w"));
  // 756 pixels are 6 or 12 groups for four lines of 16 filters, whose 144 taps are at most four parts. Four pixels have
  // 64 sums, for which a phone has no registers.
  assert.equal(ways(bsr, weight, CONV), ["2 pixels: 3 of 96", "a pixel: 3 of 192", "2 pixels: 3 of 48"]);
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

test("kernels' lists have threads that fill each kind of GPU, in workgroups of 64", () => {
  const weight = structuredWeight("kernels", [64, 64, 3, 3], 0.25, random(4, "w"));
  const packed = kernelList.pack(weight, [64, 64, 3, 3])!, shape = { ...CONV, height: 56, width: 56 };
  const found = GPUS.map((profile) => {
    const chosen = choose("", kernelList.conv(shape, packed, {}, { profile }), { profile });
    return `${chosen.name}: ${wavesOf(chosen.build())}`;
  });
  // 14 × 7 tiles of 4 × 8 pixels or 28 × 14 of 2 × 4, for 64 filters. A phone has no registers for the sums of 8 × 8.
  assert.equal(found, ["storage 4x8: 98", "storage 2x4: 392", "storage 4x8: 98"]);
});

test.run();
