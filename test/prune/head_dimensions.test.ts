/** Dimensions of queries, keys and values as groups: who is in them, that each head keeps as many, and budgets. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { solveBudget } from "../../src/prune/budget/budget.ts";
import { l2 } from "../../src/prune/criteria/l2.ts";
import { scoreGroups } from "../../src/prune/criteria/score.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { keptGroups, wholeKeep } from "../../src/prune/structures/selection.ts";
import { violations } from "../../src/prune/structures/violations.ts";
import { transformer, vit } from "../generate/transformer.ts";
import { difference } from "./equal.ts";
import { energiesOf, modelOf, shapeOf } from "./models.ts";

const test = suite("dimensions of heads as groups");

const graph = vit("together");
const constraint = (granularity: "qk" | "v", keep = 0.5, of = graph) =>
  coupledConstraints(of, { granularity, keep })[0];

test("dimension j of a head's queries and keys is one group, and one of its values another", () => {
  // Input 0 of the projection reaches feature i with i + 1, all others are 0.
  const weight = Array.from({ length: 8 * 24 }, (_, i) => i < 24 ? i + 1 : 0);
  const model = modelOf(graph, { "qkv.weight": weight });
  const [qk, v] = [constraint("qk"), constraint("v")];
  assert.equal([qk.name, qk.groups, qk.keep, qk.minKeep], ["attend:qk", 8, 4, 2]);
  assert.equal([...energiesOf(qk, model)], [1, 2, 3, 4, 5, 6, 7, 8].map((i) => i ** 2 + (i + 8) ** 2));
  assert.equal([...energiesOf(v, model)], [17, 18, 19, 20, 21, 22, 23, 24].map((i) => i ** 2));
  assert.equal(v.readers.map(({ param }) => param), ["proj.weight"]);
  assert.is(violations(qk, model.params), 0);
});

test("each head keeps as many, those of its own highest scores", () => {
  const rule = { kind: "even", runs: 2 } as const;
  assert.equal(keptGroups({ rule, keep: 4 }, [9, 8, 7, 6, 1, 2, 3, 4]), [0, 1, 6, 7]);
  // What doesn't divide is rounded down, and each head keeps one.
  assert.equal(keptGroups({ rule, keep: 5 }, [9, 8, 7, 6, 1, 2, 3, 4]), [0, 1, 6, 7]);
  assert.equal(keptGroups({ rule, keep: 1 }, [9, 8, 7, 6, 1, 2, 3, 4]), [0, 7]);
  assert.equal([wholeKeep(rule, 5), wholeKeep(rule, 1), wholeKeep(undefined, 5)], [4, 2, 5]);
  assert.equal([0.25, 0.4, 0.01, 1].map((keep) => constraint("qk", keep).keep), [2, 4, 2, 8]);
});

test("pruned by a ratio, the network is the masked one", () => {
  for (const way of ["apart", "together", "stacked"] as const) {
    const model = modelOf(vit(way));
    const { model: masked, kept } = prune(model, {
      constraints: [{ granularity: "qk", keep: 0.5 }, { granularity: "v", keep: 0.25 }],
    });
    assert.equal(kept.map(({ name, keep, groups }) => [name, keep, groups]), [["attend:qk", 4, 8], ["attend:v", 2, 8]]);
    const { model: small } = compact(masked);
    assert.is(shapeOf(small, "proj.weight"), "2x8");
    if (way !== "apart") assert.is(shapeOf(small, "qkv.weight"), "8x10");
    assert.ok(difference(masked, small) <= 1e-6, way);
  }
});

test("a budget counts with as many from each head, and is met", () => {
  const model = modelOf(graph);
  const constraints = [constraint("qk", 1), constraint("v", 1)];
  const scores = constraints.map((one) => scoreGroups(l2, one, { model, seed: 1 }).scores);
  const { achieved } = solveBudget(graph, constraints, scores, { target: { params: 0.9 } });
  const { model: masked, kept } = prune(model, {
    constraints: [{ granularity: "qk" }, { granularity: "v" }],
    budget: { params: 0.9 },
  });
  for (const { name, keep } of kept) assert.is(keep % 2, 0, name);
  const after = graphCost(compact(masked).model.graph).params / graphCost(graph).params;
  assert.ok(after <= 0.9, `${after}`);
  assert.ok(Math.abs(after - achieved.params) < 1e-12, `${after}, and ${achieved.params} was told`);
});

test("what has none is refused", () => {
  const asked = (granularity: "qk" | "v", layers: string[], of = graph) => () =>
    coupledConstraints(of, { granularity, keep: 0.5, layers });
  assert.throws(asked("qk", ["fc1"]), /layer "fc1" can't be pruned by qk: it makes no queries or keys of heads/);
  assert.throws(asked("v", ["fc1"]), /layer "fc1" can't be pruned by v: it makes no values of heads/);
  // Nothing but the sum reads the heads: they are the stream's width.
  assert.throws(asked("v", ["v"], transformer()), /it makes no values/);
  assert.is(asked("qk", ["q"], transformer())()[0].groups, 8);
  const b = builder("g", ["N", 3, 4]);
  b.attention(b.input, b.input, b.input, { name: "attend" });
  b.gemm(b.flatten(b.reshape(b.input, [12])), { name: "fc", out: 2 });
  assert.throws(asked("qk", ["*"], b.graph()), /its heads have no axis of their own/);
});

test.run();
