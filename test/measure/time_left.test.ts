/** How long sessions and tables still take, by what they have measured. Values are worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { timeLeft } from "../../src/measure/latency/build.ts";
import { secondsLeft, type StepKind } from "../../src/measure/session/time_left.ts";

const test = suite("time left");

test("a session's steps take what is guessed until one of their kind was done, and then what those took on average", () => {
  const steps: StepKind[] = ["self-test", "rows", "rows", "rows", "layers", "roofs"];
  const burst = { seconds: 1 };
  // 2 + 3 · (1 + 3) + 5 + 20.
  assert.is(secondsLeft(steps, [], burst), 39);
  assert.is(secondsLeft(steps, [9], burst), 37, "a slow self-test says nothing of rows");
  // (6 + 8) / 2 + 5 + 20.
  assert.is(secondsLeft(steps, [9, 6, 8], burst), 32);
  assert.is(secondsLeft(steps, [9, 6, 8, 7, 4, 30], burst), 0);
  assert.is(secondsLeft(["rows"], [], { seconds: 60 }), 63);
});

test("a table takes the time that it is given, less where it has few points, more where their ends alone take longer", () => {
  const table = { total: 101, ends: 21, seconds: 90 };
  assert.is(timeLeft({ ...table, done: 0, spent: 0 }), 90);
  // 0.5 s each: 91 are left, which take less than the rest of the time.
  assert.is(timeLeft({ ...table, done: 10, spent: 5 }), 45.5);
  // 2 s each: all 91 don't fit into the 70 s that are left.
  assert.is(timeLeft({ ...table, done: 10, spent: 20 }), 70);
  // 8 s each: the 11 ends are measured in any case.
  assert.is(timeLeft({ ...table, done: 10, spent: 80 }), 88);
});

test.run();
