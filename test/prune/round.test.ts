/** Widths that are kept multiples: what a layer may keep, and budgets that take or give several groups at once. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { createModel } from "../../src/models/zoo.ts";
import { budgetByCurves } from "../../src/prune/budget/by_curves.ts";
import { leastKept, solveBudget } from "../../src/prune/budget/budget.ts";
import { global } from "../../src/prune/budget/global.ts";
import { allowedCounts, keptCount, multipleFor } from "../../src/prune/budget/per_layer.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { modelOf } from "./models.ts";

const test = suite("widths that are multiples");

test("a layer keeps all of its groups or a multiple, none below what it keeps in any case", () => {
  assert.equal(allowedCounts({ groups: 10, multiple: 4 }, 1), [10, 8, 4]);
  assert.equal(allowedCounts({ groups: 10, multiple: 4 }, 5), [10, 8]);
  assert.equal(allowedCounts({ groups: 8, multiple: 4 }, 1), [8, 4]);
  assert.equal(allowedCounts({ groups: 3, multiple: 4 }, 1), [3]);
  assert.equal(allowedCounts({ groups: 5 }, 3), [5, 4, 3]);
});

test("a fraction becomes the nearest of these counts, of two the larger", () => {
  // 0.5 · 10 = 5 is nearest to 4, 0.6 · 10 = 6 lies between 4 and 8, 0.95 · 10 = 9.5 is nearest to 10.
  assert.equal([0.5, 0.6, 0.95, 0.1].map((keep) => keptCount(10, keep, 1, 4)), [4, 8, 10, 4]);
  assert.is(keptCount(10, 0.1, 5, 4), 8);
  assert.is(keptCount(3, 0.3, 1, 4), 3);
  assert.equal([0.5, 0.55, 0.1].map((keep) => keptCount(10, keep, 2)), [5, 6, 2]);
});

test("filters are counted, not groups: a head of 16 features is a multiple by itself", () => {
  assert.equal([[1], [16], [2], [1, 2], [3, 2]].map((filters) => multipleFor(4, filters)), [4, 1, 2, 4, 4]);
  // 6 / gcd(6, 4) = 3.
  assert.is(multipleFor(6, [4]), 3);
  assert.is(multipleFor(4, [2.5]), 1, "groups of unequal numbers of filters");
});

/** conv1 of 8 filters and fc: 8·4 + 8·4·2 = 96 multiply-adds, 12 for each filter. */
function eightFilters() {
  const b = builder("eight", ["N", 1, 2, 2]);
  b.gemm(b.flatten(b.relu(b.conv(b.input, { name: "conv1", out: 8, kernel: 1 }))), { name: "fc", out: 2 });
  const graph = b.graph();
  return { graph, filters: coupledConstraints(graph, { granularity: "filter", keep: 1, round: 4 }) };
}

const SCORES = Float64Array.of(8, 7, 6, 5, 4, 3, 2, 1);

test("a budget takes as many groups at once as lie between two multiples, by the mean of their worth", () => {
  const { graph, filters } = eightFilters();
  const found = solveBudget(graph, filters, [SCORES], { target: { macs: 0.7 }, rule: global, protect: 0 });
  assert.is(found.constraints[0].keep, 4);
  assert.is(found.macs, 48);
  // (4 + 3 + 2 + 1) / 4
  assert.equal(found.order, [7, 6, 5, 4].map((rank) => ({ c: 0, rank, worth: 2.5 })));
  assert.is(found.cut, 4);
  assert.match(
    found.shortfall!,
    /0\.7 of the macs was asked for, and 0\.500 .*: 4 groups more of "conv1:filter".* make it 1\.00/,
  );
  assert.equal(leastKept(filters, { rule: global, protect: 0.6 }), [8], "4 is less than 0.6 · 8");
  assert.throws(
    () => solveBudget(graph, filters, [SCORES], { target: { macs: 0.3 } }),
    /0\.3 of the macs can't be reached, the constraints leave at least 0\.500/,
  );
});

test("a budget by curves chooses among multiples alone", () => {
  const { graph, filters } = eightFilters();
  const points = [6, 5, 2].map((keep) => ({ keep, outputLoss: 1 - keep / 8, accuracy: 0.9 }));
  const curves = { dense: { accuracy: 0.9 }, curves: [{ name: "conv1:filter", layers: ["conv1"], groups: 8, points }] };
  const { constraints } = budgetByCurves(graph, filters, [SCORES], { target: { macs: 0.8 }, curves });
  assert.is(constraints[0].keep, 4);
});

test("all widths of a MobileNetV2 at half of its multiply-adds are multiples of 4 or as they were", () => {
  const graph = createModel("mobilenetv2-micro", { size: 8 });
  const constraints = [{ granularity: "filter" as const, round: 4 }];
  const { kept, shortfall } = prune(modelOf(graph), { constraints, budget: { macs: 0.5 } });
  assert.ok(kept.some(({ keep, groups }) => keep < groups));
  for (const { name, keep, groups } of kept) {
    assert.ok(keep === groups || keep % 4 === 0, `${name}: ${keep} of ${groups}`);
  }
  assert.is(shortfall, undefined, "within a hundredth");
});

test("a round that is none, or of groups that are no widths, is refused", () => {
  const graph = createModel("digits");
  const said = (options: object) => () => coupledConstraints(graph, { keep: 0.5, ...options } as never);
  assert.throws(said({ granularity: "filter", round: 2.5 }), /round is 2\.5, expected a whole number of at least 1/);
  assert.throws(said({ granularity: "weight", round: 4 }), /round is for the kind filter, whose counts are widths/);
});

test.run();
