import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DisjointSets } from "../../src/prune/groups/disjoint_sets.ts";

const test = suite("disjoint sets");

test("each member is a set of its own until it is joined, and the lowest of a set stands for it", () => {
  const sets = new DisjointSets(6);
  const all = () => Array.from({ length: 6 }, (_, i) => sets.find(i));
  assert.equal(all(), [0, 1, 2, 3, 4, 5]);
  sets.join(5, 3);
  sets.join(1, 2);
  assert.equal(all(), [0, 1, 1, 3, 4, 3]);
  sets.join(2, 5);
  assert.equal(all(), [0, 1, 1, 1, 4, 1]);
  sets.join(5, 0);
  sets.join(0, 3);
  assert.equal(all(), [0, 0, 0, 0, 4, 0]);
});

test.run();
