import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commonestShare } from "../../src/data/commonest_share.ts";
import { loadDataset, type LoadOptions } from "../../src/data/deno.ts";
import { digitsSplits, fetchDigits } from "../../src/data/digits.ts";
import { makeSplits } from "../../src/data/splits.ts";
import { apportion, stratify } from "../../src/data/stratify.ts";
import { contentSha256 } from "../../src/data/sha256.ts";
import type { Split, SplitOptions, Splits } from "../../src/data/types.ts";
import { inputOptions } from "../../src/models/given.ts";
import { lenet5 } from "../../src/models/lenet5.ts";
import { complaint, gzip, ramp } from "./fixtures.ts";

const test = suite("splits");
// SHA-256 (the first 16 digits) of the source indices of the digits' training, validation and test parts, little-endian u32.
const PINNED = ["ac5bd8e278f4bd77", "0620de1c769e4b18", "3f39c582647d0661"];
const digits = (options: SplitOptions = {}) => loadDataset("digits", options);
const parts = (s: Splits): Split[] => [s.train, s.validation, s.test];
const histogram = ({ labels, classes }: { labels: Uint16Array; classes: number }) => {
  const counts = Array(classes).fill(0);
  labels.forEach((label) => counts[label]++);
  return counts as number[];
};

test("apportion gives the exact total, no share off by one, and never more than there is", () => {
  for (const counts of [[3, 3, 3], [10, 0, 1], [178, 182, 177, 183], [1, 1, 1, 97]]) {
    const total = counts.reduce((a, b) => a + b);
    for (let take = 0; take <= total; take++) {
      const quota = apportion(counts, take);
      assert.is(quota.reduce((a, b) => a + b), take);
      quota.forEach((q, c) => {
        assert.ok(q <= counts[c]);
        assert.ok(Math.abs(q - counts[c] * take / total) < 1);
      });
    }
  }
});

test("stratify gives ascending, disjoint and complete parts, and another stream chooses others", () => {
  const labels = Uint16Array.from({ length: 300 }, (_, i) => i * i % 7);
  const { taken, rest } = stratify(labels, 7, 90, "a");
  assert.is(taken.length, 90);
  assert.equal([...taken, ...rest].sort((a, b) => a - b), [...Array(300).keys()]);
  for (const part of [taken, rest]) assert.ok(part.every((v, i) => i === 0 || v > part[i - 1]));
  assert.equal(stratify(labels, 7, 90, "a").taken, taken);
  assert.not.equal(stratify(labels, 7, 90, "b").taken, taken);
});

test("digits have the published sizes, shapes and ranges", async () => {
  const s = await digits();
  assert.equal(parts(s).map((p) => p.count), [1222, 216, 359]);
  for (const part of parts(s)) {
    assert.equal(part.shape, [1, 8, 8]);
    assert.is(part.images.length, part.count * 64);
    assert.is(part.labels.length, part.count);
    assert.ok(part.images.every((p) => p <= 16) && part.labels.every((l) => l < 10));
  }
});

test("the parts of digits are disjoint, complete and stratified", async () => {
  const s = await digits();
  const all = parts(s).flatMap((p) => [...p.source]).sort((a, b) => a - b);
  assert.equal(all, [...Array(1797).keys()]);
  const classTotals = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
  for (const part of parts(s)) {
    histogram(part).forEach((n, c) => assert.ok(Math.abs(n - classTotals[c] * part.count / 1797) < 2, `${c}: ${n}`));
  }
});

test("the first published image of digits keeps its pixels and label", async () => {
  for (const part of parts(await digits())) {
    const at = part.source.indexOf(0);
    if (at < 0) continue;
    assert.equal([...part.images.subarray(at * 64, at * 64 + 8)], [0, 0, 5, 13, 9, 1, 0, 0]);
    assert.is(part.labels[at], 0);
    return;
  }
  throw new Error("image 0 is in no part");
});

test("the test and validation parts of digits are what they have always been", async () => {
  // Guards against silent change: numbers reported for one version must be comparable with the next.
  const s = await digits();
  const sums = await Promise.all(parts(s).map((part) => contentSha256(new Uint8Array(part.source.buffer), "source")));
  assert.equal(sums.map((sum) => sum.slice(0, 16)), PINNED);
});

