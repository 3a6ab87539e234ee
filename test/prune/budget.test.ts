import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countNonzero, graphCost } from "../../src/graph/cost.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { solveBudget } from "../../src/prune/budget/budget.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { topGroups } from "../../src/prune/structures/selection.ts";
import { energiesOf, modelOf } from "./models.ts";

const test = suite("budget");

const graph = createModel("digits");
const model = modelOf(graph);
const filters = coupledConstraints(graph, { granularity: "filter", keep: 1, minKeep: 2 });
const energies = filters.map((constraint) => energiesOf(constraint, model));
const dense = graphCost(graph);

test("the budget is met, just, by the network that really comes out", () => {
  for (const target of [{ params: 0.3 }, { macs: 0.2 }, { params: 0.25, macs: 0.25 }]) {
    const budget = solveBudget(graph, filters, energies, { target });
    const choices = budget.constraints.map((constraint, c) => ({
      constraint,
      kept: topGroups(energies[c], constraint.keep),
    }));
    const { model: small } = compact(maskModel(model, masksOf(choices, model.params)));
    const cost = graphCost(small.graph);
    assert.is(cost.params, budget.params);
    assert.is(cost.macs, budget.macs);
    assert.equal(budget.achieved, { params: cost.params / dense.params, macs: cost.macs / dense.macs });
    const gaps = Object.entries(target).map(([what, f]) => f - budget.achieved[what as "params" | "macs"]);
    assert.ok(gaps.every((gap) => gap >= 0) && Math.min(...gaps) < 0.05, `${gaps}`);
  }
});

test("strong layers keep more, and none goes below its minKeep", () => {
  const target = { params: 0.3 };
  const before = solveBudget(graph, filters, energies, { target }).constraints.map(({ keep }) => keep);
  const peaked = energies.map((e, c) => c === 1 ? e.map((v, g) => g < 4 ? v : v * 1e-6) : e);
  const after = solveBudget(graph, filters, peaked, { target }).constraints.map(({ keep }) => keep);
  assert.ok(after[1] < before[1], `${before} ${after}`);
  assert.ok(after[2] > before[2], `${before} ${after}`);
  const least = solveBudget(graph, filters, energies, { target: { params: 0.02 } });
  assert.ok(least.constraints.every(({ keep, minKeep }) => keep >= minKeep));
});

test("single weights: their zeros don't count", () => {
  const weights = coupledConstraints(graph, { granularity: "weight", keep: 1 });
  const own = weights.map((constraint) => energiesOf(constraint, model));
  const { achieved } = solveBudget(graph, weights, own, { target: { params: 0.1 } });
  assert.ok(achieved.params <= 0.1 && achieved.params > 0.095);
});

test("finer groups are priced as what the coarser ones leave of them", () => {
  const residual = modelOf(createModel("resnet8", { width: 0.5 }));
  for (const finer of ["column", "weight"] as const) {
    const constraints = [{ granularity: "filter", layers: ["layer*", "conv1"] }, {
      granularity: finer,
      layers: ["layer*conv*"],
    }] as const;
    for (const params of [0.2, 0.05]) {
      const { model: masked } = prune(residual, { constraints, budget: { params } });
      const { model: small } = compact(masked);
      // Zeros that stay in place aren't counted as stored.
      const stored = finer === "column" ? graphCost(small.graph).params : countNonzero(small.params);
      const part = stored / graphCost(residual.graph).params;
      assert.ok(part <= params && part > params - 0.01, `${finer}: ${part} of ${params}`);
    }
  }
});

test("finer groups are chosen, and priced, once the coarser ones are gone", () => {
  const residual = modelOf(createModel("resnet8", { width: 0.5 }));
  const macsOf = (graph: Graph) => graphCost(graph).macs / graphCost(residual.graph).macs;
  // Time goes in steps, of which two are missed where kernels of channels that are gone count among those that stay.
  const latency = ({ graph }: Model) => 0.05 + Math.ceil(100 * macsOf(graph)) / 100;
  for (
    const [budget, criterion] of [
      [{ ms: 0.4, rule: "global", latency }, "l2"],
      [{ params: 0.5, rule: "per-cost" }, "lamp"],
    ] as const
  ) {
    const constraints = [{ granularity: "channel" }, { granularity: "kernel" }] as const;
    const { model: masked, shortfall } = prune(residual, { constraints, budget, criterion });
    const { model: small } = compact(masked);
    const zeros = [...small.params].reduce(
      (sum, [name, tensor]) =>
        small.graph.params[name].role === "weight" && tensor.shape.length === 4
          ? sum + tensor.data.length - countNonzero(new Map([[name, tensor]]))
          : sum,
      0,
    );
    const [reached, asked] = "ms" in budget
      ? [latency(small), budget.ms]
      : [(graphCost(small.graph).params - zeros) / graphCost(residual.graph).params, budget.params];
    assert.ok(reached <= asked && reached > asked - 0.02, `${reached} of ${asked}`);
    assert.is(shortfall, undefined);
  }
});

test("a budget that can't be, or isn't one", () => {
  const solve = (target: { params?: number; macs?: number }) => () => solveBudget(graph, filters, energies, { target });
  assert.throws(
    solve({ params: 1e-4 }),
    /0.0001 of the params can't be reached, the constraints leave at least 0\.\d+/,
  );
  assert.throws(solve({}), /nothing is asked for; give one of params, macs, peakBytes, groups, ms/);
  assert.throws(solve({ macs: 1.5 }), /macs is 1.5, expected a fraction above 0/);
});

test.run();
