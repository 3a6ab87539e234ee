import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkSchedule, learningRate, type Schedule } from "../../src/train/schedule.ts";

const test = suite("schedule");

/** [epoch, rate] of a period of 10 epochs at rate 2. */
function expect(schedule: Schedule, known: readonly (readonly [number, number])[], epochs = 10): void {
  for (const [epoch, rate] of known) {
    const actual = learningRate(2, schedule, epoch, epochs);
    assert.ok(Math.abs(actual - rate) < 1e-12, `epoch ${epoch}: ${actual}, expected ${rate}`);
  }
}

test("constant", () => expect({ kind: "constant" }, [[0, 2], [3.7, 2], [10, 2]]));

test("cosine: lr·½(1 + cos πt)", () => {
  expect({ kind: "cosine" }, [[0, 2], [10 / 3, 1.5], [5, 1], [20 / 3, 0.5], [10, 0], [12, 0]]);
});

test("restart: the same descent, from the rate that training began with", () => {
  expect({ kind: "restart", rate: 6 }, [[0, 6], [10 / 3, 4.5], [5, 3], [10, 0]]);
  expect({ kind: "restart", rate: 6, warmup: 2 }, [[0, 0.6], [1, 3.3], [2, 6], [6, 3], [10, 0]]);
  expect({ kind: "restart" }, [[0, 2], [5, 1]]);
  assert.throws(() => checkSchedule({ kind: "restart", rate: 0 }), /rate is 0, expected a number above 0/);
});

test("warm-up: a tenth of the rate, rising in a line, then the schedule over what is left", () => {
  expect({ kind: "constant", warmup: 2 }, [[0, 0.2], [1, 1.1], [1.5, 1.55], [2, 2], [9, 2]]);
  expect({ kind: "cosine", warmup: 2 }, [[1, 1.1], [2, 2], [6, 1], [10, 0]]);
});

test("warm-up takes half the period at most", () => {
  expect({ kind: "constant", warmup: 8 }, [[0, 0.2], [2.5, 1.1], [5, 2], [8, 2]]);
  expect({ kind: "cosine", warmup: 8 }, [[0, 0.2], [0.25, 1.1], [0.5, 2], [1, 0]], 1);
});

test("steps: a tenth after each milestone, or gamma", () => {
  const milestones = [0.5, 0.75];
  expect({ kind: "step", milestones }, [[0, 2], [4.99, 2], [5, 0.2], [7.4, 0.2], [7.5, 0.02], [10, 0.02]]);
  expect({ kind: "step", milestones, gamma: 0.5, warmup: 1 }, [[0.5, 1.1], [1, 2], [5, 1], [8, 0.5]]);
});

test.run();