test("the constants of digits are the training part's own, whatever the limit", async () => {
  const s = await digits();
  let sum = 0, squares = 0;
  for (const p of s.train.images) {
    sum += p / 16;
    squares += (p / 16) ** 2;
  }
  const n = s.train.images.length;
  const { scale, mean, std } = s.train.normalization;
  assert.is(scale, 16);
  assert.ok(Math.abs(mean[0] - sum / n) < 1e-9 && Math.abs(std[0] - Math.sqrt(squares / n - (sum / n) ** 2)) < 1e-9);
  for (const part of parts(await digits({ limit: 100 }))) assert.equal(part.normalization, s.train.normalization);
});

test("validation option moves the border to training, never the test part", async () => {
  const a = await digits();
  const b = await digits({ validation: 0.3 });
  assert.is(b.validation.count, Math.round(1438 * 0.3));
  assert.is(b.train.count, 1438 - b.validation.count);
  assert.equal(b.test.source, a.test.source);
});

test("limit shrinks all parts in proportion, stratified, within the full parts", async () => {
  const full = await digits();
  const s = await digits({ limit: 200 });
  assert.equal(parts(s).map((p) => p.count), [200, 35, 59]);
  parts(s).forEach((part, i) => {
    const whole = new Set(parts(full)[i].source);
    assert.ok(part.source.every((index) => whole.has(index)));
    histogram(part).forEach((n) => assert.ok(Math.abs(n - part.count / 10) <= 1.5, `${n} of ${part.count}`));
  });
  assert.is((await digits({ limit: 1222 })).train.count, 1222);
  assert.is((await digits({ limit: 99_999 })).test.count, 359);
  assert.equal(parts(await digits({ limit: 1 })).map((p) => p.count), [1, 1, 1]);
});

test("options out of range are refused", async () => {
  for (const validation of [0, 1, -0.1, NaN]) {
    assert.match(await complaint(() => digits({ validation })), `validation ${validation}`);
  }
  for (const limit of [0, -5, 1.5, NaN]) assert.match(await complaint(() => digits({ limit })), `limit ${limit}`);
  assert.match(await complaint(() => makeSplits({ train: ramp(3), test: ramp(2) }, 0.1)), "3 training and 2 test");
});

test("constants are measured for each channel", () => {
  const data = ramp(60, [3, 4, 4]);
  const { mean, std } = makeSplits({ train: data, test: ramp(9, [3, 4, 4]) }, 0.2).train.normalization;
  assert.is(mean.length, 3);
  assert.ok(std.every((s) => s > 0) && new Set(mean).size === 3);
});

test("digits are read from bytes and from an address, and damaged files are refused", async () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const line = (pixel: string, label: string) => `${Array(64).fill(pixel).join(",")},${label}\n`;
  const bytes = await gzip(encode(Array.from({ length: 100 }, (_, i) => line("3", String(i % 10))).join("")));
  assert.equal(parts(await digitsSplits(bytes)).map((p) => p.count), [68, 12, 20]);

  const wrong = [line("17", "1"), line("2", "10"), line("x", "1"), line("", "1"), line("1.5", "1"), "1,2,3\n"];
  for (const text of wrong) {
    const message = await complaint(() => digitsSplits(encode(line("1", "1") + text), {}, "d.csv"));
    assert.match(message, "d.csv, line 2: found");
  }
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => request.url.endsWith("digits.csv.gz") ? new Response(bytes) : new Response("no", { status: 404 }),
  );
  const base = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}/`;
  assert.is((await fetchDigits(`${base}digits.csv.gz`)).test.count, 20);
  assert.match(await complaint(() => fetchDigits(`${base}other`)), "HTTP 404");
});

test("the commonest class's share is what saying it always gets right", () => {
  const labels = Uint16Array.of(0, 2, 2, 1, 2, 0, 2, 1);
  assert.is(commonestShare({ labels, classes: 4, count: 8 }), 0.5);
});

test("a size that named data don't have is told by who wants it, and nobody is to leave out what he hasn't given", async () => {
  const said = async (options: LoadOptions) =>
    await loadDataset("digits", options).then(() => "", (error: Error) => error.message);
  assert.match(await said({ size: 28 }), /have 8×8 pixels, 28×28 are asked for; .*: leave the size out$/);
  assert.match(
    await said({ size: 28, sizeFrom: "network" }),
    /have 8×8 pixels, the network takes 28×28; .*: choose another pair$/,
  );
  const given = { model: { graph: lenet5(), params: new Map() }, metadata: {} };
  assert.is(inputOptions({ model: { name: "net.onnx" } }, given).sizeFrom, "network");
  assert.is(inputOptions({ model: { name: "net.onnx" }, preprocess: { size: 28 } }, given).sizeFrom, undefined);
});

test.run();
