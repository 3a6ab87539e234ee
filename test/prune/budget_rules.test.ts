/** The formulas that decide how many groups stay, each with numbers worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";
import { solveBudget } from "../../src/prune/budget/budget.ts";
import type { Target } from "../../src/prune/budget/costs/costs.ts";
import { erk } from "../../src/prune/budget/erk.ts";
import { global } from "../../src/prune/budget/global.ts";
import { isomorphic } from "../../src/prune/budget/isomorphic.ts";
import { perCost } from "../../src/prune/budget/per_cost.ts";
import { scorePerCost } from "../../src/prune/budget/score_per_cost.ts";
import { checkFraction, keptCount, keptUnderway } from "../../src/prune/budget/per_layer.ts";
import { budgetRuleNamed } from "../../src/prune/budget/rules.ts";
import { leastThat } from "../../src/prune/budget/search.ts";
import {
  checkCriterion,
  checkRequest,
  matchingConstraints,
  settle,
  stepConstraints,
} from "../../src/prune/budget/settle.ts";
import { uniform } from "../../src/prune/budget/uniform_rule.ts";
import type { BudgetRule, RankedLayer } from "../../src/prune/budget/types.ts";
import { criterionNamed } from "../../src/prune/criteria/criteria.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import type { Constraint } from "../../src/prune/structures/types.ts";
import { modelOf, zeroRows } from "./models.ts";

const test = suite("budget rules");

/** A linear layer of as many filters for each width, each a chain from 4 features to 2 outputs. */
function chain(...widths: number[]): Graph {
  const b = builder("g", ["N", 4]);
  let x = b.input;
  widths.forEach((out, i) => x = b.relu(b.gemm(x, { name: `l${i}`, out })));
  b.gemm(x, { name: "out", out: 2 });
  return b.graph();
}

const filters = (graph: Graph, minKeep = 1): Constraint[] =>
  coupledConstraints(graph, { granularity: "filter", keep: 1, minKeep });

/** What the groups of a layer are worth; others' scores stand beside it. */
function worth(
  rule: BudgetRule,
  scores: number[],
  saved = 1,
  shape = [1, 1],
  others: RankedLayer[] = [],
): Float64Array {
  const layer = { scores: Float64Array.from(scores), shapes: [shape] };
  return rule.worth(layer.scores, saved, layer, [layer, ...others]);
}

test("a layer keeps the rounded fraction of its groups, at least minKeep and at most all", () => {
  assert.is(keptCount(10, 0.25, 1), 3);
  assert.is(keptCount(10, 0.24, 1), 2);
  assert.is(keptCount(10, 0.01, 2), 2);
  assert.is(keptCount(3, 0.5, 5), 3);
  assert.throws(() => checkFraction(0, "here"), /here: keep is 0, expected a fraction above 0 and at most 1/);
  assert.throws(() => checkFraction(1.01, "here"), /keep is 1.01/);
  assert.throws(() => checkFraction(NaN, "here"), /keep is NaN/);
  checkFraction(1, "here");
});

test("on the way each step keeps the same fraction of what is left", () => {
  assert.equal([0, 0.5, 1].map((progress) => keptUnderway(64, 16, progress)), [64, 32, 16]);
  // 9 · (4/9)^½ = 6, and 9 · (4/9)^¼ = 7.35.
  assert.equal([0.25, 0.5].map((progress) => keptUnderway(9, 4, progress)), [7, 6]);
});

test("per-cost: a group's share of what is left of its layer when its turn comes, per cost saved", () => {
  // From the weakest: 1 of 8, then 3 of the 7 that are left, then 4 of 4; each saves a half.
  assert.equal([...worth(perCost, [4, 1, 3], 0.5)], [2, 1 / 8 / 0.5, 3 / 7 / 0.5]);
  // Of equals the higher index goes first: 2 of 4, then 2 of 2.
  assert.equal([...worth(perCost, [2, 2], 1)], [1, 0.5]);
  // What is empty, or below, is worth nothing and takes no part in the layer's sum.
  assert.equal([...worth(perCost, [0, 3, -1, 1], 0.25)], [0, 4, 0, 1 / 4 / 0.25]);
});

