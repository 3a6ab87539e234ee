import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareRounds } from "../../bench/compare/ratios.ts";

const test = suite("comparing two checkouts");

const times = (entries: Record<string, number>) => new Map(Object.entries(entries));

test("a row's ratio is the median of its rounds' ratios, and the mean over rows is geometric", () => {
  const { rows, geometricMean, left } = compareRounds([
    { before: times({ conv: 10, gemm: 4, old: 1 }), after: times({ conv: 20, gemm: 1 }) },
    { before: times({ conv: 10, gemm: 4 }), after: times({ conv: 11.5, gemm: 8, fresh: 1 }) },
    { before: times({ conv: 40, gemm: 4 }), after: times({ conv: 160, gemm: 2 }) },
  ], 1.1);
  // Ratios 2, 1.15, 4 and 0.25, 2, 0.5; √(2 · 0.5) = 1.
  assert.equal(rows, [
    { name: "conv", beforeMs: 10, afterMs: 20, ratio: 2, above: 3 },
    { name: "gemm", beforeMs: 4, afterMs: 2, ratio: 0.5, above: 1 },
  ]);
  assert.ok(Math.abs(geometricMean - 1) < 1e-12, `${geometricMean}`);
  assert.equal(left, ["old", "fresh"]);
});

test("a ratio at the limit isn't above it", () => {
  const round = { before: times({ conv: 10 }), after: times({ conv: 11 }) };
  assert.is(compareRounds([round], 1.1).rows[0].above, 0);
});

test.run();
