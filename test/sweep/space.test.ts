import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gain, keeps, parseConstraint, parseObjective } from "../../src/sweep/objective.ts";
import { gridSampler } from "../../src/sweep/samplers/grid.ts";
import { randomSampler } from "../../src/sweep/samplers/random.ts";
import { mutatedValue } from "../../src/sweep/samplers/variation.ts";
import {
  cellOf,
  countOf,
  type Dimension,
  nthValue,
  positionOf,
  sizeOf,
  type Space,
  valueAt,
} from "../../src/sweep/space.ts";
import { type Trial, trialId } from "../../src/sweep/trial.ts";
import { UserError } from "../../src/errors.ts";

const test = suite("sweep/space");

const choice: Dimension = { kind: "choice", values: ["l2", "taylor", "random"] };
const integers: Dimension = { kind: "integer", from: 2, to: 9, step: 3, scale: "linear" };
const octaves: Dimension = { kind: "integer", from: 1, to: 64, step: 1, scale: "log" };
const rate: Dimension = { kind: "real", from: 0.001, to: 0.1, scale: "log" };

function proposed(count: number, proposals: readonly Pick<Trial, "choices" | "seed">[]): Trial[] {
  return proposals.slice(0, count).map((proposal, i) => ({
    ...proposal,
    id: trialId(i),
    rungs: [],
    state: "waiting",
  }));
}

test("a range of integers ends at its last whole step", () => {
  assert.is(countOf(integers), 3);
  assert.equal([0, 1, 2].map((index) => nthValue(integers, index)), [2, 5, 8]);
  assert.is(countOf(rate), Infinity);
});

test("ranges of any length are drawn from, changed and counted without being written out", () => {
  const long: Dimension = { kind: "integer", from: 1, to: 9e15, step: 1, scale: "linear" };
  assert.is(countOf(long), 9e15);
  assert.is(valueAt(long, 0.5), 4.5e15 + 1);
  assert.is(cellOf({ long, choice }, 3e15 + 1).long, 1e15 + 1);
  const changed = mutatedValue(long, 1, 0.4) as number;
  assert.ok(changed > 1 && Number.isSafeInteger(changed), `${changed}`);
});

test("a grid has every combination once, the last name fastest", () => {
  const space: Space = { criterion: choice, keep: integers };
  assert.is(sizeOf(space), 9);
  const cells = Array.from({ length: 9 }, (_, i) => cellOf(space, i));
  assert.equal(cells.slice(0, 4), [
    { criterion: "l2", keep: 2 },
    { criterion: "l2", keep: 5 },
    { criterion: "l2", keep: 8 },
    { criterion: "taylor", keep: 2 },
  ]);
  assert.is(new Set(cells.map((cell) => JSON.stringify(cell))).size, 9);
  assert.throws(() => cellOf({ rate }, 0), (error: Error) => error instanceof UserError);
});

test("a shuffled grid has the same cells in another order, which its seed alone decides", () => {
  const space: Space = { criterion: choice, keep: integers };
  const keys = (shuffle?: number) =>
    gridSampler(space, [1, 2], shuffle).ask([], 100).map((cell) => JSON.stringify(cell));
  assert.equal(keys(3), keys(3));
  assert.not.equal(keys(3), keys(4));
  assert.not.equal(keys(3), keys());
  assert.equal(keys(3).toSorted(), keys().toSorted());
});

test("draws are spread as the dimension says: by value, or evenly in the logarithm", () => {
  assert.equal([0, 0.34, 0.67, 0.999].map((u) => valueAt(choice, u)), ["l2", "taylor", "random", "random"]);
  assert.equal([0, 0.5, 0.999].map((u) => valueAt(integers, u)), [2, 5, 8]);
  assert.ok(Math.abs(valueAt(rate, 0.5) as number - 0.01) < 1e-12);
  const drawn = Array.from({ length: 7000 }, (_, i) => valueAt(octaves, (i + 0.5) / 7000) as number);
  // From ½ to 64½ there are ln 129 e-folds, and ln 3 of them round to 1.
  const ones = drawn.filter((value) => value === 1).length / 7000;
  assert.ok(Math.abs(ones - Math.log(3) / Math.log(129)) < 0.01, `${ones}`);
  assert.is(Math.min(...drawn), 1);
  assert.is(Math.max(...drawn), 64);
});

test("a position is where a value lies between the ends", () => {
  assert.is(positionOf(choice, "taylor"), 0.5);
  assert.is(positionOf(integers, 2), 0);
  assert.ok(Math.abs(positionOf(rate, 0.01) - 0.5) < 1e-12);
  assert.ok(Math.abs(positionOf(octaves, 8) - 0.5) < 1e-12);
});

for (
  const [name, sampler] of [
    ["grid", gridSampler({ criterion: choice, keep: integers }, [1, 2])],
    ["random", randomSampler({ criterion: choice, rate }, [1, 2], 5)],
  ] as const
) {
  test(`${name}: proposals are the same asked for at once or one by one, and each choice comes with every seed`, () => {
    const atOnce = sampler.ask([], 12);
    const oneByOne = Array.from({ length: 12 }, (_, i) => sampler.ask(proposed(i, atOnce), 1)[0]);
    assert.equal(oneByOne, atOnce);
    assert.equal(atOnce.slice(0, 4).map(({ seed }) => seed), [1, 2, 1, 2]);
    assert.equal(atOnce[0].choices, atOnce[1].choices);
    assert.not.equal(atOnce[1].choices, atOnce[2].choices);
  });
}

test("a grid is exhausted behind its last cell, and random draws never are", () => {
  const grid = gridSampler({ criterion: choice }, [1, 2]);
  const all = grid.ask([], 100);
  assert.is(all.length, 6);
  assert.is(grid.exhausted(proposed(5, all)), false);
  assert.is(grid.exhausted(proposed(6, all)), true);
  assert.equal(grid.ask(proposed(6, all), 3), []);
  assert.is(randomSampler({ rate }, [1], 0).exhausted([]), false);
});

test("objectives and bounds are read as they are written, and what they don't have is the worst", () => {
  const most = parseObjective("max accuracy");
  const least = parseObjective(" min  ms ");
  assert.equal(most, { metric: "accuracy", direction: "max" });
  assert.is(gain({ accuracy: 0.5 }, most), 0.5);
  assert.is(gain({ ms: 2 }, least), -2);
  assert.is(gain({}, least), -Infinity);
  const bounds = [parseConstraint("accuracy >= 0.98"), parseConstraint("ms<=4")];
  assert.is(keeps({ accuracy: 0.98, ms: 4 }, bounds), true);
  assert.is(keeps({ accuracy: 0.979, ms: 4 }, bounds), false);
  assert.is(keeps({ accuracy: 0.99 }, bounds), false);
  for (
    const [parse, wrongs] of [
      [parseObjective, ["accuracy", "maximise accuracy", "max"]],
      [parseConstraint, ["accuracy > 1", "ms <= four", "ms <="]],
    ] as const
  ) {
    for (const wrong of wrongs) {
      assert.throws(() => parse(wrong), (error: Error) => error instanceof UserError && error.message.includes(wrong));
    }
  }
});

test.run();
