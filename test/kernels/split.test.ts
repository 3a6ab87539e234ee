/** How long sums are split, and which tiles a product may take: values worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PROFILES } from "../../kernels/device_profile.ts";
import { type GemmShape, reduceStep } from "../../kernels/gemm/plan.ts";
import { batchOf, chooseSplit, reducePaddedStep, splitLaunch } from "../../kernels/gemm/split.ts";
import { tileCandidates } from "../../kernels/gemm/tiles.ts";
import { sizeClass } from "../../kernels/size_class.ts";
import { convClass } from "../../kernels/conv/class.ts";

const test = suite("splits and tiles of products");

const product = (sizes: Partial<GemmShape>): GemmShape => ({ m: 8, n: 8, k: 8, a: "k", b: "k", ...sizes });

function split(k: number, threads: number, wanted: number, count?: number): [splits: number, chunk: number] {
  const { splits, chunk } = chooseSplit(
    product({ k, batch: count ? { count, a: 0, b: 0 } : undefined }),
    threads,
    wanted,
  );
  return [splits, chunk];
}

test("k is split until the threads are as many as wanted, into parts of 64 columns at least", () => {
  assert.equal(split(512, 64, 256), [4, 128]);
  assert.equal(split(512, 65, 256), [4, 128]);
  assert.equal(split(512, 86, 256), [3, 172]);
  assert.equal(split(512, 256, 256), [1, 512]);
  assert.equal(split(512, 1, 256), [8, 64]);
  assert.equal(split(128, 1, 256), [2, 64]);
  assert.equal(split(127, 1, 256), [1, 128]);
  assert.equal(split(5, 1, 256), [1, 8]);
});

test("parts are multiples of four columns, and none is empty", () => {
  // Two parts of 130 columns are 65 each: 68 and 62.
  assert.equal(split(130, 1, 256), [2, 68]);
  // Twenty parts of 1290 columns are 65 each, so 68, of which nineteen are enough.
  assert.equal(split(1290, 1, 256), [19, 68]);
});

test("splits and products of a batch share the layers of a grid", () => {
  assert.equal(split(1024, 1, 1e9, 30_000), [2, 512]);
  assert.equal(split(1024, 1, 1e9, 40_000), [1, 1024]);
  assert.equal(split(1024, 1, 1e9, 70_000), [1, 1024]);
  assert.equal(batchOf(product({ batch: { count: 65_535, a: 3, b: 4 } })), { count: 65_535, a: 3, b: 4 });
  assert.equal(batchOf(product({})), { count: 1, a: 0, b: 0 });
  assert.throws(() => batchOf(product({ batch: { count: 65_536, a: 0, b: 0 } })), /at most 65535 fit/);
});

test("the parts of a split product lie one behind the other in scratch, and one more dispatch adds them up", () => {
  const plan = () => ({ program: { name: "p", source: "", access: [] }, uniforms: [], grid: [1, 1, 1] as const });
  const shape = product({ m: 3, n: 5, bias: "add", residual: "add", batch: { count: 2, a: 0, b: 0 } });
  const { steps, scratch } = splitLaunch(shape, { splits: 4, chunk: 64 }, "b", plan);
  // 2 · 3 · 5 numbers of 4 bytes, four times.
  assert.equal(scratch, { partial: 480 });
  assert.equal(steps[0].bindings, ["a", "b", "a", "a", "partial"]);
  assert.equal(steps[1].bindings, ["partial", "bias", "residual", "y"]);
  assert.equal(steps[1].plan.uniforms, [30, 64, 4, 1, 5, 30, 0, 0]);
  const whole = splitLaunch(shape, { splits: 1, chunk: 64 }, "b", plan);
  assert.equal([whole.steps.length, whole.scratch], [1, {}]);
  assert.equal(whole.steps[0].bindings, ["a", "b", "bias", "residual", "y"]);
});

test("partial sums are added up by a thread each, or by a workgroup to 64 columns of a padded row", () => {
  const flat = reduceStep(100, 3, {}, 7, 8);
  assert.equal([flat.plan.grid, flat.plan.uniforms], [[2, 1, 1], [100, 128, 3, 7, 8, 100, 0, 0]]);
  assert.is(flat.plan.program.constants!.PADDED, 0);
  const padded = reducePaddedStep([70_000, 65, 68], 2, {});
  // 70,000 rows fill two layers of 35,000.
  assert.equal(padded.plan.grid, [2, 35_000, 2]);
  assert.equal(padded.plan.uniforms, [4_550_000, 65, 2, 1, 65, 4_760_000, 68, 35_000]);
  assert.is(padded.plan.program.constants!.PADDED, 1);
});

test("a tile is offered where more than half of its side is full, and always one to f16", () => {
  const tiles = (m: number, n: number, storage?: "f16") =>
    tileCandidates(product({ m, n, storage }), { profile: PROFILES.desktop }).map(({ name }) => name.slice(10)).join(
      " ",
    );
  assert.is(tiles(16, 500), "");
  assert.is(tiles(500, 17), "32x32 64x32");
  assert.is(tiles(32, 32), "32x32");
  assert.is(tiles(33, 33), "32x32 64x32 32x64 64x64");
  assert.is(tiles(65, 33), "32x32 64x32 32x64 64x64 128x64");
  assert.is(tiles(32, 33), "32x32 32x64");
  assert.is(tiles(1, 500, "f16"), "32x32");
  assert.is(tiles(33, 33, "f16"), "32x32 64x64");
});

test("each product of a batch has layers of the grid of its own, one for each part of k", () => {
  const grids = (k: number) =>
    tileCandidates(product({ m: 64, n: 64, k, batch: { count: 3, a: 64 * k, b: 64 * k } }), {
      profile: PROFILES.desktop,
    }).filter(({ name }) => /(32x32|64x64)$/.test(name)).map(({ build }) => build().steps[0].plan.grid);
  // Tiles of 32 × 32 and of 64 × 64.
  assert.equal(grids(60), [[4, 1, 3], [1, 1, 3]]);
  // 512 columns are eight parts of 64.
  assert.equal(grids(512), [[4, 1, 24], [1, 1, 24]]);
});

test("numbers of b are rounded to f16 in pairs, up to the end of the last product of a batch", () => {
  const shape = product({ m: 5, n: 6, k: 7, storage: "f16", batch: { count: 3, a: 35, b: 50 } });
  const { scratch, prepare } = tileCandidates(shape, { profile: PROFILES.desktop })[0].build();
  // 2 · 50 + 6 · 7 = 142 numbers are 71 pairs.
  assert.is(scratch.halfB, 4 * 71);
  assert.equal([prepare![0].plan.uniforms, prepare![0].plan.grid], [[142, 128], [2, 1, 1]]);
});

test("the class of a convolution names all that matters, channels by steps and the batch up to a power of two", () => {
  const shape = {
    batch: 5,
    channels: 3,
    height: 7,
    width: 8,
    filters: 4,
    groups: 1,
    kernel: [3, 5],
    stride: [1, 2],
    pads: [0, 1, 2, 3],
    dilation: [1, 2],
  } as const;
  const name = "3x7x8 -> 4 kernel 3x5 stride 1x2 pads 0,1,2,3 dilation 1x2";
  assert.is(convClass("forward", shape), `conv forward x8 ${name} groups 1`);
  assert.is(convClass("wgrad", { ...shape, batch: 4, taps: [0, 2] }), `conv wgrad x4 ${name} kept 2`);
  const pruned = { ...shape, channels: 13, filters: 55, groups: 1 };
  assert.is(convClass("forward", pruned), convClass("forward", { ...pruned, channels: 16, filters: 64, batch: 8 }));
  assert.is.not(convClass("forward", pruned), convClass("forward", { ...pruned, channels: 12 }));
});

test("sizes are classes by themselves up to four, then steps of a half and a whole power of two", () => {
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 24, 25, 96, 97, 250];
  assert.equal(sizes.map(sizeClass), [1, 2, 3, 4, 6, 6, 8, 8, 12, 12, 16, 16, 24, 24, 32, 96, 128, 256]);
});

test.run();
