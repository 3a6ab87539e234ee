/** What the contests decide without any rival: nothing of theirs is imported here. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Entry, goalLines, play, type Player, relativeDifference, rowsOf } from "../../bench/peers/match.ts";
import { macsOf, OP_CASES, type OpCase, operandsOf, sizesOf } from "../../bench/peers/ops/cases.ts";
import { elementOf } from "../../bench/peers/ops/reference.ts";

const test = suite("peers");
let clock = 0;
const RULES = { rounds: 3, sampleMs: 10, tolerance: 1e-4, now: () => clock };

/** Milliseconds, in the first call. */
const COMPILING = 70_000;

/** Takes `msPerCall`, and says who was asked in which order. */
function entry(name: string, numbers: readonly number[], msPerCall: number, order: string[] = []): Entry {
  const player: Player = {
    output() {
      clock += msPerCall + COMPILING;
      return Promise.resolve(Float32Array.from(numbers));
    },
    sample(calls) {
      order.push(`${name} ${calls}`);
      return Promise.resolve(calls * msPerCall);
    },
    dispose() {},
  };
  return { name, version: "1", open: () => Promise.resolve(player) };
}

test("samples are long enough, rounds rotate, ratios are to the first", async () => {
  const order: string[] = [];
  const outcome = await play([entry("ours", [1, 2], 2, order), entry("rival", [1, 2], 20, order)], RULES, () => {});
  assert.equal(order.slice(-6).map((call) => call.split(" ")[0]), ["ours", "rival", "rival", "ours", "ours", "rival"]);
  assert.ok(Number(order.at(-2)!.split(" ")[1]) * 2 >= RULES.sampleMs);
  const [ours, rival] = rowsOf("case", 1e6, outcome, { rival: 12 });
  assert.is(ours.medianMs, 2);
  assert.is(ours.gflops, 1);
  assert.is(ours.goal, undefined);
  assert.is(rival.ratio, 10);
  assert.is(rival.reached, false);
});

test("the slow have fewer samples, one at least, and never their first call, which compiles", async () => {
  const order: string[] = [];
  const rivals = [[2500, "slow"], [5000, "slower"]] as const;
  const entries = [entry("ours", [1], 20), ...rivals.map(([ms, name]) => entry(name, [1], ms, order))];
  const rows = rowsOf("case", 1, await play(entries, RULES, () => {}), {});
  assert.equal(rows.map(({ samples }) => samples), [3, 2, 1]);
  assert.equal(order.filter((call) => call.startsWith("slower")).length, 1);
  assert.equal(rows.map(({ firstMs }) => firstMs), [20 + COMPILING, 2500 + COMPILING, 5000 + COMPILING]);
  assert.equal(rows.map(({ medianMs }) => medianMs), [20, 2500, 5000]);
});

test("a rival with other numbers, or one that throws, has no time but a reason", async () => {
  const broken: Entry = {
    name: "broken",
    version: "2",
    open: () => Promise.reject(new Error("no adapter\nof its own")),
  };
  const rivals = [entry("off", [1, 2.01], 1), entry("short", [1], 1), entry("nan", [1, NaN], 1), broken];
  const { results, absent } = await play([entry("ours", [1, 2], 1), ...rivals], RULES, () => {});
  assert.equal(results.map(({ name }) => name), ["ours"]);
  assert.equal(absent.map(({ name }) => name), ["off", "short", "nan", "broken"]);
  assert.match(absent[0].reason, "5.0e-3 away from ours");
  const row = rowsOf("case", 1, { results, absent }, {}).at(-1)!;
  assert.is(row.medianMs, undefined);
  assert.match(row.note!, "no adapter");
});

test("our own wrong numbers end the contest", async () => {
  const check = () => {
    throw new Error("far from the reference");
  };
  try {
    await play([entry("ours", [1], 1)], RULES, check);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, "far from the reference");
  }
});

test("differences are relative to the largest number", () => {
  assert.is(relativeDifference([0, 4], [0, 5]), 0.25);
  assert.is(relativeDifference([1, 2], [1, 2]), 0);
  assert.is(relativeDifference([1], [1, 2]), Infinity);
});

test("goals read as sentences", () => {
  assert.equal(goalLines([{ name: "a", ratio: 3 }, { name: "b", ratio: 9 }], { a: 4 }), ["≥ 4.00× a: no, 3.00×"]);
});

test("cases have their own names, and the multiply-adds of their definition", () => {
  assert.is(new Set(OP_CASES.map(({ name }) => name)).size, OP_CASES.length);
  const macs = new Map(OP_CASES.map((op) => [op.name, macsOf(op)]));
  assert.is(macs.get("GEMM 512×512×512"), 512 ** 3);
  assert.is(macs.get("dgrad + wgrad 64→64, 8²"), 2 * macs.get("forward 64→64, 8²")!);
});

test("the sampled reference agrees with gradients by their definition", () => {
  const shape = {
    batch: 1,
    channels: 1,
    height: 3,
    width: 3,
    filters: 1,
    kernel: [3, 3],
    stride: [2, 2],
    pads: [1, 1, 1, 1],
    dilation: [1, 1],
    groups: 1,
  } as const;
  const op = (kind: "forward" | "backward"): OpCase => ({ kind, name: kind, goals: {}, shape });
  const forward = operandsOf(op("forward"), 1);
  const loss = (at: { x?: number; w?: number } = {}): number => {
    const [a, b] = [forward.a.slice(), forward.b.slice()];
    if (at.x !== undefined) a[at.x] += 0.5;
    if (at.w !== undefined) b[at.w] += 0.5;
    const size = sizesOf(shape).y.reduce((product, d) => product * d, 1);
    let sum = 0;
    for (let i = 0; i < size; i++) sum += elementOf(op("forward"), { ...forward, a, b }, i) * forward.dy[i];
    return sum;
  };
  // The loss is linear in x and in w, so that its differences are exact.
  for (let i = 0; i < 9; i++) {
    assert.ok(Math.abs(elementOf(op("backward"), forward, i) - (loss({ x: i }) - loss()) / 0.5) < 1e-5);
    assert.ok(Math.abs(elementOf(op("backward"), forward, 9 + i) - (loss({ w: i }) - loss()) / 0.5) < 1e-5);
  }
});

test.run();
