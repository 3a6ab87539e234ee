/** How a budget is aimed at anew when what pruning takes costs other than was thought; that it is met is in budget.test.ts. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { missed } from "../../src/prune/budget/budget.ts";
import { movedAim, nearer } from "../../src/prune/budget/solve_as_chosen.ts";

const test = suite("budgets as chosen");

test("what is asked next is lower, or higher, by as much as was missed, by hand", () => {
  assert.equal(movedAim({ macs: 0.5 }, { macs: 0.5 }, { macs: 0.625 }), { macs: 0.4 });
  assert.equal(movedAim({ macs: 0.4 }, { macs: 0.5 }, { macs: 0.25 }), { macs: 0.8 });
  // Numbers are missed by more than multiply-adds: 0.5 / 0.8 of both.
  const both = { params: 0.5, macs: 0.5 };
  assert.equal(movedAim(both, both, { params: 0.8, macs: 0.625 }), { params: 0.3125, macs: 0.3125 });
  assert.equal(movedAim({ macs: 0.8 }, { macs: 0.5 }, { macs: 0.25 }), { macs: 1 }, "a fraction is 1 at most");
  assert.equal(movedAim({ ms: 4 }, { ms: 4 }, { ms: 2 }), { ms: 8 }, "and milliseconds any number");
});

test("of two solutions the one that meets the target is taken, then the nearer one", () => {
  assert.ok(nearer(-0.2, 0.01) && !nearer(0.01, -0.2));
  assert.ok(nearer(-0.01, -0.2) && !nearer(-0.2, -0.01));
  assert.ok(nearer(0.01, 0.02) && !nearer(0.02, 0.01));
  assert.not(nearer(0, 0));
});

test("where none meets it, the message has what was asked and what came out", () => {
  const price = { params: 70, macs: 60, achieved: { params: 0.7, macs: 0.6 }, gap: 0.1, excess: 0.6 };
  assert.match(
    missed(price, { target: { macs: 0.5 } }),
    /^budget: 0\.5 of the macs was asked for, and 0\.600 of the macs is the nearest/,
  );
});

test.run();
