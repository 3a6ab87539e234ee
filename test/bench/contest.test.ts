import { suite } from "uvu";
import * as assert from "uvu/assert";
import { agree, type Contestant, gather, rotated, standings, turnsWithin } from "../../bench/contest.ts";

const test = suite("benchmark contest");

/** Its loss after t steps is `loss(t)`. */
function contestant(name: string, loss: (t: number) => number): Contestant {
  let t = 0;
  return {
    name,
    version: "1.0",
    run(steps) {
      t += steps;
      return Promise.resolve(loss(t));
    },
    dispose() {},
  };
}

let clock = 0;
const RULES = { steps: 20, tolerance: 1e-3, patienceMs: 5000, fewSteps: 3, now: () => clock };

/** The same with a step that takes so long, and a first one of a minute. */
function slow(contestant: Contestant, stepMs: number): Contestant {
  let first = true;
  return {
    ...contestant,
    run(steps) {
      clock += steps * stepMs + (first ? 60_000 : 0);
      first = false;
      return contestant.run(steps);
    },
  };
}

const honest = (t: number) => 2.3 * 0.99 ** t;

test("over as many rounds as contestants, each has had every place", () => {
  const orders = [0, 1, 2].map((round) => rotated(["a", "b", "c"], round));
  assert.equal(orders, [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]);
  assert.equal(rotated(["a", "b", "c"], 3), orders[0]);
});

test("who can't start is absent with the first line of the reason", async () => {
  const { contestants, absent } = await gather([
    { name: "here", version: "1.0", open: () => Promise.resolve(contestant("here", honest)) },
    { name: "gone", version: "2.0", open: () => Promise.reject(new Error("no backend\n    at line 1")) },
  ]);
  assert.equal(contestants.map(({ name }) => name), ["here"]);
  assert.equal(absent, [{ name: "gone", version: "2.0", reason: "no backend" }]);
});

test("losses of every step are compared, of a few where steps are slow after the first", async () => {
  const contestants = [
    contestant("a", (t) => t),
    slow(contestant("b", (t) => t), 5001),
    slow(contestant("c", honest), 9),
  ];
  const { trials, agreed, apart } = await agree(contestants, RULES);
  assert.equal(trials.map(({ losses }) => losses.length), [20, 3, 20]);
  assert.equal(trials[0].losses.slice(0, 3), [1, 2, 3]);
  assert.equal(trials.slice(1).map(({ firstMs, stepMs }) => [firstMs, stepMs]), [[65_001, 5001], [60_009, 9]]);
  assert.equal(agreed.map(({ name }) => name), ["a", "b"]);
  assert.equal(apart.map(({ name }) => name), ["c"]);
});

test("the first contestant is compared in full, however slow", async () => {
  const { trials } = await agree([slow(contestant("a", honest), 6000)], RULES);
  assert.is(trials[0].losses.length, 20);
});

test("a budget buys one sample at least, and no more than there are rounds", () => {
  assert.equal([1, 900, 2500, 4000, 9000].map((ms) => turnsWithin(4000, ms, 5)), [5, 5, 2, 1, 1]);
});

test("who computes something else has no time", async () => {
  const { agreed, apart } = await agree(
    [
      contestant("ours", honest),
      contestant("rounding", (t) => honest(t) + 9e-4),
      contestant("other rate", (t) => 2.3 * 0.98 ** t),
      contestant("other weights", (t) => honest(t) + (t === 1 ? 0.01 : 0)),
      contestant("not a number", () => NaN),
      { ...contestant("throws", honest), run: () => Promise.reject(new Error("out of memory")) },
    ],
    RULES,
  );
  assert.equal(agreed.map(({ name }) => name), ["ours", "rounding"]);
  assert.equal(apart.map(({ name }) => name), ["other rate", "other weights", "not a number", "throws"]);
  assert.match(apart[0].reason, /away within 20 steps/);
  assert.is(apart[3].reason, "out of memory");
});

test("standings are medians with ratios to the first", () => {
  const sample = (name: string, times: number[]) => times.map((msPerStep) => ({ name, msPerStep }));
  const samples = [...sample("a", [10, 90, 11]), ...sample("b", [22, 21, 23])];
  assert.equal(standings([{ name: "a" }, { name: "b" }], samples), [
    { name: "a", medianMs: 11, madMs: 1, ratio: 1, samples: 3 },
    { name: "b", medianMs: 22, madMs: 1, ratio: 2, samples: 3 },
  ]);
});

test.run();
