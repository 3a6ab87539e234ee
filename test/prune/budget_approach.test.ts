/** How counts come near to a budget where groups of some layers are dear, with numbers worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { approach } from "../../src/prune/budget/approach.ts";
import { solveBudget } from "../../src/prune/budget/budget.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { settle } from "../../src/prune/budget/settle.ts";
import { l2 } from "../../src/prune/criteria/l2.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { modelOf } from "./models.ts";

const test = suite("approach of a budget");

/** Each group of the first layer is 4 hundredths of the network, each of the second 20, each of the third 2. */
const COSTS = [4, 20, 2];

function reached(whole: number[], order: number[], asked: number) {
  const of = (keep: readonly number[]) => keep.reduce((sum, count, c) => sum + count * COSTS[c], 0);
  const found = approach(whole, order, (keep) => (of(keep) - asked) / 100);
  return found && { ...found, of: of(found.keep) };
}

test("as few groups go as meet the budget, from the front of the order", () => {
  // 10 · 4 + 3 · 20 = 100.
  assert.equal(reached([10, 3], [0, 0, 1, 0], 72), { keep: [8, 2], cut: 3, of: 72 });
  // A hundredth that is left over is near enough.
  assert.equal(reached([10, 3], [0, 0, 1, 0], 73), { keep: [8, 2], cut: 3, of: 72 });
  assert.equal(reached([10, 3], [0, 0, 1, 0], 100), { keep: [10, 3], cut: 0, of: 100 });
  assert.is(reached([10, 3], [0, 0, 1, 0], 67), undefined);
});

test("where the last to go was dear, others come back, the last to go first", () => {
  // Three of the first leave 88, one of the second 68: one comes back for 72, and a second one for 76.
  assert.equal(reached([10, 3], [0, 0, 0, 1, 0], 72), { keep: [8, 2], cut: 4, of: 72 });
  assert.equal(reached([10, 3], [0, 0, 0, 1, 0], 76), { keep: [9, 2], cut: 4, of: 76 });
  // All but five of 110 leave 80. One of the first comes back for 84, one of the third for 86; another is too dear.
  assert.equal(reached([10, 3, 5], [2, 2, 2, 0, 1], 87), { keep: [10, 2, 3], cut: 5, of: 86 });
});

test("where nothing fits, what was too dear stays and others go in its place", () => {
  // The second goes first, for 80. It stays, and three of the first go: 88.
  assert.equal(reached([10, 3], [1, 0, 0, 0, 0], 88), { keep: [7, 3], cut: 1, of: 88 });
  // Nothing else may go: 80 is the nearest.
  assert.equal(reached([10, 3], [1], 88), { keep: [10, 2], cut: 1, of: 80 });
  // 110 without one of the first are 106. It stays; the second is too dear and stays as well, and one of the third goes.
  assert.equal(reached([10, 3, 5], [0, 1, 2, 2], 108), { keep: [10, 3, 4], cut: 1, of: 108 });
  // 84 is nearer to 87 than 80 is, though not near enough.
  assert.equal(reached([10, 3], [1, 0, 0, 0, 0], 87), { keep: [6, 3], cut: 1, of: 84 });
});

test("a budget that is missed by more than a hundredth says by what, and what would come next", () => {
  const b = builder("g", ["N", 2]);
  b.gemm(b.gemm(b.input, { name: "a", out: 4 }), { name: "out", out: 1 });
  const graph = b.graph();
  const constraints = coupledConstraints(graph, { granularity: "filter", keep: 1 });
  const solve = (params: number) =>
    solveBudget(graph, constraints, [new Float64Array([1, 2, 3, 4])], { target: { params } });
  // 4 · (2 + 1 + 1) + 1 numbers: a filter is 4 of 17.
  assert.is(solve(13 / 17).shortfall, undefined);
  assert.is(
    solve(0.9).shortfall,
    "budget: 0.9 of the params was asked for, and 0.765 of the params is the nearest below it that was found: one group " +
      'more of "a:filter", the cheapest, would make it 1.00 of the params',
  );
  // The lowest goes first, and nothing below the budget's end.
  const { order, cut } = solve(13 / 17);
  assert.equal(order.map(({ c, rank }) => [c, rank]), [[0, 3], [0, 2], [0, 1]]);
  assert.is(cut, 1);
});

