import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../../kernels/random/philox.ts";
import { graphCost } from "../../../src/graph/cost.ts";
import { createModel } from "../../../src/models/zoo.ts";
import { budgetByCurves, lossCurve } from "../../../src/prune/budget/by_curves.ts";
import { type Choice, choiceKnapsack } from "../../../src/prune/budget/choice_knapsack.ts";
import { leastLoss, type LossCurve } from "../../../src/prune/budget/least_loss.ts";
import { costOfTerms, type CostTerm, productCosts } from "../../../src/prune/budget/product_costs.ts";
import { compact } from "../../../src/prune/rewrite/compact.ts";
import type { Sensitivity } from "../../../src/prune/sensitivity/types.ts";
import { coupledConstraints } from "../../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../../src/prune/structures/masks.ts";
import { modelOf } from "../models.ts";

const test = suite("a budget by curves");

/** All lists of one number below each length. */
function everyPick(lengths: readonly number[]): number[][] {
  return lengths.reduce<number[][]>(
    (all, length) => all.flatMap((picks) => Array.from({ length }, (_, pick) => [...picks, pick])),
    [[]],
  );
}

test("the choices of least loss within the limit, by hand", () => {
  const layers: Choice[][] = [
    [{ cost: 0, loss: 0 }, { cost: -2, loss: 1 }, { cost: -4, loss: 5 }],
    [{ cost: 0, loss: 0 }, { cost: -3, loss: 2 }],
  ];
  // To save 3: the second layer alone loses 2, the first one alone 5. To save 4: both, for 3. To save 7: all, for 7.
  assert.equal(choiceKnapsack(layers, -3), [0, 1]);
  assert.equal(choiceKnapsack(layers, -4), [1, 1]);
  assert.equal(choiceKnapsack(layers, -7), [2, 1]);
  // Costs are rounded up, so what fills the room exactly may be taken for too much; with a little more room it isn't.
  assert.equal(choiceKnapsack(layers, 0.01), [0, 0]);
  assert.is(choiceKnapsack(layers, -7.1), undefined);
});

test("choices are as good as the best of all, but for the rounding of costs", () => {
  const rng = random(1, "knapsack");
  for (let round = 0; round < 40; round++) {
    const layers = Array.from({ length: 4 }, (_, l) =>
      Array.from({ length: 5 }, (_, c): Choice => ({
        cost: -rng.uniform(round, 100 + l * 10 + c) * c,
        loss: rng.uniform(round, 200 + l * 10 + c) * c,
      })));
    const limit = -rng.uniform(round, 1) * 4;
    const found = choiceKnapsack(layers, limit);
    const sum = (picks: readonly number[], of: keyof Choice) =>
      picks.reduce((total, pick, l) => total + layers[l][pick][of], 0);
    const least = layers.reduce((total, choices) => total + Math.min(...choices.map(({ cost }) => cost)), 0);
    // With 4 layers rounded up, the best that has 4/4000 of the room less is always among what is looked at.
    const tighter = limit - (limit - least) * 4 / 4000;
    const best = Math.min(
      ...everyPick([5, 5, 5, 5]).filter((p) => sum(p, "cost") <= tighter).map((p) => sum(p, "loss")),
    );
    if (!found) assert.ok(least > limit);
    else assert.ok(sum(found, "cost") <= limit + 1e-9 && sum(found, "loss") <= best + 1e-12, `round ${round}`);
  }
});

/** Layers in a row, each of which reads the one before it, with a stream that all read and write in some. */
function randomProblem(round: number, layers: number, levels: number): { curves: LossCurve[]; terms: CostTerm[] } {
  const rng = random(2, "problem");
  const draw = (index: number) => rng.uniform(round, index);
  const curves = Array.from({ length: layers }, (_, l): LossCurve => {
    let loss = 0;
    return Array.from({ length: levels }, (_, i) => {
      if (i > 0) loss += draw(l * 50 + i) ** 3;
      return { keep: levels - i, loss };
    });
  });
  const pairs = Array.from({ length: layers }, (_, l) => [[l, (l + 1) % layers], [l], [l, l]]).flat();
  const factors = pairs.map((_, i) => draw(1000 + i));
  const sum = factors.reduce((a, b) => a + b, 0);
  const kept = Array.from({ length: levels + 1 }, (_, keep) => 0.1 + 0.9 * (keep - 1) / (levels - 1));
  return { curves, terms: pairs.map((of, i) => ({ of: of.map((at) => ({ at, kept })), factor: factors[i] / sum })) };
}

test("what layers keep loses hardly more than the best of all choices, though costs multiply", () => {
  const ratios: number[] = [];
  for (let round = 0; round < 60; round++) {
    const { curves, terms } = randomProblem(round, 4, 6);
    const limit = 0.2 + 0.6 * random(3, "limit").uniform(round, 0);
    const keep = (picks: readonly number[]) => picks.map((pick, c) => curves[c][pick].keep);
    const lost = (picks: readonly number[]) => picks.reduce((sum, pick, c) => sum + curves[c][pick].loss, 0);
    const found = leastLoss(curves, terms, limit)!;
    assert.ok(costOfTerms(terms, keep(found)) <= limit);
    const best = Math.min(...everyPick([6, 6, 6, 6]).filter((p) => costOfTerms(terms, keep(p)) <= limit).map(lost));
    ratios.push(lost(found) / best);
  }
  assert.ok(Math.max(...ratios) <= 1.02, `${ratios}`);
});

