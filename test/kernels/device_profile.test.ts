import { suite } from "uvu";
import * as assert from "uvu/assert";
import { attentionCandidates } from "../../kernels/attention/attention.ts";
import { convDgradCandidates } from "../../kernels/conv/dgrad.ts";
import { convForwardCandidates } from "../../kernels/conv/forward.ts";
import type { ConvShape } from "../../kernels/conv/shape.ts";
import { type DeviceProfile, lanesOf, profileOf, PROFILES, wantedThreads } from "../../kernels/device_profile.ts";
import { gemmCandidates, type GemmShape } from "../../kernels/gemm/plan.ts";
import { EPILOGUES } from "../../kernels/launch.ts";
import { softmaxCandidates } from "../../kernels/softmax/softmax.ts";
import { type Candidate, choose } from "../../kernels/tuning.ts";

const test = suite("device profiles");
const { software, integrated, desktop, "mobile-tiler": mobile } = PROFILES;

test("an adapter gets the profile of its kind", () => {
  const profile = (vendor: string, architecture = "", description = "", fallback = false) =>
    profileOf({ vendor, architecture, description, fallback }).name;
  // As Deno describes them: PCI vendor and name.
  assert.is(profile("65541", "", "llvmpipe (LLVM 15.0.6, 256 bits)", true), "software");
  assert.is(profile("4318", "", "NVIDIA H200"), "desktop");
  assert.is(profile("4098", "", "AMD Radeon RX 6800 XT (RADV NAVI21)"), "desktop");
  assert.is(profile("4098", "", "AMD Radeon 780M (RADV PHOENIX)"), "integrated");
  assert.is(profile("4098", "", "AMD Radeon Graphics (RADV RENOIR)"), "integrated");
  assert.is(profile("32902", "", "Intel(R) Iris(R) Xe Graphics (TGL GT2)"), "integrated");
  assert.is(profile("32902", "", "Intel(R) Arc(tm) A770 Graphics (DG2)"), "desktop");
  assert.is(profile("4203", "", "Apple M2"), "integrated");
  assert.is(profile("5045", "", "Mali-G710"), "mobile-tiler");
  assert.is(profile("20803", "", "Adreno (TM) 740"), "mobile-tiler");
  // As browsers do: vendor and architecture.
  assert.is(profile("google", "swiftshader", "", true), "software");
  assert.is(profile("nvidia", "ampere"), "desktop");
  assert.is(profile("amd", "rdna-2"), "desktop");
  assert.is(profile("intel", "gen-12lp"), "integrated");
  assert.is(profile("intel", "xe-hpg"), "desktop");
  assert.is(profile("apple", "metal-3"), "integrated");
  assert.is(profile("arm", "valhall"), "mobile-tiler");
  assert.is(profile("qualcomm", "adreno-7xx"), "mobile-tiler");
  assert.is(profile("img-tec", "rogue"), "mobile-tiler");
  assert.is(profile("", ""), "desktop");
});

test("a software adapter runs two groups of 8 lanes at a time, a GPU as many threads as keep it busy", () => {
  assert.equal([software, integrated, desktop, mobile].map(lanesOf), [16, 4096, 8192, 2048]);
});

const PRODUCT: GemmShape = { m: 512, n: 512, k: 512, a: "k", b: "k" };

test("a GPU wants as many threads as its waves have, a software adapter what balances its cores", () => {
  assert.equal([software, integrated, desktop, mobile].map(wantedThreads), [256, 6144, 20_480, 2048]);
});

test("the estimate of a product is its threads' turns, shared out among the lanes", () => {
  const registers = (profile: DeviceProfile) => costOf(gemmCandidates(PRODUCT, { profile }), "registers 8x8");
  // A turn of four k: 27 + 4 · (2 + 2) · 80 + 4 · 26 = 1411 ns; 64 × 64 threads of 128 turns.
  near(registers(software), 4096 / 16 * 128 * 1411);
  // 8192 threads are wanted: k is split in two, whose sums another dispatch adds up.
  near(registers(desktop), 64 * 1411 + 5000);
  near(registers(integrated), 128 * 1411);
  // 64 sums don't fit into a thread's registers there.
  near(registers(mobile), 10 * 2 * 128 * 1411);
});

