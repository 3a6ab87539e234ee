import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareRounds } from "../../bench/compare/ratios.ts";

const test = suite("comparing two checkouts");

test("a round's ratio is the median over samples, a row's the median over rounds, and the mean over rows is geometric", () => {
  const { rows, geometricMean } = compareRounds([
    // Ratios of the samples: 1, 2, 8 and 0.25, 0.25, 0.25.
    { conv: { beforeMs: [10, 10, 1], afterMs: [10, 20, 8] }, gemm: { beforeMs: [4, 4, 4], afterMs: [1, 1, 1] } },
    { conv: { beforeMs: [10], afterMs: [11.5] }, gemm: { beforeMs: [4], afterMs: [8] } },
    { conv: { beforeMs: [40], afterMs: [160] }, gemm: { beforeMs: [4], afterMs: [2] } },
  ], 1.1);
  // Ratios of the rounds: 2, 1.15, 4 and 0.25, 2, 0.5; √(2 · 0.5) = 1.
  assert.equal(rows, [
    { name: "conv", beforeMs: 10, afterMs: 11.5, ratio: 2, above: 3 },
    { name: "gemm", beforeMs: 4, afterMs: 2, ratio: 0.5, above: 1 },
  ]);
  assert.ok(Math.abs(geometricMean - 1) < 1e-12, `${geometricMean}`);
});

test("a ratio at the limit isn't above it", () => {
  const round = { conv: { beforeMs: [10], afterMs: [11] } };
  assert.is(compareRounds([round], 1.1).rows[0].above, 0);
});

test.run();