test("a limit that even the least of every layer misses can't be met", () => {
  const { curves, terms } = randomProblem(0, 3, 4);
  assert.is(leastLoss(curves, terms, 0.001), undefined);
  assert.equal(leastLoss(curves, terms, 1), [0, 0, 0]);
});

test("the products cost what the compact network does", () => {
  for (const name of ["digits", "resnet8", "mobilenetv2-micro"]) {
    const graph = createModel(name);
    const model = modelOf(graph);
    const constraints = coupledConstraints(graph, { granularity: "filter", keep: 1 });
    const keep = constraints.map(({ groups }, c) => Math.round(groups * (0.3 + 0.7 * (c % 3) / 3)));
    const ranked = constraints.map(({ groups }) => scattered(groups));
    const choices = constraints.map((constraint, c) => ({ constraint, kept: ranked[c].slice(0, keep[c]) }));
    const { model: small } = compact(maskModel(model, masksOf(choices, model.params)));
    const found = costOfTerms(productCosts(graph, constraints, ranked, "macs"), keep);
    const expected = graphCost(small.graph).macs / graphCost(graph).macs;
    assert.ok(Math.abs(found - expected) < 1e-9, `${name}: ${found} ${expected}`);
    const params = costOfTerms(productCosts(graph, constraints, ranked, "params"), keep);
    assert.ok(Math.abs(params - graphCost(small.graph).params / graphCost(graph).params) < 1e-9, `${name}: ${params}`);
  }
});

test("a layer's loss is held where it falls, interpolated in between, and ties go by the outputs", () => {
  const points = [
    { keep: 8, outputLoss: 0.1, accuracy: 0.95 },
    { keep: 6, outputLoss: 0.2, accuracy: 0.85 },
    { keep: 2, outputLoss: 0.4, accuracy: 0.9 },
  ];
  const loss = lossCurve({ name: "a:filter", layers: ["a"], groups: 10, points }, 0.95);
  const near = (keep: number, expected: number) => assert.ok(Math.abs(loss(keep) - expected) < 1e-12, `${loss(keep)}`);
  near(10, 0);
  near(8, 0.00001);
  near(9, 0.000005);
  near(6, 0.10002);
  near(7, (0.10002 + 0.00001) / 2);
  near(2, 0.10002);
  // Without labels the outputs' loss alone counts.
  const blind = lossCurve({ name: "a:filter", layers: ["a"], groups: 10, points }, undefined);
  assert.is(blind(6), 0.2);
});

/** Groups in an order in which those of each stage of a stream are spread. */
function scattered(groups: number): number[] {
  return Array.from({ length: groups }, (_, g) => g).sort((a, b) => 37 * a % 67 - 37 * b % 67);
}

/** Curves by which a layer loses so much for each part that goes. */
function curvesOf(names: readonly [string, number][], slopes: readonly number[]): Sensitivity {
  return {
    dense: { accuracy: 1, loss: 0 },
    curves: names.map(([name, groups], c) => ({
      name,
      layers: [name],
      groups,
      points: [0.75, 0.5, 0.25].map((part) => {
        const keep = Math.round(groups * part);
        return { keep, accuracy: 1 - slopes[c] * (1 - keep / groups), loss: 0, outputLoss: 0 };
      }),
    })),
  };
}

test("the budget takes from the layers that lose least, meets what is asked for, and goes no further than was measured", () => {
  const graph = createModel("resnet8");
  const constraints = coupledConstraints(graph, { granularity: "filter", keep: 1 });
  const names = constraints.map(({ name, groups }): [string, number] => [name, groups]);
  const scores = constraints.map(({ groups }) => {
    const order = scattered(groups);
    return Float64Array.from({ length: groups }, (_, g) => groups - order.indexOf(g));
  });
  const solve = (slopes: readonly number[], macs: number) =>
    budgetByCurves(graph, constraints, scores, { target: { macs }, curves: curvesOf(names, slopes) }).constraints;
  const cheapStream = solve([0.01, 1, 1, 1], 0.7);
  assert.ok(cheapStream[0].keep < constraints[0].groups);
  assert.equal(cheapStream.slice(1).map(({ keep }) => keep), constraints.slice(1).map(({ groups }) => groups));
  const dearStream = solve([1, 0.01, 0.01, 0.01], 0.7);
  assert.is(dearStream[0].keep, constraints[0].groups);
  const model = modelOf(graph);
  for (const solved of [cheapStream, dearStream]) {
    const choices = solved.map((constraint, c) => ({
      constraint,
      kept: scattered(constraints[c].groups).slice(0, constraint.keep),
    }));
    const { model: small } = compact(maskModel(model, masksOf(choices, model.params)));
    const macs = graphCost(small.graph).macs / graphCost(graph).macs;
    assert.ok(macs <= 0.7 && macs > 0.67, `${macs}`);
  }
  assert.throws(() => solve([1, 1, 1, 1], 0.01), /0.01 of the macs can't be reached/);
  const curves = curvesOf(names, [1, 1, 1, 1]);
  const ask = (changed: Sensitivity, target: object = { macs: 0.7 }) => () =>
    budgetByCurves(graph, constraints, scores, { target, curves: changed });
  assert.throws(ask({ ...curves, curves: curves.curves.slice(1) }), /knows nothing of conv1:filter.*exclude/);
  const other = { ...curves, curves: curves.curves.map((curve) => ({ ...curve, groups: 99 })) };
  assert.throws(ask(other), /whose conv1:filter has 99 groups, here it has 64/);
  assert.throws(ask(curves, { ms: 3 }), /against macs or params, got ms/);
});

test.run();
