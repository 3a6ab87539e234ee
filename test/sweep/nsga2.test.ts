/** NSGA-II: its parts by hand, the same trials whatever order jobs come back in, and fronts that beat random draws'. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hypervolume } from "../../src/sweep/pareto/hypervolume.ts";
import type { Sampler } from "../../src/sweep/sampler.ts";
import { fittest, type Nsga2Options, nsga2Sampler } from "../../src/sweep/samplers/nsga2.ts";
import { randomSampler } from "../../src/sweep/samplers/random.ts";
import { crossed, mutated, mutatedValue, polynomialMutation } from "../../src/sweep/samplers/variation.ts";
import type { Dimension, Space } from "../../src/sweep/space.ts";
import type { Choices, Metrics } from "../../src/sweep/trial.ts";
import { runFake } from "./fake_sweep.ts";

const test = suite("NSGA-II");

const real = (from: number, to: number, scale: "linear" | "log" = "linear"): Dimension => ({
  kind: "real",
  from,
  to,
  scale,
});
const integer = (from: number, to: number, scale: "linear" | "log" = "linear"): Dimension => ({
  kind: "integer",
  from,
  to,
  step: 1,
  scale,
});
const CRITERIA: Dimension = { kind: "choice", values: ["l1", "l2", "taylor", "fpgm", "random"] };

/** Gives these numbers in turn. */
function numbers(...list: number[]): () => number {
  return () => {
    if (list.length === 0) throw new Error("drew more numbers than expected");
    return list.shift()!;
  };
}

test("crossover by hand: below 0.9 each choice is swapped with probability 1/2, else both are copied", () => {
  const [a, b] = [{ x: 1, y: 2, z: 3 }, { x: 4, y: 5, z: 6 }];
  assert.equal(crossed(a, b, numbers(0.89, 0.49, 0.5, 0.1)), [{ x: 4, y: 2, z: 6 }, { x: 1, y: 5, z: 3 }]);
  assert.equal(crossed(a, b, numbers(0.9)), [a, b]);
});

test("polynomial mutation by hand, and it stays within its bounds", () => {
  const near = (found: number, expected: number) => assert.ok(Math.abs(found - expected) < 1e-12, `${found}`);
  // η = 1, x = ½, u = ⅛: (¼ + ¾·¼)^½ − 1 = √(7/16) − 1.
  near(polynomialMutation(0.5, 1 / 8, 1), 0.5 + Math.sqrt(7 / 16) - 1);
  // u = ⅞: 1 − (¼ + ¾·¼)^½.
  near(polynomialMutation(0.5, 7 / 8, 1), 0.5 + 1 - Math.sqrt(7 / 16));
  // η = 1, x = ¼, u = 0.32: (0.64 + 0.36·9/16)^½ − 1.
  near(polynomialMutation(0.25, 0.32, 1), 0.25 + Math.sqrt(0.8425) - 1);
  for (const x of [0, 0.2, 0.5, 1]) {
    near(polynomialMutation(x, 0, 20), 0);
    near(polynomialMutation(x, 0.5, 20), x);
    near(polynomialMutation(x, 1, 20), 1);
  }
});