test("global: scores as they are", () => {
  assert.equal([...worth(global, [4, 1, 3], 0.5)], [4, 1, 3]);
});

test("uniform: layers shrink together, whatever their groups score and cost", () => {
  // Of four groups the weakest goes when less than all shall stay, the next when less than three quarters, …
  assert.equal([...worth(uniform, [5, 1, 7, 2])], [1 / 0.5, 1, 1 / 0.25, 1 / 0.75]);
  assert.equal(kept(uniform, { target: { groups: 0.5 } }), [2, 2]);
});

test("erk: the density of a layer is (F + C + KH + KW) / (F·C·KH·KW)", () => {
  const density = (8 + 4 + 3 + 3) / (8 * 4 * 3 * 3);
  assert.equal([...worth(erk, [2, 1], 1, [8, 4, 3, 3])], [density / 0.5, density]);
  // Two layers [4, 4] and [4, 16] of four groups each: densities 8 / 16 and 20 / 64, so that 0.5 · s and 0.3125 · s are kept.
  const b = builder("g", ["N", 4]);
  const x = b.relu(b.gemm(b.input, { name: "a", out: 4 }));
  b.gemm(b.relu(b.gemm(b.relu(b.gemm(x, { name: "wide", out: 16 })), { name: "b", out: 4 })), { name: "out", out: 2 });
  const constraints = coupledConstraints(b.graph(), { granularity: "filter", keep: 1, layers: ["a", "b"] });
  const scores = constraints.map(() => new Float64Array([1, 2, 3, 4]));
  const solved = solveBudget(b.graph(), constraints, scores, { target: { groups: 6 / 8 }, rule: erk });
  // At s = 2 the first keeps all, the second 0.625 of four: two groups and a half.
  assert.equal(solved.constraints.map(({ keep }) => keep), [4, 2]);
});

test("isomorphic: a group's place among those of layers of the same shapes", () => {
  const other = (scores: number[], shape: number[]) => ({ scores: Float64Array.from(scores), shapes: [shape] });
  const others = [other([1, 3, 9], [2, 2]), other([0, 0, 0, 0], [2, 3])];
  // The family holds 1, 2, 3, 4, 4, 9: below 2 lies one of six, below 4 three.
  assert.equal([...worth(isomorphic, [2, 4, 4], 1, [2, 2], others)], [1 / 6, 3 / 6, 3 / 6]);
  // Nothing of the family lies below its lowest group; of 0.5, 1, 2, 3, 9 two lie below 2.
  assert.equal([...worth(isomorphic, [0.5, 2], 1, [2, 2], others)], [0, 2 / 5]);
});

test("an unknown budget rule is refused with the names of those that there are", () => {
  assert.throws(() => budgetRuleNamed("best"), /unknown budget rule "best": known are per-cost, global, uniform, erk/);
  assert.is(budgetRuleNamed("global"), global);
});

const kept = (rule: BudgetRule, options: { target: Target; minKeep?: number; protect?: number }) => {
  const graph = chain(4, 4);
  const scores = [new Float64Array([1, 2, 3, 4]), new Float64Array([40, 30, 20, 10])];
  return solveBudget(graph, filters(graph, options.minKeep), scores, { rule, ...options }).constraints
    .map(({ keep }) => keep);
};

test("half of the groups: one threshold empties the layer of low scores, as far as its protection", () => {
  // 1, 2, 3 and then 10 are the lowest; the 4 is the last of its layer.
  assert.equal(kept(global, { target: { groups: 0.5 } }), [1, 3]);
  assert.equal(kept(global, { target: { groups: 0.5 }, minKeep: 2 }), [2, 2]);
  // ⌈0.3 · 4⌉ = 2 stay at least.
  assert.equal(kept(global, { target: { groups: 0.5 }, protect: 0.3 }), [2, 2]);
  assert.equal(kept(global, { target: { groups: 0.5 }, protect: 0.25 }), [1, 3]);
  assert.equal(kept(global, { target: { groups: 1 } }), [4, 4]);
  // Just below 7 of 8, so that two go.
  assert.equal(kept(global, { target: { groups: 0.874 } }), [2, 4]);
  assert.equal(kept(global, { target: { groups: 0.875 } }), [3, 4]);
});