test("behind an earlier pruning, messages speak of fractions of the network before it, as was asked", () => {
  const netOf = (width: number) => {
    const b = builder("g", ["N", 2]);
    b.gemm(b.gemm(b.input, { name: "a", out: width }), { name: "out", out: 1 });
    return { graph: b.graph(), model: modelOf(b.graph()) };
  };
  // A filter is 4 numbers: 33 before, of which 17 are left. 15 would be allowed: 13 is the nearest, and 17 one filter more.
  const [dense, here] = [netOf(8), netOf(4)];
  const settled = (params: number) =>
    settle({ model: here.model, dense: dense.graph }, {
      constraints: [{ granularity: "filter", keep: 1 }],
      criterion: l2,
      seed: 1,
      budget: { target: { params } },
    });
  assert.match(
    settled(15 / 33).shortfall!,
    /^budget: 0\.454545454545 of the params was asked for, and 0\.394 of the params is .*would make it 0\.515 of/,
  );
  assert.throws(() => settled(0.1), /^budget: 0\.1 of the params .* at least 0\.152 of the params: ask for more/);
});

test("what some structures leave by themselves is told where it is less than was asked for", () => {
  const b = builder("g", ["N", 8]);
  b.gemm(b.input, { name: "a", out: 4, bias: false });
  const model = modelOf(b.graph());
  const quarters = { granularity: "n:m", n: 1, m: 4 } as const;
  const reached = (params: number) => prune(model, { constraints: [quarters], budget: { params } }).shortfall;
  assert.is(reached(0.25), undefined);
  assert.match(
    reached(0.7)!,
    /^budget: 0\.7 of the params was asked for, and 0\.250 of the params is left by n:m alone/,
  );
});

test("kernels are priced with the patterns that they will have", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  b.conv(b.conv(b.input, { name: "a", out: 2, kernel: 3 }), { name: "out", out: 1, kernel: 2 });
  const model = modelOf(b.graph());
  // Four taps stay of nine in both kernels: of the same places five columns are gone, of others fewer.
  for (const library of [1, 2]) {
    const constraints = [{ granularity: "pattern", library, layers: ["a"] }] as const;
    const { model: masked, shortfall } = prune(model, { constraints, budget: { macs: 0.9 } });
    const [dense, small] = [model, compact(masked).model].map(({ graph }) => graphCost(graph).macs);
    assert.match(shortfall!, `and ${(small / dense).toPrecision(3)} of the macs is left by pattern alone`);
  }
});

test("a cost that the structures don't save is refused with those that they do", () => {
  const b = builder("g", ["N", 8]);
  b.gemm(b.gemm(b.input, { name: "a", out: 4 }), { name: "out", out: 2 });
  const refusal = (granularity: "weight" | "filter", budget: { macs?: number; peakBytes?: number }) => () =>
    prune(modelOf(b.graph()), { constraints: [{ granularity }], budget });
  assert.throws(
    refusal("weight", { macs: 0.5 }),
    /zeros by weight stay in place and save no macs: ask for params or groups, or prune a structure that shrinks/,
  );
  assert.throws(
    () => prune(modelOf(b.graph()), { constraints: [{ granularity: "filter", minKeep: 4 }], budget: { macs: 0.5 } }),
    /no more of filter may go: lower minKeep or protect/,
  );
  // The input and the first layer's four numbers are 12 at once; what is left of them are eight and one.
  assert.throws(
    refusal("filter", { peakBytes: 0.1 }),
    /0\.1 of the peakBytes can't be reached, .*: ask for more than that/,
  );
});

test.run();