test("a mutated choice is another one, a mutated number a near one of its range, a whole one at least a step away", () => {
  assert.is(mutatedValue(CRITERIA, "taylor", 0), "l1");
  assert.is(mutatedValue(CRITERIA, "taylor", 0.5), "fpgm");
  assert.is(mutatedValue(CRITERIA, "taylor", 0.99), "random");
  assert.is(mutatedValue({ kind: "choice", values: [7] }, 7, 0.3), 7, "there is no other one");
  assert.is(mutatedValue(integer(1, 100), 50, 0.49), 49, "too little to come to the next number");
  assert.is(mutatedValue(integer(1, 100), 50, 0.5), 51);
  assert.is(mutatedValue(integer(1, 3), 3, 0.6), 2, "the only step from the end");
  assert.is(mutatedValue(integer(3, 3), 3, 0.6), 3);
  assert.is(mutatedValue({ kind: "integer", from: 8, to: 64, step: 8, scale: "linear" }, 32, 0.49), 24);
  for (const dimension of [real(1e-4, 1, "log"), real(2, 9), integer(1, 64, "log"), integer(-3, 12)]) {
    if (dimension.kind === "choice") continue;
    for (let k = 0; k < 100; k++) {
      const value = dimension.from + (k % 4 === 0 ? 0 : k % 4 === 1 ? dimension.to - dimension.from : 1e-4);
      const from = dimension.kind === "integer" ? Math.round(value) : value;
      const other = mutatedValue(dimension, from, k / 100) as number;
      assert.ok(other >= dimension.from && other <= dimension.to, `${from} became ${other}`);
      if (dimension.kind === "integer") assert.ok(Number.isInteger(other) && other !== from, `${from} became ${other}`);
    }
  }
  // η = 5, by the logarithm: from the middle of 10⁻⁴…1 as far as in 0…1.
  const position = polynomialMutation(0.5, 0.2, 5);
  const number = mutatedValue(real(1e-4, 1, "log"), 0.01, 0.2) as number;
  assert.ok(Math.abs(Math.log10(number) - (4 * position - 4)) < 1e-9, `${number}`);
});

test("each of n choices is mutated with probability 1/n", () => {
  const space = { a: CRITERIA, b: CRITERIA };
  assert.equal(mutated(space, { a: "l1", b: "l1" }, numbers(0.5, 0.49, 0)), { a: "l1", b: "l2" });
});

test("the fittest by hand: fronts in turn, and of the last one those that are least crowded", () => {
  const items = [[3, 3], [1, 4], [4, 1], [9, 9], [2, 2.4], [2.2, 2]].map((values) => ({ values, violation: 0 }));
  const found = fittest(items, (item) => item, 3);
  // (2, 2.4): (2.2 − 1)/3 + (4 − 2)/3 = 16/15; (2.2, 2): (4 − 2)/3 + (2.4 − 1)/3 = 17/15.
  assert.equal(found.map(({ item }) => items.indexOf(item)), [1, 2, 5]);
  assert.equal(fittest(items, (item) => item, 5).map(({ item, rank }) => [items.indexOf(item), rank]), [
    [1, 0],
    [2, 0],
    [4, 0],
    [5, 0],
    [0, 1],
  ]);
});

const BOTH = [{ metric: "a", direction: "min" }, { metric: "b", direction: "min" }] as const;

/** ZDT1 (Zitzler, Deb, Thiele 2000): f = x₁, g = 1 + 9·mean of the others, and g·(1 − √(f/g)); its front has g = 1. */
const ZDT1: Space = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`x${i}`, real(0, 1)]));
function zdt1(choices: Choices): Metrics {
  const [a, ...others] = Object.values(choices) as number[];
  const g = 1 + 9 * others.reduce((sum, x) => sum + x, 0) / others.length;
  return { a, b: g * (1 - Math.sqrt(a / g)) };
}

/** As a sweep's spaces are: a choice, whole numbers and a rate; what it loses in accuracy against what it computes. */
const WIDTHS: Space = {
  criterion: CRITERIA,
  lr: real(1e-4, 1, "log"),
  first: integer(1, 32),
  second: integer(1, 64, "log"),
  third: integer(1, 64),
};
function widths(choices: Choices): Metrics {
  const { criterion, lr, first, second, third } = choices as Record<string, number> & { criterion: string };
  const lost = { l1: 0.02, l2: 0.01, taylor: 0, fpgm: 0.015, random: 0.05 }[criterion]!;
  const rate = Math.log10(lr / 0.05);
  return {
    a: lost + 0.02 * rate * rate + 0.3 / first + 0.2 / second + 0.1 / third,
    b: (5 * first + 2 * first * second + second * third) / 7000,
  };
}

function front(sampler: Sampler, metrics: (choices: Choices) => Metrics, trials: number, reference: number[]): number {
  const end = runFake({ sampler, trials, metrics });
  assert.is(end.trials.length, trials);
  return hypervolume(end.trials.map(({ rungs }) => [rungs[0].metrics.a, rungs[0].metrics.b]), reference);
}