test("workgroup memory and uniform arrays cost what they cost on each kind of device", () => {
  const cost = (name: string, profile: DeviceProfile) => costOf(gemmCandidates(PRODUCT, { profile }), name);
  // 16 × 16 groups of 64 threads, 512 k. For each: a turn of 27 for 32 k, two vec4 of w ns from the workgroup, 26 / 4 for
  // 16 sums, and two blocks' staging of (80 / 4 + w) / 8.
  const tile = (w: number) => 27 / 32 + 2 * w + 6.5 + 2 * (20 + w) / 8;
  near(cost("workgroup 32x32", software), 16_384 / 16 * 512 * tile(160));
  // A card wants 320 waves. There are 256, so k is split in two, and each of 512² sums is written and read twice.
  const parts = (splits: number, waves: number) => 5000 + 512 * 512 / (64 * waves) * 2 * splits * 20;
  near(cost("workgroup 32x32", desktop), 2 * 256 / 320 * 256 * tile(4) + 512 * 512 / 20_480 * 80 + 5000);
  // A phone wants 32 waves.
  near(cost("workgroup 32x32", mobile), 256 / 32 * 512 * tile(80));
  // 8 × 8 groups make four blocks to a thread, with 16 k to a turn. Their 64 sums spill on a phone.
  const large = (w: number) => 27 / 16 + 4 * w + 26 + 4 * (20 + w) / 8;
  near(cost("workgroup 64x64", software), 4096 / 16 * 512 * large(160));
  // Five parts are what 320 waves take; they have 104 k, which fill seven turns.
  near(cost("workgroup 64x64", desktop), 112 * large(4) + parts(5, 320));
  near(cost("workgroup 64x64", mobile), 2 * 512 * large(80) * 10);
  // 4 × 8 groups of eight blocks. A card has registers for 128 sums, Apple's GPUs don't.
  const largest = (w: number) => 27 / 16 + 6 * w + 52 + 6 * (20 + w) / 8;
  near(cost("workgroup 128x64", desktop), 64 * largest(4) + parts(8, 320));
  near(cost("workgroup 128x64", integrated), 8 * 176 * largest(4) + parts(3, 96));
  // 16 × 8 groups of 256 threads make four blocks each. Eight slices share out k in 16 turns, of four times four vec4, an
  // eighth of 80 ns each. A block is added up for eight vec4 and a turn.
  near(cost("registers 8x8, 8 slices", desktop), 128 * 4 / 320 * (16 * (27 + 160 + 104) + 4 * (27 + 32)));
  // Four products of 256 × 256 by 32 × 32 are 256 waves again.
  const batch = { count: 4, a: 256 * 512, b: 256 * 512 };
  const four = gemmCandidates({ ...PRODUCT, m: 256, n: 256, batch }, { profile: desktop });
  near(costOf(four, "workgroup 32x32"), cost("workgroup 32x32", desktop));
  // Numbers that lie at no multiple of four are read one by one: 120 instead of 80.
  const odd = gemmCandidates({ ...PRODUCT, m: 509, n: 509, k: 511 }, { profile: mobile });
  near(costOf(odd, "workgroup 32x32"), 256 / 32 * 512 * (tile(80) + 2 * 10 / 8));
  // 64 × 64 threads of 512 · (27 + 4 · 14 + 26) ns, the packing of 2 · 512 · 512 / 4 vec4 of 14 + 27 + 80 ns; 2 · 16 dispatches
  // pack 64 KiB each, and 2 · 2 · 2 multiply 256 × 256 outputs over 256 k.
  const packed = 1024 * 128;
  near(cost("uniform panels", software), 4096 / 16 * 512 * 109 + packed / 16 * 121 + 40 * 5000);
  near(cost("uniform panels", desktop), 8 * (512 * 109 + packed / 8192 * 121) + 40 * 5000);
});

const CONV: ConvShape = {
  batch: 1,
  channels: 16,
  height: 32,
  width: 32,
  filters: 16,
  groups: 1,
  kernel: [3, 3],
  stride: [1, 1],
  pads: [1, 1, 1, 1],
  dilation: [1, 1],
};

