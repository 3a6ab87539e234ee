/** Estimated times of sparse products by lists of taps, worked out by hand from the numbers of a device's profile. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ConvShape } from "../../kernels/conv/shape.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import type { TapLists } from "../../kernels/sparse/cut.ts";
import { directConv, directGemm } from "../../kernels/sparse/listed_direct.ts";
import { storageConv, storageGemm } from "../../kernels/sparse/listed_storage.ts";
import { uniformConv, uniformGemm } from "../../kernels/sparse/listed_uniform.ts";
import type { Candidate } from "../../kernels/tuning.ts";

const test = suite("costs of lists of taps");

/** Two lines of four filters with six taps together. */
const cost = { lines: 2, height: 4, taps: 6 } as const;
const linear = { m: 50, n: 8, k: 8 };
const conv: ConvShape = {
  batch: 1,
  channels: 2,
  height: 4,
  width: 4,
  filters: 8,
  groups: 1,
  kernel: [1, 1],
  stride: [1, 1],
  pads: [0, 0, 0, 0],
  dilation: [1, 1],
};

function near([candidate]: readonly Candidate[], expected: number): void {
  assert.ok(Math.abs(candidate.cost - expected) <= 1e-9 * expected, `${candidate.cost}, expected ${expected}`);
}

const unread = (): TapLists => {
  throw new Error("an estimate reads no lists");
};

test("a product with x in storage packs it, and pays for turns, loads, multiply-adds and stores of four-pixel tiles", () => {
  // 64 rows of 8 columns are packed; six taps of 1.2 / 4 + 1.9 + 4 · (0.15 + 0.35 / 4) ns and 8 stores for 16 fours.
  const packed = 64 * 8 * 2, sums = 16 * (6 * 3.15 + 8 * 2);
  near(storageGemm(linear, unread, cost, { profile: PROFILES.software }), packed + sums + 24_000);
  near(storageGemm(linear, unread, cost, { profile: PROFILES.desktop }), packed + 16 * (sums + 24_000));
});

test("a product with x in uniform panels reads fours for less in tiles of two rows", () => {
  // Six taps of 1.2 / 2 + 1.4 + 4 · (0.15 + 0.35 / 2) ns.
  const all = 64 * 8 * 2 + 16 * (6 * 3.3 + 8 * 2) + 24_000;
  near(uniformGemm(linear, unread, cost, { profile: PROFILES.software }), all);
  near(uniformGemm(linear, unread, cost, { profile: PROFILES.desktop }), 16 * all);
});

test("convolutions read images where they are: nothing is packed", () => {
  // 16 pixels. Tiles of two rows from storage: taps of 1.2 / 2 + 4 + 4 · (0.15 + 0.35 / 2) ns; of four from uniform arrays:
  // 1.2 / 4 + 1.8 + 4 · (0.15 + 0.35 / 4).
  near(storageConv(conv, {}, unread, cost, { profile: PROFILES.software }), 4 * (6 * 5.9 + 16) + 24_000);
  near(uniformConv(conv, {}, unread, cost, { profile: PROFILES.software }), 4 * (6 * 3.05 + 16) + 24_000);
});

test("a line per workgroup pays for turns, loads and multiply-adds of its threads, and for waves that a GPU lacks", () => {
  // 64 threads take 6 / 4 turns, and one for each line, of 25 + 4 · (10 + 4 · 0.3 + 10) ns; two waves are a 160th
  // of what a card wants. 16 · 8 numbers are stored.
  const all = 160 * (64 * 3.5 * 109.8) + 16 * 8 * 12;
  near(directConv(conv, {}, unread, cost, { profile: PROFILES.desktop }), all);
  // Four pixels to a thread are offered where more than half of 256 are there.
  const wide = directConv({ ...conv, height: 12, width: 12 }, {}, unread, cost, { profile: PROFILES.desktop });
  assert.equal(wide.map(({ name }) => name.replace("line per workgroup, ", "")), ["4 pixels", "2 pixels", "a pixel"]);
  // A group of 256 pixels for two lines: 25 + 4 · (4 · 11.2 + 10).
  near(wide, 160 * (64 * 3.5 * 244.2) + 144 * 8 * 12);
  // A product of 50 rows: lists of 64 taps are cut in two, whose sums are stored and read again.
  const long = { lines: 2, height: 4, taps: 128 } as const;
  near(directGemm(linear, unread, long, { profile: PROFILES.desktop }), 80 * (64 * 34 * 109.8) + 50 * 8 * 12 * 4);
});

test.run();