test("its fronts have a larger hypervolume than random draws' with as many trials, with each of three seeds", () => {
  for (const draw of [1, 2, 3]) {
    for (const [space, metrics, reference] of [[ZDT1, zdt1, [1.1, 6]], [WIDTHS, widths, [1, 1]]] as const) {
      const options: Nsga2Options = { space, seeds: [1], draw, objectives: BOTH, constraints: [], population: 20 };
      const bred = front(nsga2Sampler(options), metrics, 300, [...reference]);
      const random = front(randomSampler(space, [1], draw), metrics, 300, [...reference]);
      assert.ok(bred > random, `seed ${draw}: ${bred} against ${random}`);
    }
  }
});

test("any number of workers, in any order, makes the same trials; none twice, and children know their parents", () => {
  const run = (workers: number, order: number) =>
    runFake({
      sampler: nsga2Sampler({
        space: WIDTHS,
        seeds: [1, 2],
        draw: 5,
        objectives: BOTH,
        constraints: [],
        population: 10,
      }),
      trials: 90,
      workers,
      order,
      metrics: (choices, seed) => (choices.first === 7 ? undefined : { ...widths(choices), seed }),
    }).trials;
  const trials = run(1, 1);
  assert.equal(run(7, 3), trials);
  assert.equal(run(30, 8), trials);
  const keys = trials.map(({ choices, seed }) => JSON.stringify([choices, seed]));
  assert.is(new Set(keys).size, 90);
  assert.equal(trials.slice(0, 20).flatMap(({ parents }) => parents ?? []), []);
  for (const [i, { parents, seed }] of trials.slice(20).entries()) {
    assert.ok(parents!.length >= 1 && parents!.length <= 2);
    const generation = Math.floor((20 + i) / 20);
    for (const id of parents!) assert.ok(Number(id) <= 20 * generation, `parent ${id} of ${20 + i + 1}`);
    assert.is(seed, 1 + i % 2, "each choice with each seed, one behind the other");
  }
});

test("a sampler that is made anew behind so many trials goes on as the first one would have", () => {
  const options: Nsga2Options = {
    space: WIDTHS,
    seeds: [1],
    draw: 2,
    objectives: BOTH,
    constraints: [{ metric: "b", relation: "<=", value: 0.2 }],
    population: 10,
  };
  const { trials } = runFake({ sampler: nsga2Sampler(options), trials: 60, metrics: widths });
  for (const done of [0, 7, 10, 35, 50]) {
    const next = nsga2Sampler(options).ask(trials.slice(0, done), 60);
    const end = Math.min(60, 10 * Math.floor(done / 10) + 10);
    const expected = trials.slice(done, end).map(({ choices }) => choices);
    assert.equal(next.map(({ choices }) => choices), expected, "up to the end of the generation");
  }
});

test("trials that violate a constraint make way for those that meet it", () => {
  const { trials } = runFake({
    sampler: nsga2Sampler({
      space: WIDTHS,
      seeds: [1],
      draw: 3,
      objectives: BOTH,
      constraints: [{ metric: "b", relation: "<=", value: 0.02 }],
      population: 20,
    }),
    trials: 200,
    metrics: widths,
  });
  const met = (from: number) => trials.slice(from, from + 20).filter(({ rungs }) => rungs[0].metrics.b <= 0.02).length;
  assert.ok(met(0) < 10 && met(180) > 14, `${met(0)} of the first generation, ${met(180)} of the last one`);
});

test("a space that is smaller than its generations is gone through once, and then exhausted", () => {
  const space: Space = { criterion: CRITERIA, k: integer(1, 3) };
  const sampler = nsga2Sampler({ space, seeds: [1], draw: 1, objectives: BOTH, constraints: [], population: 10 });
  const { trials } = runFake({
    sampler,
    trials: 100,
    metrics: ({ k }) => ({ a: k as number, b: -(k as number) }),
  });
  assert.is(trials.length, 15);
  assert.is(new Set(trials.map(({ choices }) => JSON.stringify(choices))).size, 15);
});

test.run();