test("the estimate of a direct convolution counts loads, multiply-adds and stores of its tiles", () => {
  const direct = (profile: DeviceProfile) => costOf(convForwardCandidates(CONV, {}, { profile }), "direct 4x4");
  // A tile: 16 channels of 9 · 24 + 36 · 20 + 2304 · 0.3 ns, and 256 stores of 12 ns. There are 64 of them.
  const tile = 16 * (216 + 720 + 691.2) + 3072;
  // They are one workgroup, so that one of the two cores works.
  near(direct(software), 2 * 64 * tile);
  // A card wants 320 waves of 64 threads, and has no registers for 256 sums.
  near(direct(desktop), 320 * 64 * (16 * 4 * (216 + 720 + 691.2) + 3072));
  // 256 tiles of 144 turns and 64 stores, 1024 · 144 gathered numbers of a load and half a store, 1 + 4 dispatches.
  const tiles = 256 * 144 * (25 + 80 + 19.2) + 256 * 64 * 12, rest = 1024 * 144 * (10 + 6) + 5 * 80_000;
  const gathered = (profile: DeviceProfile) => costOf(convForwardCandidates(CONV, {}, { profile }), "im2col");
  near(gathered(software), tiles + rest);
  // 256 threads work where a card has 20,480.
  near(gathered(desktop), 8 * (80 * tiles + rest));
});

test("direct 4x4 is no candidate for groups of fewer than four outputs, which would each be a dispatch", () => {
  const has = (candidates: readonly { readonly name: string }[]) =>
    candidates.some(({ name }) => name.startsWith("direct 4x4"));
  const direct = (shape: Pick<ConvShape, "channels" | "filters" | "groups">) => ({
    forward: has(convForwardCandidates({ ...CONV, ...shape }, {}, { profile: software })),
    dgrad: has(convDgradCandidates({ ...CONV, ...shape }, { profile: software })),
  });
  assert.equal(direct({ channels: 16, filters: 16, groups: 16 }), { forward: false, dgrad: false });
  // A group's outputs are its filters forward, and its channels in the gradient.
  assert.equal(direct({ channels: 12, filters: 16, groups: 4 }), { forward: true, dgrad: false });
  assert.equal(direct({ channels: 16, filters: 12, groups: 4 }), { forward: false, dgrad: true });
  // Without groups there is one dispatch, however few its outputs are.
  assert.equal(direct({ channels: 3, filters: 2, groups: 1 }), { forward: true, dgrad: true });
});

test("a data gradient by full rows is dearer where its sums don't fit into registers", () => {
  const small: ConvShape = { ...CONV, channels: 4, filters: 1, height: 4, width: 4 };
  const full = (profile: DeviceProfile) => costOf(convDgradCandidates(small, { profile }), "direct full rows");
  // One thread: a filter of 25 + 3 · 24 and three rows of 25 + 4 · 24 + 16 · 4 · 3 · 0.3 ns, and 64 stores of 12 ns.
  const work = 25 + 72 + 3 * (25 + 96 + 57.6) + 768;
  near(full(software), 256 * work);
  near(full(desktop), 4 * 320 * 64 * work);
});

test("the estimates of attention and of teams of threads follow the profile", () => {
  const shape = { heads: 2, queries: 16, keys: 16, depth: 32, scale: 1 };
  const cost = (name: string, profile: DeviceProfile, keys = 16) =>
    costOf(attentionCandidates({ ...shape, keys }, { profile }), name);
  // 2 · 2 · 16 · 16 · 32 terms; a card runs the 64 threads of each of the two workgroups at once.
  near(cost("storage", software), 32_768 * 4 / 256 + 5000);
  near(cost("storage", desktop), 32_768 * 0.5 / 128 + 5000);
  near(cost("uniform", software), 32_768 / 256 + 5000);
  // 2 · 2 · 16 · 64 · 32 terms, by twice as many threads where two slices share the keys, as if there were 16 more of them.
  near(cost("storage", desktop, 64), 131_072 * 0.5 / 128 + 5000);
  near(cost("storage, two slices", desktop, 64), 163_840 * 0.5 / 256 + 5000);
  near(cost("storage, two slices", software, 64), 163_840 * 4 / 256 + 5000);
  const team = (name: string, profile: DeviceProfile) =>
    costOf(softmaxCandidates(1024, 256, "forward", { profile }), name);
  // 64 items of 60 ns to a row; teams of 8 meet five times, for 40 ns.
  near(team("thread to a row", software), 4 * 64 * 60);
  near(team("8 threads to a row", software), 32 * (8 * 60 + 5 * 40));
  near(team("8 threads to a row", desktop), 8 * 60 + 5 * 40);
});

