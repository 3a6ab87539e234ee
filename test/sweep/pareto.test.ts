/** Domination, fronts, crowding and hypervolume: by hand, and against what follows the definitions letter by letter. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { crowdingDistance } from "../../src/sweep/pareto/crowding.ts";
import { dominates, type Point } from "../../src/sweep/pareto/dominance.ts";
import { nonDominatedSort, paretoFront } from "../../src/sweep/pareto/fronts.ts";
import { parseConstraint, parseObjective } from "../../src/sweep/objective.ts";
import { pointOf, violationOf } from "../../src/sweep/pareto/trial_points.ts";
import { hypervolume } from "../../src/sweep/pareto/hypervolume.ts";

const test = suite("Pareto");

const point = (...values: number[]): Point => ({ values, violation: 0 });
const broken = (violation: number, ...values: number[]): Point => ({ values, violation });

test("a point dominates what is no better in any objective and worse in one", () => {
  assert.ok(dominates(point(1, 2), point(1, 3)));
  assert.ok(dominates(point(1, 2), point(2, 3)));
  assert.not(dominates(point(1, 2), point(1, 2)), "equals don't dominate each other");
  assert.not(dominates(point(1, 3), point(2, 2)));
  assert.not(dominates(point(2, 2), point(1, 3)));
  assert.throws(() => dominates(point(1), point(1, 2)), /points of 1 and 2 objectives/);
});

test("what meets the constraints dominates what doesn't, and the smaller violation the larger one", () => {
  assert.ok(dominates(point(9, 9), broken(0.1, 1, 1)));
  assert.not(dominates(broken(0.1, 1, 1), point(9, 9)));
  assert.ok(dominates(broken(0.1, 9, 9), broken(0.2, 1, 1)));
  assert.not(dominates(broken(0.2, 1, 1), broken(0.2, 9, 9)), "equal violations: neither");
  assert.not(dominates(broken(Infinity, 1, 1), broken(Infinity, 9, 9)));
});

test("fronts by hand: a staircase, what lies behind it, and what violates a constraint last", () => {
  const points = [
    point(4, 4), // behind (2, 3)
    point(1, 5),
    point(2, 3),
    broken(1, 0, 0),
    point(4, 1),
    point(5, 5), // behind (4, 4)
    point(2, 3), // as good as the other one
  ];
  assert.equal(nonDominatedSort(points), [[1, 2, 4, 6], [0], [5], [3]]);
  assert.equal(paretoFront(points), [1, 2, 4, 6]);
  assert.equal(nonDominatedSort([]), []);
});

/** Points of few values, so that many are equal in an objective; a third of them violates a constraint. */
function drawn(seed: number, count: number, objectives: number): Point[] {
  const rng = random(seed, "test of Pareto");
  return Array.from({ length: count }, (_, i) => ({
    values: Array.from({ length: objectives }, (_, m) => rng.below(6, i, m)),
    violation: Math.max(0, rng.below(6, i, 100) - 3),
  }));
}

test("sorting peels off, front by front, what no point that is left dominates", () => {
  for (let seed = 0; seed < 40; seed++) {
    const points = drawn(seed, 25, 2 + seed % 2);
    const fronts: number[][] = [];
    for (let left = points.map((_, i) => i); left.length > 0;) {
      const front = left.filter((i) => !left.some((j) => dominates(points[j], points[i])));
      fronts.push(front);
      left = left.filter((i) => !front.includes(i));
    }
    assert.equal(nonDominatedSort(points), fronts, `seed ${seed}`);
    assert.equal(paretoFront(points), fronts[0], `seed ${seed}`);
  }
});

