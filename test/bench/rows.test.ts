import { suite } from "uvu";
import * as assert from "uvu/assert";
import { completed, goalsReached, tablesOf } from "../../bench/rows.ts";
import { atLeast, atMost, ratesOf, type Row } from "../../bench/suite.ts";

const test = suite("benchmark rows");

const ROOFS = { gflops: 100, gbps: 10, forms: [] };
const time = (medianMs: number) => ({
  medianMs,
  madMs: 0.5,
  samples: 5,
  clock: "gpu timestamps" as const,
  quantumMs: 1e-6,
});
const row = (rest: Partial<Row> = {}): Row => ({ table: "GEMM", name: "a", facts: {}, ...rest });

test("rates are per second, the bound's share by the roof that is in the way", () => {
  const arithmetic = ratesOf(row({ time: time(20), work: { flops: 1e9, bytes: 1e6 } }), ROOFS)!;
  assert.equal(arithmetic, { gflops: 50, gbps: 0.05, ofBound: 0.5, boundBy: "arithmetic" });
  const memory = ratesOf(row({ time: time(20), work: { flops: 1e8, bytes: 1e8 } }), ROOFS)!;
  assert.equal(memory, { gflops: 5, gbps: 5, ofBound: 0.5, boundBy: "memory" });
  assert.is(ratesOf(row({ time: time(20) }), ROOFS), undefined);
  assert.is(ratesOf(row({ work: { flops: 1, bytes: 1 } }), ROOFS), undefined);
});

test("a goal is reached at its limit and missed beyond it", () => {
  assert.ok(atMost("", 1.15, 1.15).reached && !atMost("", 1.16, 1.15).reached);
  assert.ok(atLeast("", 0.45, 0.45).reached && !atLeast("", 0.44, 0.45).reached);
  assert.not.ok(atMost("", NaN, 1).reached);
});

test("a table's columns are those that its rows fill", () => {
  const rows = completed([
    row({ time: time(20), work: { flops: 1e9, bytes: 1e6 } }),
    row({ name: "b", table: "sparse", time: time(3), facts: { density: 0.5 } }),
    row({ name: "c", table: "sparse", facts: { "÷ dense": "0.61" }, goal: atMost("≤ 1", 2, 1), note: "not packed" }),
  ], ROOFS);
  const [gemm, sparse] = tablesOf(rows);
  assert.is(gemm.title, "GEMM");
  assert.equal(gemm.header, ["", "ms", "MAD", "samples", "GFLOP/s", "GB/s", "of bound"]);
  assert.equal(gemm.lines, [["a", "20.0", "0.500", "5", "50.0", "0.0500", "50 % arithmetic"]]);
  assert.equal(sparse.header.slice(7), ["density", "÷ dense", "goal", "goal met", "note"]);
  assert.equal(sparse.lines[0], ["b", "3.00", "0.500", "5", "–", "–", "–", "0.5", "", "", "", ""]);
  assert.equal(
    tablesOf(completed([row({ goal: { text: "≤ 1", limit: 1, reached: false } })], ROOFS))[0].lines[0].at(-1),
    "no",
  );
  assert.equal(sparse.lines[1], ["c", "–", "–", "–", "–", "–", "–", "", "0.61", "≤ 1", "no, 2.00", "not packed"]);
});

test("missed goals are named", () => {
  const rows = [row({ goal: atMost("", 1, 2) }), row({ name: "b", goal: atMost("", 3, 2) }), row({ name: "c" })];
  assert.is(goalsReached(rows), "1 of 2 goals reached; not reached: GEMM: b.");
  assert.is(goalsReached(rows.slice(0, 1)), "1 of 1 goals reached.");
  assert.is(goalsReached(rows.slice(2)), "No goal applies to these rows.");
});

test.run();