test("score-per-cost: the score for each cost saved, whatever the layer has beside it", () => {
  assert.equal([...worth(scorePerCost, [4, 1, 3], 0.5)], [8, 2, 6]);
});

test("per-cost: layers whose shares are the same give alternately, the earlier one first", () => {
  assert.equal(kept(perCost, { target: { groups: 0.875 } }), [3, 4]);
  assert.equal(kept(perCost, { target: { groups: 0.75 } }), [3, 3]);
  assert.equal(kept(perCost, { target: { groups: 0.5 } }), [2, 2]);
});

test("lamp: layers of any scale give alike, and the last group of none before all others have gone", () => {
  const lamp = budgetRuleNamed("lamp");
  assert.equal([...worth(lamp, [4, 1, 3], 0.5)], [1, 1 / 8, 3 / 7]);
  assert.equal(kept(lamp, { target: { groups: 0.5 } }), [2, 2]);
  assert.equal(kept(lamp, { target: { groups: 0.75 } }), [3, 3]);
  assert.equal(kept(lamp, { target: { groups: 0.25 } }), [1, 1]);
});

test("per-cost: of two layers of the same shares the dearer gives more", () => {
  // A filter of l0 saves 4 + 1 weights and biases and the 8 that read it, one of l1 has 2 + 1 and 2.
  const graph = chain(2, 8);
  const scores = [new Float64Array([1, 1]), new Float64Array(8).fill(1)];
  const solve = (params: number) => {
    const { constraints, achieved, params: reached } = solveBudget(graph, filters(graph), scores, {
      target: { params },
    });
    return { achieved, params: reached, keep: constraints.map(({ keep }) => keep) };
  };
  // l0's first filter is worth 1/2 per 13/52, those of l1 1/8 per 5/52, 1/7, 1/6, 1/5, …: 1.3, 1.49, 1.73, then 2 for l0 before 2.08.
  const params = (a: number, c: number) => 4 * a + a + a * c + c + 2 * c + 2;
  assert.is(params(2, 8), 52);
  assert.equal(solve(params(2, 6) / 52).keep, [2, 6]);
  assert.is(solve(params(2, 6) / 52).params, 42);
  assert.equal(solve(params(2, 6) / 52).achieved, { params: 42 / 52, macs: (8 + 12 + 12) / (8 + 16 + 16) });
  assert.equal(solve(params(2, 5) / 52).keep, [2, 5]);
  // One of l0 takes 37 to 27, where 36 was asked for: two of l1 come back.
  assert.is(params(1, 5), 27);
  assert.equal(solve(36 / 52).keep, [1, 7]);
  assert.is(solve(36 / 52).params, 35);
});

test("a layer whose groups save nothing of what is asked for keeps them, however weak they are", () => {
  // Most numbers lie in memory at once around l0, 4 + 8: what l1 makes of 8 are 2.
  const graph = chain(8, 2);
  const scores = [Float64Array.from({ length: 8 }, (_, i) => 10 + i), new Float64Array([1, 2])];
  const { constraints } = solveBudget(graph, filters(graph), scores, { target: { peakBytes: 10 / 12 }, rule: global });
  assert.equal(constraints.map(({ keep }) => keep), [6, 2]);
});

