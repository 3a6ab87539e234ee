/** What tuning within a budget measures, and in which order: by times and estimates that are worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  expectedMs,
  measureWithin,
  type Pace,
  tuningBudget,
  type Worth,
  worthTuning,
} from "../../src/measure/tune_budget.ts";
import type { CountedRequest } from "../../src/tensor/ops/launch.ts";

const test = suite("tuning within a budget");

/** A class whose ways are estimated to take so many microseconds. */
const request = (shapeClass: string, us: readonly number[], launches = 1): CountedRequest => ({
  shapeClass,
  candidates: us.map((cost, i) => ({
    name: `way ${i}`,
    cost: 1000 * cost,
    build: () => ({ steps: [], scratch: {}, tables: {} }),
  })),
  operands: {},
  launches,
});
const ofWorth = (worth: readonly Worth[]) =>
  worth.map((
    { request: { shapeClass, candidates }, value },
  ) => [shapeClass, candidates.length, Number(value.toFixed(4))]);

test("a tenth of the time that it serves", () => {
  assert.is(tuningBudget(30_000), 3000);
});

test("the share of the time and the closeness of the estimates make the order", () => {
  const requests = [
    // 2 · 200 of 1000 µs, and 200 / 250: 0.32.
    request("twice", [200, 250, 301], 2),
    // 350 of 1000 µs, and 350 / 350: 0.35. A way at 1.5 times the best is close, one beyond isn't.
    request("close", [350, 350, 525, 526]),
    // 240 of 1000 µs, but nothing else comes near.
    request("clear", [240, 361]),
    // 10 of 1000 µs: 0.01.
    request("little", [10, 10]),
    request("no choice", [1]),
  ];
  // The estimates add up to 1001 µs, and the run takes 1 ms: the larger one is the whole.
  assert.equal(ofWorth(worthTuning(requests, 1)), [["close", 3, 0.3497], ["twice", 2, 0.3197]]);
  // What can't be tuned takes as long again.
  assert.equal(ofWorth(worthTuning(requests, 2)), [["close", 3, 0.175], ["twice", 2, 0.16]]);
});

test("ways that have no estimate may be as fast as the best one", () => {
  const requests = [
    request("sparse", [100, Infinity, Infinity]),
    request("close", [100, 110]),
    request("clear", [200, 900]),
  ];
  // 100/400 · 1, and 100/400 · 100/110.
  assert.equal(ofWorth(worthTuning(requests, 0)), [["sparse", 3, 0.25], ["close", 2, 0.2273]]);
});

test("measuring is expected to take what ways have taken so far, and nine runs at least", () => {
  const none: Pace = { ways: 0, ms: 0 };
  assert.is(expectedMs(request("", [100, 110]), none), 300);
  assert.is(expectedMs(request("", [100, 110]), { ways: 4, ms: 200 }), 100);
  // 9 · 20 ms and 9 · 30 ms are more than 150 ms.
  assert.is(expectedMs(request("", [20_000, 30_000]), none), 450);
  // What has no estimate is expected to take as long as the best way: 9 · 20 ms each.
  assert.is(expectedMs(request("", [20_000, Infinity]), none), 360);
});

/** Measures with a clock on which each way takes `msPerWay`, and says which classes were measured. */
async function played(names: readonly [string, number][], budgetMs: number, msPerWay: number, signal?: AbortSignal) {
  let clock = 0;
  const worth = names.map(([name, ways]) => ({ request: request(name, Array(ways).fill(100)), value: 1 }));
  const { found, pace } = await measureWithin(worth, {
    budgetMs,
    pace: { ways: 0, ms: 0 },
    now: () => clock,
    signal,
    measure({ shapeClass, candidates }) {
      clock += msPerWay * candidates.length;
      return Promise.resolve(shapeClass);
    },
  });
  return { found, pace, took: clock };
}

test("measures from the most valuable on, and passes over what is expected not to fit any more", async () => {
  // 1000 ms: a takes 2 · 200 (300 were expected), 600 are left; b would take 4 · 200; c takes 400, 200 are left.
  const first = await played([["a", 2], ["b", 4], ["c", 2], ["d", 2]], 1000, 200);
  assert.equal(first, { found: ["a", "c"], pace: { ways: 4, ms: 800 }, took: 800 });
  // Faster than expected: all fit.
  assert.equal((await played([["a", 2], ["b", 4], ["c", 2]], 700, 50)).found, ["a", "b", "c"]);
  assert.equal((await played([["a", 2]], 299, 1)).found, []);
});

test("a stop ends it with what was found", async () => {
  const stop = new AbortController();
  stop.abort();
  assert.equal((await played([["a", 2]], 1000, 1, stop.signal)).found, []);
});

test.run();
