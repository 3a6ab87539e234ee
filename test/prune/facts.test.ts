/** What is known of a channel that comes from two others. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { meet } from "../../src/prune/rules/linked.ts";

const test = suite("facts that meet");

test("the same of both is known, and of different numbers that the channel varies", () => {
  assert.is(meet(2, 2), 2);
  assert.is(meet(2, 3), "varying");
  assert.is(meet("varying", 2), "varying");
  assert.is(meet(2, "varying"), "varying");
});

test("what isn't known yet stays so, unless the other varies", () => {
  assert.is(meet("unknown", 2), "unknown");
  assert.is(meet(2, "unknown"), "unknown");
  assert.is(meet("unknown", "unknown"), "unknown");
  assert.is(meet("unknown", "varying"), "varying");
  assert.is(meet("varying", "unknown"), "varying");
});

test("the first fact of a channel is taken as it is", () => {
  assert.is(meet(undefined, 0), 0);
  assert.is(meet(undefined, "unknown"), "unknown");
});

test.run();
