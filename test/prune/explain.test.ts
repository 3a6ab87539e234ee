/** Why groups stay or go: places, thresholds and costs worked out by hand, and the same choice as pruning makes. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { explain } from "../../src/prune/explain.ts";
import { prune, type PruneOptions } from "../../src/prune/prune_model.ts";
import { modelOf } from "./models.ts";

const test = suite("explain");

/** Linear layers of so many filters, from 2 features to 1 output. */
function chain(...widths: number[]): Graph {
  const b = builder("g", ["N", 2]);
  let x = b.input;
  widths.forEach((out, i) => x = b.relu(b.gemm(x, { name: `l${i}`, out })));
  b.gemm(x, { name: "out", out: 1 });
  return b.graph();
}

// By l1 the filters score 4, 1, 3 and 2. A filter is 2 weights, a bias, and the weight that reads it: 4 of 17 numbers, 3 of 12 MACs.
const one = modelOf(chain(4), { "l0.weight": [4, 0, 1, 0, 3, 0, 2, 0] });
const half = { criterion: "l1", budget: { params: 0.5, rule: "global" } } as const;

test("a group's score, rank, place, threshold and cost", () => {
  const found = explain(one, "l0:2", half);
  assert.equal(found, {
    name: "l0:filter",
    kind: "filter",
    layers: ["l0"],
    groups: 4,
    keep: 1,
    least: 1,
    criterion: "l1",
    budget: {
      rule: "global",
      requested: { params: 0.5 },
      achieved: { params: 5 / 17, macs: 3 / 12 },
      order: 3,
      cut: 3,
      threshold: 3,
      shortfall: found.budget!.shortfall,
    },
    ranking: [{
      group: 2,
      score: 3,
      rank: 2,
      worth: 3,
      place: 3,
      stays: false,
      reason: "dear",
      why:
        "its worth by global is not above the threshold of 3.000, and it is too dear for what the budget leaves over",
    }],
    cost: { params: { amount: 4, fraction: 4 / 17 }, macs: { amount: 3, fraction: 3 / 12 } },
  });
  const latency = ({ graph }: { graph: Graph }) => 10 * graph.params["l0.weight"].shape[0];
  assert.is(explain(one, "l0:2", { budget: { ms: 20, latency } }).cost!.ms, 10);
});

test("of a layer all groups, the highest score first, each with its reason", () => {
  const { ranking, cost } = explain(one, "l0", { criterion: "l1", budget: { params: 13 / 17, rule: "global" } });
  assert.equal(ranking.map(({ group, stays, why }) => [group, stays, why]), [
    [0, true, "it is protected: the layer keeps 1 of 4 in any case"],
    [2, true, "its worth by global is not below the threshold of 1.000"],
    [3, true, "its worth by global is not below the threshold of 1.000"],
    [1, false, "its worth by global is not above the threshold of 1.000"],
  ]);
  assert.is(cost, undefined);
  assert.is(explain(one, "l0:3", { budget: { macs: 1 } }).ranking[0].why, "the whole network is within the budget");
});

test("groups that come back or go beside the threshold say so", () => {
  // 3·a + a·c + 2·c + 1 numbers: 39 of 2 and 8. After three of l1 (27) goes one of l0 (19), worth 1/2 per 11/39; then two of l1 fit.
  const graph = chain(2, 8);
  const model = modelOf(graph, { "l0.weight": [1, 0, 1, 0], "l1.weight": Array(16).fill(1) });
  const options = { criterion: "l1", budget: { params: 26 / 39 } };
  const { keep, ranking, budget } = explain(model, "l1", options);
  assert.equal([keep, explain(model, "l0", options).keep], [7, 1]);
  assert.ok(Math.abs(budget!.threshold! - 39 / 22) < 1e-9, `${budget!.threshold}`);
  assert.is(budget!.achieved.params, 25 / 39);
  const below = "its worth by per-cost is not above the threshold of 1.773";
  assert.is(ranking[5].why, `${below}, but it fits into what dearer groups have left over by going`);
  assert.is(ranking[7].why, `${below}, and it is too dear for what the budget leaves over`);
});

test("without a budget, and under n:m, it is by rank", () => {
  const why = (name: string, options: PruneOptions) => explain(one, name, options).ranking[0].why;
  const filters = { criterion: "l1", constraints: [{ granularity: "filter", keep: 0.5 }] } as const;
  assert.is(why("l0:2", filters), "it is among the 2 of 4 that stay");
  assert.is(why("l0:3", filters), "2 of 4 stay, and they score higher");
  const runs = { constraints: [{ granularity: "n:m", n: 1, m: 2 }] } as const;
  assert.is(why("l0:0", runs), "it is among the 1 highest of its 2");
  assert.is(why("l0:1", runs), "1 others of its 2 score higher");
});

test("a layer that nothing touches says why", () => {
  const two = modelOf(chain(4, 4));
  const why = (name: string, constraint: object) =>
    explain(
      two,
      name,
      { constraints: [{ granularity: "filter", ...constraint }], budget: { params: 0.9 } } as PruneOptions,
    )
      .untouched;
  assert.match(`${why("out", {})}`, /^it can't be pruned by filter: it makes the output "out"/);
  assert.is(why("l0:1", { exclude: ["l0"] }), "exclude keeps l0, with all that is coupled to them");
  assert.is(why("l0", { layers: ["l1"] }), 'the constraint "filter" is for other layers');
});

test("a name that there isn't is refused, with those that there are", () => {
  assert.throws(() => explain(one, "l7", half), /^explain: no layer or group is named "l7"; there are l0, out$/);
  assert.throws(() => explain(one, "l0:4", half), /^explain: "l0" has the groups 0 to 3, got 4$/);
  const constraints = [{ granularity: "filter" }, { granularity: "column" }] as const;
  assert.throws(
    () => explain(one, "l0", { constraints, budget: { params: 0.5 } }),
    /"l0" has groups of several kinds: say l0:filter or l0:column/,
  );
  assert.is(explain(one, "l0:column:1", { constraints, budget: { params: 0.5 } }).ranking[0].group, 1);
});

test("what it says stays is what pruning leaves", () => {
  const graph = createModel("resnet8", { width: 0.25, size: 8, shortcut: "projection" });
  const model = modelOf(graph);
  for (const criterion of ["l2", "random", "lamp"]) {
    const options = { criterion, budget: { macs: 0.5, protect: 0.1 } };
    const { masks, kept } = prune(model, options);
    for (const { name, keep } of kept) {
      const { ranking, layers } = explain(model, name, options);
      assert.is(ranking.filter(({ stays }) => stays).length, keep, `${criterion} ${name}`);
      const mask = masks.get(`${layers[0]}.weight`);
      const row = graph.params[`${layers[0]}.weight`].shape.slice(1).reduce((a, b) => a * b);
      for (const { group, stays } of ranking) {
        assert.is(mask ? mask.data[group * row] : 1, stays ? 1 : 0, `${criterion} ${name} ${group}`);
      }
    }
  }
});

test.run();