test("crowding by hand: (next − before) / range of each objective, and no end is crowded", () => {
  // First objective: (3 − 0) / 4 and (4 − 1) / 4; second: (9 − 2) / 10 and (4 − (−1)) / 10.
  assert.equal(crowdingDistance([[1, 4], [4, -1], [0, 9], [3, 2]]), [
    3 / 4 + 7 / 10,
    Infinity,
    Infinity,
    3 / 4 + 5 / 10,
  ]);
  assert.equal(
    crowdingDistance([[1, 7], [2, 7], [3, 7]]),
    [Infinity, 1, Infinity],
    "an objective of equals adds nothing",
  );
  assert.equal(crowdingDistance([[1, 1]]), [0]);
  assert.equal(crowdingDistance([]), []);
});

test("a hypervolume by hand: one objective, an area of steps, and a volume of two boxes that overlap", () => {
  assert.is(hypervolume([[3], [1]], [5]), 4);
  // Columns of x = 1…2, 2…4, 4…5 are 1, 3 and 5 high.
  assert.is(hypervolume([[4, 1], [1, 5], [2, 3]], [5, 6]), 1 * 1 + 2 * 3 + 1 * 5);
  // 2·1·1 and 1·2·2, and 1·1·1 of both.
  assert.is(hypervolume([[0, 1, 1], [1, 0, 0]], [2, 2, 2]), 2 + 4 - 1);
  assert.is(hypervolume([[1, 1, 2], [5, 0, 0]], [2, 2, 2]), 0, "what isn't better than the reference adds nothing");
  assert.is(hypervolume([], [1, 1]), 0);
  assert.throws(() => hypervolume([[1, 1]], [1, 1, 1]), /2 objectives against 3/);
  assert.throws(() => hypervolume([], []), /no objective/);
});

test("a hypervolume is the number of unit cells of a grid that some point dominates", () => {
  for (let seed = 0; seed < 30; seed++) {
    const objectives = 2 + seed % 2;
    const values = drawn(seed, 12, objectives).map(({ values }) => values);
    const reference = Array.from({ length: objectives }, (_, m) => 5 - m);
    let cells = 0;
    for (let cell = 0; cell < 6 ** objectives; cell++) {
      const at = reference.map((_, m) => Math.floor(cell / 6 ** m) % 6);
      const inside = at.every((x, m) => x + 1 <= reference[m]);
      if (inside && values.some((value) => value.every((v, m) => v <= at[m]))) cells++;
    }
    assert.is(hypervolume(values, reference), cells, `seed ${seed}`);
  }
});

test("dominated points leave a hypervolume as it is, and one more point of the front makes it larger", () => {
  const front = [[1, 5, 2], [2, 3, 3], [4, 1, 1]];
  const whole = hypervolume(front, [6, 6, 6]);
  assert.is(hypervolume([...front, [4, 5, 5]], [6, 6, 6]), whole);
  assert.ok(hypervolume([...front, [1, 4, 4]], [6, 6, 6]) > whole);
});

test("a trial is a point of its objectives, each the less the better, and misses bounds by parts of them", () => {
  const aims = {
    objectives: [parseObjective("max accuracy"), parseObjective("min ms")],
    constraints: [parseConstraint("accuracy >= 0.8"), parseConstraint("macs <= 200")],
  };
  assert.equal(pointOf({ accuracy: 0.9, ms: 3, macs: 200 }, aims), { values: [-0.9, 3], violation: 0 });
  // (0.8 − 0.6) / 0.8 + (300 − 200) / 200.
  const missed = pointOf({ accuracy: 0.6, ms: 3, macs: 300 }, aims).violation;
  assert.ok(Math.abs(missed - 0.75) < 1e-12, `${missed}`);
  assert.is(violationOf({ gain: -2 }, [parseConstraint("gain >= 0")]), 2, "of a bound of 0 in units");
  assert.is(pointOf({ accuracy: 0.9, macs: 100 }, aims).violation, Infinity, "a metric is missing");
  assert.is(pointOf({ accuracy: 0.9, ms: 1 }, aims).violation, Infinity, "a bound can't be looked at");
  assert.is(pointOf(undefined, aims).violation, Infinity);
});

test.run();