test("a product of 512³ goes the way that suits each kind of device", () => {
  const chosen = (profile: DeviceProfile) => choose("", gemmCandidates(PRODUCT, { profile }), { profile }).name;
  assert.equal([software, integrated, desktop, mobile].map(chosen), [
    "uniform panels",
    "workgroup 64x32",
    "registers 8x8, 8 slices",
    "registers 4x8",
  ]);
});

/** m, n, k, products; the ways on an integrated GPU, on a card and on a phone, each with its launched waves of 64. */
const CHOICES: readonly [readonly number[], readonly string[]][] = [
  [[4096, 4096, 4096], ["workgroup 64x64: 4096", "workgroup 128x64: 2048", "registers 4x8: 8192"]],
  [[1024, 1024, 1024], ["workgroup 64x64: 256", "workgroup 128x64: 384", "registers 4x8: 512"]],
  [[509, 513, 517], ["workgroup 64x32: 136", "registers 8x8, 8 slices: 576", "workgroup 64x32: 136"]],
  [[12544, 64, 147], ["workgroup 64x64: 196", "workgroup 64x32: 392", "workgroup 64x32: 392"]],
  [[32, 4096, 4096], ["registers 8x8, 8 slices: 256", "registers 8x8, 16 slices: 512", "registers 4x8: 64"]],
  [[197, 768, 768], ["registers 8x8, 8 slices: 336", "registers 8x8, 8 slices: 336", "registers 4x8: 75"]],
  [[197, 64, 197, 12], ["workgroup 64x32: 96", "registers 8x8, 8 slices: 336", "workgroup 32x64: 84"]],
  [[64, 64, 20_000], ["workgroup 64x64: 95", "workgroup 32x32: 320", "registers 4x4, 8 slices: 32"]],
  [[33, 40, 1000], ["registers 4x4, 16 slices: 36", "registers 4x4, 16 slices: 36", "registers 4x4, 16 slices: 36"]],
  [[64, 10, 84], ["registers 4x4, 16 slices: 16", "registers 4x4, 16 slices: 16", "registers 4x4, 16 slices: 16"]],
  [[8, 8, 8], ["registers 4x4: 1", "registers 4x4: 1", "registers 4x4: 1"]],
];

test("GPUs get large tiles for large products, smaller ones and parts of k for products that would leave them idle", () => {
  for (const [[m, n, k, count], expected] of CHOICES) {
    const batch = count ? { count, a: m * k, b: n * k } : undefined;
    for (const epilogue of EPILOGUES) {
      const shape: GemmShape = { m, n, k, a: "k", b: "k", batch, ...epilogue };
      const found = [integrated, desktop, mobile].map((profile) => {
        const chosen = choose("", gemmCandidates(shape, { profile }), { profile });
        const [{ plan: { grid, program } }] = chosen.build().steps, waves = program.constants!.LANES ? 4 : 1;
        return `${chosen.name}: ${waves * grid[0] * grid[1] * grid[2]}`;
      });
      assert.equal(found, expected, `${m}×${n}×${k}`);
    }
  }
});

function costOf(candidates: readonly Candidate[], name: string): number {
  const found = candidates.find((candidate) => candidate.name === name);
  assert.ok(found, `${name} among ${candidates.map((candidate) => candidate.name)}`);
  return found!.cost;
}

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) <= 1e-9 * expected, `${found}, expected ${expected}`);
}

test.run();