test("a budget is met where it is reached exactly, in params and in macs", () => {
  const graph = chain(3);
  // 4·h + h + 2·h + 2 numbers and 4·h + 2·h multiply-adds.
  const solve = (target: Target) => {
    const { constraints: [{ keep }], achieved } = solveBudget(graph, filters(graph), [new Float64Array([3, 2, 1])], {
      target,
    });
    return [keep, achieved];
  };
  assert.equal(solve({ params: 16 / 23 }), [2, { params: 16 / 23, macs: 12 / 18 }]);
  assert.equal(solve({ params: 15.9 / 23 }), [1, { params: 9 / 23, macs: 6 / 18 }]);
  assert.equal(solve({ macs: 12 / 18 }), [2, { params: 16 / 23, macs: 12 / 18 }]);
  assert.equal(solve({ params: 1, macs: 0.5 }), [1, { params: 9 / 23, macs: 6 / 18 }]);
  // The input's 4 numbers and 3 hidden ones lie in memory at once, then the 3 and 2 outputs.
  assert.equal(solve({ peakBytes: 6 / 7 }), [2, { params: 16 / 23, macs: 12 / 18, peakBytes: 6 / 7 }]);
  assert.throws(() => solve({ params: 0.1 }), /0\.1 of the params can't be reached.*at least 0\.391 of the params/);
});

test("zeros that stay in place are not counted as stored", () => {
  const graph = chain(3);
  const [constraint] = coupledConstraints(graph, { granularity: "weight", keep: 1, layers: ["l0"] });
  // Column after column, so that no filter loses all its weights.
  const scores = Float64Array.from({ length: 12 }, (_, i) => 3 * (i % 4) + Math.floor(i / 4));
  const { constraints: [{ keep }], params } = solveBudget(graph, [constraint], [scores], { target: { params: 0.7 } });
  // 16.1 of 23: 5 of the 12 weights stay beside 3 + 6 + 2 others.
  assert.equal([keep, params], [5, 16]);
});

test("milliseconds are asked for as they are", () => {
  const graph = chain(3);
  const latency = ({ graph }: { graph: Graph }) => 10 * graph.params["l0.weight"].shape[0];
  const solve = (ms: number) =>
    solveBudget(graph, filters(graph), [new Float64Array([1, 2, 3])], { target: { ms }, latency });
  assert.equal([solve(20).constraints[0].keep, solve(20).achieved.ms], [2, 20]);
  assert.is(solve(19.9).constraints[0].keep, 1);
  // The whole network takes less.
  assert.equal([solve(45).constraints[0].keep, solve(45).shortfall], [3, undefined]);
  assert.throws(() => solve(9), /9 ms by the table can't be reached.* 10\.0 ms by the table/);
  assert.throws(() => solve(-1), /ms is -1, expected a number above 0/);
});

test("by the rule global a tenth of each layer stays, unless the budget says otherwise", () => {
  const scores = [new Float64Array(20).fill(1), Float64Array.from({ length: 20 }, (_, g) => 2 + g)];
  const kept = (protect?: number) => {
    const options = { target: { groups: 0.5 }, rule: global, ...protect !== undefined && { protect } };
    return solveBudget(chain(20, 20), filters(chain(20, 20)), scores, options).constraints.map(({ keep }) => keep);
  };
  assert.equal(kept(), [2, 18]);
  assert.equal(kept(0), [1, 19]);
  assert.equal(kept(0.25), [5, 15]);
});

test("a layer loses groups also where a device takes as long without the first of them", () => {
  const latency = ({ graph }: { graph: Graph }) => 10 * Math.ceil(graph.params["l0.weight"].shape[0] / 4);
  const scores = [Float64Array.from({ length: 8 }, (_, g) => 1 + g)];
  const { constraints: [{ keep }], achieved } = solveBudget(chain(8), filters(chain(8)), scores, {
    target: { ms: 10 },
    latency,
  });
  assert.equal([keep, achieved.ms], [4, 10]);
});

test("what isn't a budget is refused", () => {
  const graph = chain(3);
  const solve = (target: object) => () => solveBudget(graph, filters(graph), [new Float64Array(3)], { target });
  assert.throws(solve({ flops: 0.5 }), /unknown cost "flops": known are params, macs, peakBytes, groups, ms/);
  assert.throws(solve({ params: 0 }), /params is 0, expected a number above 0/);
  assert.throws(solve({ params: NaN }), /params is NaN/);
  assert.throws(solve({ peakBytes: 1.5 }), /peakBytes is 1.5, expected a fraction above 0 and at most 1/);
});

function asking(most: number, gap: (n: number) => number): { found: number | undefined; asked: number[] } {
  const asked: number[] = [];
  const found = leastThat(most, (n) => {
    asked.push(n);
    return gap(n);
  });
  return { found, asked };
}

test("the least number that meets a budget is found wherever it is; a gap of 0 is met", () => {
  for (let least = 0; least <= 40; least++) {
    assert.is(asking(40, (n) => least - n).found, least);
    assert.is(asking(40, (n) => n < least ? 1 : -1e-9).found, least);
  }
  assert.is(asking(40, (n) => 40.5 - n).found, undefined);
  assert.equal(asking(0, () => 1), { found: undefined, asked: [0, 0] });
  assert.equal(asking(5, () => 0), { found: 0, asked: [0] });
});

test("the search cuts where the secant says, and an end that stays counts half", () => {
  // The secant of a straight line meets the answer at once; one more shows that it is the least.
  assert.equal(asking(4000, (n) => 1000 - n).asked, [0, 4000, 1000, 999]);
  // 1000 · 1/15.625 = 64; then 936 · 0.9959/15.62 = 60 more; then, with the far end halved, 876 · 0.9702/8.283 = 103 more.
  assert.equal(asking(1000, (n) => 1 - (n / 400) ** 3), {
    found: 400,
    asked: [0, 1000, 64, 124, 227, 368, 436, 397, 400, 399],
  });
});

test("a cut never falls on an end of the bracket, however near the secant puts it", () => {
  // 16 · 9/256 = 0.56 is 1 after rounding; then 15 · 8/255 = 0.47 would be the low end itself, 1, and is 2.
  assert.equal(asking(16, (n) => 9 - n * n), { found: 3, asked: [0, 16, 1, 2, 3] });
});

test("where the secant doesn't get there the bracket is halved after ten cuts", () => {
  const { found, asked } = asking(1000, (n) => 1 / (n + 1) - 1 / 301);
  assert.is(found, 300);
  // The tenth cut still follows the secant, which takes less than half of the bracket.
  assert.ok(asked[11] > 0.6 * asked[10]);
  // The low end is still 0, the high one the twelfth number asked for.
  assert.is(asked[12], Math.round(asked[11] / 2));
  // 1000 · 0.99668/0.99900 = 998; 998 · 0.99768 = 996; then, with the near end halved, 996 · 0.99537 = 991.
  assert.equal(asked.slice(2, 5), [998, 996, 991]);
  assert.ok(asked[11] - asked[12] > 100);
});

const l2 = criterionNamed("l2");
const wide = modelOf(chain(4), {
  "l0.weight": [4, 1, 3, 2].flatMap((w) => [w, w, w, w]),
});

test("fractions count from the dense network, whatever is left of it by now", () => {
  // 7·h + 2 numbers of h hidden features: 30 of 4. Half of them is what 1 of 2 exceeds by nothing.
  const small = modelOf(chain(2), { "l0.weight": [1, 0, 0, 0, 2, 0, 0, 0] });
  const kept = (params: number) =>
    settle({ model: small, dense: chain(4) }, {
      constraints: [{ granularity: "filter", keep: 1 }],
      criterion: l2,
      seed: 1,
      budget: { target: { params } },
    }).kept;
  assert.equal(kept(16 / 30), [{ name: "l0:filter", kind: "filter", keep: 2, groups: 2 }]);
  assert.is(kept(0.9)[0].keep, 2);
  assert.is(kept(15 / 30)[0].keep, 1);
});

test("without a budget each constraint's own fraction counts", () => {
  const kept = (keep: number) =>
    settle({ model: wide, dense: wide.graph }, {
      constraints: [{ granularity: "filter", keep }],
      criterion: l2,
      seed: 1,
    }).kept;
  assert.is(kept(0.75)[0].keep, 3);
});

test("a step keeps what is due after its part of the way, at least one and at most what is left", () => {
  const target = { name: "l0:filter", kind: "filter", keep: 1, groups: 4 } as const;
  const at = (graph: Graph, progress: number, groups = 4) =>
    stepConstraints(graph, [{ granularity: "filter", keep: 0.1 }], [{ ...target, groups }], progress)
      .map(({ keep }) => keep);
  assert.equal(at(wide.graph, 0.5), [2]);
  assert.equal(at(wide.graph, 1), [1]);
  assert.equal(at(wide.graph, 0), [4]);
  assert.equal(at(wide.graph, 0, 9), [4]);
  assert.equal(at(wide.graph, 9), [1]);
  assert.equal(stepConstraints(wide.graph, [{ granularity: "filter", keep: 0.1 }], [], 1), []);
});

test("a control keeps as many groups as another network has left, and one at least", () => {
  const matching = (rows: number[]) =>
    matchingConstraints(wide, zeroRows(wide, { "l0.weight": rows }), [{ granularity: "filter", keep: 0.1 }])
      .map(({ keep }) => keep);
  assert.equal(matching([1, 3]), [2]);
  assert.equal(matching([0, 1, 2, 3]), [1]);
});

test("a budget that even the smallest network misses is refused before anything is trained", () => {
  const check = (target: Target, protect = 0) => () =>
    checkRequest(wide, {
      constraints: [{ granularity: "filter", keep: 1 }],
      criterion: l2,
      seed: 1,
      // Nobody has a latency to tell where no budget is in ms.
      budget: {
        target,
        protect,
        ...target.ms !== undefined && { latency: ({ graph }) => graph.params["l0.weight"].shape[0] },
      },
    });
  check({ params: 9 / 30 })();
  assert.throws(check({ params: 8.9 / 30 }), /can't be reached/);
  check({ macs: 0.25, params: 0.3 })();
  assert.throws(check({ macs: 0.24 }), /can't be reached/);
  assert.throws(check({ params: 9 / 30 }, 0.3), /can't be reached/);
  check({ ms: 1 })();
  assert.throws(check({ ms: 0.9 }), /can't be reached/);
  assert.throws(check({ params: 1, macs: 0.24, peakBytes: 1, groups: 1, ms: 4 }), /can't be reached/);
  const byNorm = { constraints: [{ granularity: "filter", keep: 0.5 } as const], seed: 1 };
  assert.throws(
    () => checkRequest(wide, { ...byNorm, criterion: criterionNamed("bn-scale") }),
    /criterion bn-scale can't score l0:filter/,
  );
});

test("zeros that stay in place lower no multiply-adds, which is said before anything is trained", () => {
  const check = (target: Target) => () =>
    checkRequest(wide, {
      constraints: [{ granularity: "weight", keep: 1 }],
      criterion: l2,
      seed: 1,
      budget: { target },
    });
  assert.throws(check({ macs: 0.5 }), /0\.5 of the macs can't be reached/);
});

test("a control's criterion that can't score what was pruned is refused by the layer's name", () => {
  const request = { constraints: [{ granularity: "filter", keep: 1 } as const], criterion: l2, seed: 1 };
  checkCriterion(wide, request, criterionNamed("l1"));
  assert.throws(
    () => checkCriterion(wide, request, criterionNamed("bn-scale")),
    /criterion bn-scale can't score l0:filter/,
  );
});

test("lots don't say what a layer is worth: for the whole network l2 ranks, whatever goes in the end", () => {
  // One filter has all but nothing of its layer, where the other layer's are alike.
  const graph = chain(8, 8);
  const model = modelOf(graph, {
    "l0.weight": Array.from({ length: 32 }, (_, i) => i < 4 ? 1 : 1e-3),
    "l1.weight": Array(64).fill(1),
  });
  const kept = (criterion: string) =>
    settle({ model, dense: graph }, {
      constraints: [{ granularity: "filter", keep: 1 }],
      criterion: criterionNamed(criterion),
      seed: 3,
      budget: { target: { groups: 0.5 } },
    }).kept.map(({ keep }) => keep);
  assert.equal(kept("l2"), [1, 7]);
  assert.equal(kept("random"), [1, 7]);
});

test.run();
