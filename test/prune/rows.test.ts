/** Which rows of coupling groups stand behind the entries of a tensor's axis. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { entriesPerGroup, groupsOf, placementOf } from "../../src/prune/groups/rows.ts";

const test = suite("rows of coupling groups");

test("groups come in runs of equal length, and may come again after a period", () => {
  assert.equal(groupsOf([4, 4, 5, 5]), { groups: [4, 5], repeat: 2, period: 4 });
  assert.equal(groupsOf([4, 5, 4, 5]), { groups: [4, 5], repeat: 1, period: 2 });
  assert.equal(groupsOf([2, 2, 3, 3, 2, 2, 3, 3]), { groups: [2, 3], repeat: 2, period: 4 });
  assert.equal(groupsOf([7, 7, 7]), { groups: [7], repeat: 3, period: 3 });
  assert.equal(groupsOf([9, 3, 5]), { groups: [9, 3, 5], repeat: 1, period: 3 });
});

test("entries that are cut off, of unequal runs, or that come twice in a period are no row", () => {
  assert.is(groupsOf([1, 2, 3, 1]), undefined);
  assert.is(groupsOf([1, 1, 2]), undefined);
  assert.is(groupsOf([1, 2, 2]), undefined);
  assert.is(groupsOf([1, 1, 2, 3]), undefined);
  assert.is(groupsOf([1, 2, 1, 3]), undefined);
});

const none = undefined;

test("entries that follow the groups throughout are one row from the first group on", () => {
  assert.equal(placementOf([3, 4, 5], 9), { offset: 3, repeat: 1, period: 3 });
  assert.equal(placementOf([0, 0, 1, 1, 0, 0, 1, 1], 2), { offset: 0, repeat: 2, period: 4 });
});

test("entries that belong to no group shift the row by as many groups as would fit into them", () => {
  assert.equal(placementOf([none, none, 0, 1], 2), { offset: -2, repeat: 1, period: 4 });
  assert.equal(placementOf([none, none, 0, 0, 1, 1], 2), { offset: -1, repeat: 2, period: 6 });
  assert.equal(placementOf([0, 1, none], 2), { offset: 0, repeat: 1, period: 3 });
});

test("what follows the groups in no row is said entry by entry", () => {
  // One entry is no whole run of two, before the groups or behind them.
  assert.equal(placementOf([none, 0, 0, 1, 1], 2), { map: [-1, 0, 0, 1, 1] });
  assert.equal(placementOf([0, 0, 1, 1, none], 2), { map: [0, 0, 1, 1, -1] });
  // Twice.
  assert.equal(placementOf([0, 1, none, 0, 1], 2), { map: [0, 1, -1, 0, 1] });
  // In another order.
  assert.equal(placementOf([2, 0, 1], 3), { map: [2, 0, 1] });
});

test("a row that would put a group where there is none isn't one", () => {
  assert.equal(placementOf([0, none], 2), { map: [0, -1] });
  assert.equal(placementOf([none, 1], 2), { map: [-1, 1] });
  assert.equal(placementOf([none, 0, none], 2), { map: [-1, 0, -1] });
  assert.equal(placementOf([none, none], 2), { map: [-1, -1] });
});

test("how many entries a group has is counted over the groups that are there", () => {
  assert.is(entriesPerGroup({ offset: 0, repeat: 2, period: 4 }, 8), 4);
  assert.is(entriesPerGroup({ map: [2, 0, -1, 2, 0, 1] }, 6), 5 / 3);
});

test.run();
