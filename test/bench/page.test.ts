import { suite } from "uvu";
import * as assert from "uvu/assert";
import { namesWithRoom } from "../../bench/report/xy.ts";
import { newest } from "../../bench/report/newest.ts";
import { type BenchRecord, renderResults } from "../../bench/report/page.ts";
import { completed } from "../../bench/rows.ts";
import { atMost, type Row } from "../../bench/suite.ts";

const test = suite("benchmark page");

const roofline = { gflops: 50, gbps: 10, forms: [] };
const time = { medianMs: 4, madMs: 0.1, samples: 5, clock: "gpu timestamps" as const, quantumMs: 1e-6 };
const setting = {
  date: "2026-01-02T03:04:05.678Z",
  commit: "abc",
  adapter: { vendor: "", architecture: "", description: "llvmpipe <1>", fallback: true },
  machine: { os: "linux", arch: "x86_64", cores: 2, load: 0.1 },
  versions: { deno: "2.9.6" },
  seed: 1,
  clock: "gpu timestamps",
  quantumMs: 1e-6,
};
const curve = (density: number, speedup: number): Row => ({
  table: "columns: convolution",
  name: `${density} columns`,
  time,
  work: { flops: 1e7, bytes: 1e6 },
  facts: { density },
  curve: { series: "columns", density, speedup },
  goal: atMost("≤ (density + 0.1) × dense", 1 / speedup, density + 0.1),
});
const measured = (rows: readonly Row[]): BenchRecord => ({
  ...setting,
  suite: "sparse",
  results: { title: "Sparse", notes: ["a note"], tuning: "default", roofline, rows: completed(rows, roofline) },
});
const contest: BenchRecord = {
  ...setting,
  suite: "peers",
  results: {
    contests: [{
      title: "GEMM 512",
      ranks: [
        { name: "secateur", medianMs: 2, madMs: 0.1, ratio: 1, samples: 7 },
        { name: "other", medianMs: 9, madMs: 0.1, ratio: 4.5, samples: 7 },
      ],
      missing: [{ name: "third", version: "1.0", reason: "no <backend>" }],
      goals: ["≥ 2.5× other: yes, 4.50×"],
    }],
  },
};

test("a page has the curves with their break-even, the roofline, the contests and who missed them", () => {
  const page = renderResults([measured([curve(0.5, 1.8), curve(0.25, 3), curve(0.75, 0.5)]), contest]);
  assert.match(page, "columns: break-even at density 0.65");
  assert.match(page, "Under the roofs");
  assert.match(page, "2 of 3 goals reached; not reached: columns: convolution: 0.75 columns.");
  assert.match(page, "third 1.0 did not run: no &#60;backend&#62;");
  assert.match(page, "≥ 2.5× other: yes, 4.50×");
  assert.match(page, "Software adapter");
  assert.is(page.match(/<figure>/g)!.length, 3);
  assert.is(page.match(/<svg class="narrow"/g)!.length, page.match(/<svg class="wide"/g)!.length);
});

test("goals are counted for whole suites only", () => {
  const record = measured([curve(0.5, 1.8)]);
  const part = { ...record, results: { ...record.results, scope: "part" as const } };
  assert.match(renderResults([record]), "1 of 1 goals reached");
  assert.not.match(renderResults([part as BenchRecord]), "goals reached");
});

test("points of the roofline have one colour per series, and their names", () => {
  const row = (table: string, series: string, ms: number): Row => ({
    table,
    series,
    name: `${table} of ${series}`,
    time: { ...time, medianMs: ms },
    work: { flops: 1e7, bytes: 1e6 },
    facts: {},
  });
  const page = renderResults([measured([row("a", "bsr", 1), row("b", "bsr", 4), row("a", "dense", 16)])]);
  assert.is(page.match(/<ul class="legend">.*?<\/ul>/s)![0].match(/<li>/g)!.length, 2);
  assert.match(page, "<title>b of bsr</title>");
});

test("a name stands beside its point where it covers neither a dot nor a name", () => {
  const point = (x: number, y: number, name?: string) => ({ x, y, ...name !== undefined && { name } });
  const points = [
    point(0, 0, "abcd"), // from 5 to 25 pixels
    point(40, 0, "no room"), // ends at 80, beyond the edge
    point(20, 30, "ab"), // the next one's dot begins at 28
    point(32, 33, "x"),
    point(0, 8, "abcd"), // half over the first name
    point(10, 60),
  ];
  const found = namesWithRoom(points, { x: (v) => v, y: (v) => v, right: 60 });
  assert.equal(found.map(({ x, y }) => [x, y]), [[0, 0], [32, 33]]);
});

test("it opens without a network, and its ids are unique", () => {
  const page = renderResults([measured([curve(0.5, 1.5)]), contest]);
  assert.not.match(page, /<script|<link|https?:|url\(|NaN|undefined/);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assert.ok(ids.length >= 12);
  assert.is(new Set(ids).size, ids.length);
});

test("rows that could not be measured and records without charts don't break it", () => {
  const row: Row = { table: "t", name: "density 0.5", facts: {}, note: "no format packs this" };
  const page = renderResults([measured([row]), { ...setting, suite: "profile", results: { parts: [] } as never }]);
  assert.match(page, "no format packs this");
  assert.not.match(page, /<figure>|profile/);
});

test("the newest record of each suite, Deno's and Chromium's, in the suites' order", () => {
  const files = [
    "kernels-2026-01-02T00-00-00.000Z.json",
    "kernels-2026-01-03T00-00-00.000Z.json",
    "kernels-chromium-2026-01-01T00-00-00.000Z.json",
    "train-step-2026-01-02T00-00-00.000Z.json",
    "old-2026-01-02T00-00-00.000Z.json",
    "index.html",
  ];
  assert.equal(newest(files, ["train-step", "kernels", "sparse"]), [files[3], files[1], files[2]]);
});

test.run();
