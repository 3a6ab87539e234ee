/** What each criterion makes of numbers that can be worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { builder } from "../../src/graph/build.ts";
import { CRITERIA, criterionNamed } from "../../src/prune/criteria/criteria.ts";
import { type Normalise, normalised } from "../../src/prune/criteria/normalise.ts";
import { scoreGroups } from "../../src/prune/criteria/score.ts";
import { oneShot } from "../../src/prune/methods/one_shot.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { coupledConstraints, settlePatterns } from "../../src/prune/structures/constraints.ts";
import { scoreUnderPatterns } from "../../src/prune/structures/pattern.ts";
import type { Constraint } from "../../src/prune/structures/types.ts";
import { modelOf } from "./models.ts";

const test = suite("criteria");

const b = builder("g", ["N", 1, 4, 4]);
const x = b.batchNorm(b.conv(b.input, { name: "a", out: 3, kernel: [1, 2] }), { name: "n" });
b.conv(x, { name: "b", out: 2, kernel: 1 });
const graph = b.graph();
const model = modelOf(graph, {
  "a.weight": [1, -2, 3, 4, 0, 0],
  "a.bias": [9, 9, 9],
  "n.weight": [-0.5, 2, 0.25],
  "b.weight": [1, -2, 3, 0, 5, -6],
});

const one = (granularity: "filter" | "channel" | "weight", layer: string) =>
  coupledConstraints(graph, { granularity, keep: 1, layers: [layer] })[0];

const scores = (name: string, constraint: Constraint, seed = 1) => [
  ...scoreGroups(criterionNamed(name), constraint, { model, seed }).scores,
];

test("l2 is the sum of squares of a group's weights, l1 that of their magnitudes", () => {
  assert.equal(scores("l2", one("filter", "a")), [5, 25, 0]);
  assert.equal(scores("l1", one("filter", "a")), [3, 7, 0]);
  assert.equal(scores("l2", one("channel", "b")), [1, 29, 45]);
  assert.equal(scores("l1", one("channel", "b")), [1, 7, 9]);
});

test("bn-scale is the magnitude of γ behind a filter", () => {
  assert.equal(scores("bn-scale", one("filter", "a")), [0.5, 2, 0.25]);
});

test("bn-scale adds up the γ of coupled filters", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const branch = (name: string) => b.batchNorm(b.conv(b.input, { name, out: 2, kernel: 1 }), { name: `${name}.bn` });
  b.conv(b.add(branch("p"), branch("q")), { name: "out", out: 1, kernel: 1 });
  const graph = b.graph();
  const [constraint] = coupledConstraints(graph, { granularity: "filter", keep: 1 });
  const coupled = modelOf(graph, { "p.bn.weight": [1, -2], "q.bn.weight": [-0.5, 0.25] });
  const found = scoreGroups(criterionNamed("bn-scale"), constraint, { model: coupled, seed: 1 }).scores;
  assert.equal([...found], [1.5, 2.25]);
});

test("bn-scale refuses groups without a batch norm, and says why", () => {
  assert.throws(
    () => scores("bn-scale", one("channel", "b")),
    /^criterion bn-scale can't score b:channel: no batch norm follows it.*choose another criterion/,
  );
  const grouped = builder("g", ["N", 1, 4, 4]);
  const normed = grouped.groupNorm(grouped.conv(grouped.input, { name: "p", out: 4, kernel: 1 }), {
    name: "n",
    groups: 2,
  });
  grouped.conv(normed, { name: "out", out: 1, kernel: 1 });
  const other = grouped.graph();
  const [halves] = coupledConstraints(other, { granularity: "filter", keep: 1, layers: ["p"] });
  assert.throws(
    () => scoreGroups(criterionNamed("bn-scale"), halves, { model: modelOf(other), seed: 1 }),
    /no batch norm follows it/,
  );
  const b = builder("g", ["N", 1, 4, 4]);
  // The narrow layer's two filters pass a batch norm and are the first of the wide layer's four.
  const narrow = b.batchNorm(b.conv(b.input, { name: "p", out: 2, kernel: 1 }), { name: "n" });
  const wide = b.conv(b.input, { name: "q", out: 4, kernel: 1 });
  b.conv(b.add(b.pad(narrow, [0, 0, 0, 0], [0, 2, 0, 0]), wide), { name: "out", out: 1, kernel: 1 });
  const graph = b.graph();
  const [constraint] = coupledConstraints(graph, { granularity: "filter", keep: 1, layers: ["q"] });
  assert.is(constraint.groups, 4);
  assert.throws(
    () => scoreGroups(criterionNamed("bn-scale"), constraint, { model: modelOf(graph), seed: 1 }),
    /some of its filters pass no batch norm/,
  );
});

test("lamp is a group's energy over that of all that are not smaller in its layer", () => {
  assert.equal(scores("lamp", one("filter", "a")), [5 / 30, 1, 0]);
  // Squares 1, 4, 9, 0, 25, 36, and of equals each counts with the other.
  assert.equal(scores("lamp", one("weight", "b")), [1 / 75, 4 / 74, 9 / 70, 0, 25 / 61, 1]);
  const { relative } = criterionNamed("lamp");
  assert.equal([...relative!(new Float64Array([2, 4, 2]))], [2 / 8, 1, 2 / 8]);
  assert.equal([...relative!(new Float64Array([3, 3]))], [0.5, 0.5]);
  assert.equal([...relative!(new Float64Array([0, -1]))], [0, 0]);
});

test("random draws by the constraint's name and the seed, and empty groups lose against all others", () => {
  const drawn = random(7, "prune/a:filter").fillUniform(new Float64Array(3), 0);
  assert.equal(scores("random", one("filter", "a"), 7), [drawn[0], drawn[1], -1]);
  assert.equal(scores("random", one("filter", "a"), 7), scores("random", one("filter", "a"), 7));
  assert.not.equal(scores("random", one("filter", "a"), 8), scores("random", one("filter", "a"), 7));
});

test("an unknown criterion is refused with the names of those that there are", () => {
  assert.throws(() => criterionNamed("best"), /unknown criterion "best": known are l2, l1, random, bn-scale/);
});

test("every criterion in the registry has its own name, a summary, and gives each group that it can score a number", () => {
  for (const [name, criterion] of CRITERIA) {
    assert.is(criterion.name, name);
    assert.ok(criterion.summary.length > 0 && criterion.needs.length > 0 && criterion.source, name);
    assert.is(criterion.request !== undefined, !criterion.needs.includes("weights"), name);
    const constraint = one("filter", "a");
    if (criterion.request || criterion.refusal?.(constraint, graph)) continue;
    const found = scores(name, constraint);
    assert.is(found.length, 3, name);
    assert.ok(found.every(Number.isFinite), name);
    assert.ok(name === "bn-scale" || found[2] < Math.min(found[0], found[1]), `${name}: the empty filter`);
  }
});

test("docs/toolbox.md has an entry for each criterion, with the paper that the list names", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/toolbox.md", import.meta.url));
  // Other sections are about what trains, structures and the like.
  const sections = text.split("\n## ").filter((section) => section.startsWith("By "));
  const found = sections.flatMap((section) => section.split("\n### ").slice(1));
  const entries = new Map(found.map((entry) => [entry.split("\n")[0], entry]));
  assert.equal([...entries.keys()].sort(), [...CRITERIA.keys()].sort());
  for (const [name, { source }] of CRITERIA) {
    const paper = source!.split("arXiv ")[1];
    // The same paper may serve two in a row.
    if (paper && name !== "taylor-sum") assert.ok(entries.get(name)!.includes(`arxiv.org/abs/${paper}`), name);
  }
});

test("normalised, each coupled tensor's part is divided by its mean or its largest before they are added", () => {
  const b = builder("g", ["N", 1, 1, 1]);
  const branch = (name: string) => b.conv(b.input, { name, out: 4, kernel: 1 });
  b.conv(b.add(b.add(branch("p"), branch("q")), branch("zero")), { name: "out", out: 1, kernel: 1 });
  const graph = b.graph();
  const model = modelOf(graph, {
    "p.weight": [10, -20, 30, 0],
    "q.weight": [5, 0, -1, 2],
    "zero.weight": [0, 0, 0, 0],
  });
  const [constraint] = coupledConstraints(graph, { granularity: "filter", keep: 1, layers: ["p"] });
  const of = (name: string, how: Normalise) => [
    ...scoreGroups(normalised(criterionNamed(name), how), constraint, { model, seed: 1 }).scores,
  ];
  // Magnitudes 10, 20, 30, 0 of mean 15 and largest 30; 5, 0, 1, 2 of mean 2 and largest 5; and zeros, which have no say.
  assert.equal(of("l1", "none"), [15, 20, 31, 2]);
  assert.equal(of("l1", "mean"), [10 / 15 + 5 / 2, 20 / 15, 30 / 15 + 1 / 2, 2 / 2]);
  assert.equal(of("l1", "max"), [10 / 30 + 5 / 5, 20 / 30, 30 / 30 + 1 / 5, 2 / 5]);
  const kept = (normalise: Normalise) => {
    const constraints = [{ granularity: "filter", layers: ["p"], keep: 0.25 }] as const;
    const { masks } = prune(model, { criterion: "l1", normalise, constraints });
    return [...masks.get("p.weight")!.data];
  };
  assert.equal(kept("none"), [0, 0, 1, 0]);
  assert.equal(kept("mean"), [1, 0, 0, 0]);
  assert.throws(() => of("fpgm", "mean"), /^criterion fpgm can't be normalised by mean: its scores are no sums/);
  assert.throws(() => kept("most" as Normalise), /unknown normalise "most": known are none, mean, max/);
});

test("a divisor of whole kernels leaves the best pattern the best", () => {
  const found = scoreGroups(normalised(criterionNamed("l2"), "max"), pair, { model: patterned, seed: 1 });
  const plain = scoreGroups(criterionNamed("l2"), pair, { model: patterned, seed: 1 });
  // The largest whole kernel has 166.
  assert.equal([...found.scores], [...plain.scores].map((score) => score / 166));
  assert.equal(found.taps, plain.taps);
});

test("fpgm is the sum of a filter's distances from the others: one of two that are the same goes first, however large", () => {
  const b = builder("g", ["N", 2, 1, 1]);
  b.conv(b.conv(b.input, { name: "a", out: 4, kernel: 1 }), { name: "out", out: 1, kernel: 1 });
  const graph = b.graph();
  const model = modelOf(graph, { "a.weight": [3, 4, 0, 0, 30, 40, 30, 40] });
  const [constraint] = coupledConstraints(graph, { granularity: "filter", keep: 1, layers: ["a"] });
  const found = scoreGroups(criterionNamed("fpgm"), constraint, { model, seed: 1 }).scores;
  // ‖(3, 4)‖ = 5 from the empty one and 45 from either large one; those are 0 from each other, 45 and 50 from the others.
  assert.equal([...found], [5 + 45 + 45, 0, 45 + 50, 45 + 50]);
  assert.throws(() => scores("fpgm", one("weight", "b")), /fpgm can't score b:weight: distances .* filters alone/);
});

test("synaptic strength is the norm of a kernel times γ of the batch norm whose channel it reads", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const x = b.relu(b.batchNorm(b.conv(b.input, { name: "a", out: 2, kernel: 3, pad: 1 }), { name: "n" }));
  b.conv(b.maxPool(x, { kernel: 2 }), { name: "b", out: 2, kernel: [1, 2] });
  const graph = b.graph();
  const model = modelOf(graph, { "n.weight": [-0.5, 2], "b.weight": [3, 4, 0, 1, 6, 8, 0, 0] });
  const of = (layer: string, granularity: "kernel" | "filter" = "kernel") => {
    const [constraint] = coupledConstraints(graph, { granularity, keep: 1, layers: [layer] });
    return [...scoreGroups(criterionNamed("synaptic-strength"), constraint, { model, seed: 1 }).scores];
  };
  assert.equal(of("b"), [0.5 * 5, 2 * 1, 0.5 * 10, 0]);
  assert.throws(() => of("a"), /no batch norm stands before it/);
  assert.throws(() => of("a", "filter"), /that of a kernel/);
});

const kernels = builder("g", ["N", 1, 5, 5]);
kernels.conv(kernels.input, { name: "a", out: 3, kernel: 3, bias: false });
const [NORTH, SOUTH] = [0b000_011_011, 0b110_110_000];
const patterned = modelOf(kernels.graph(), {
  "a.weight": [
    ...[1, 1, 9, 1, 1, 0, 9, 0, 0],
    ...[1, 0, 0, 0, 2, 3, 0, 4, 5],
    ...[0, 0, 0, 0, 1, 0, 0, 0, 0],
  ],
});
const [kernelConstraint] = coupledConstraints(patterned.graph, { granularity: "pattern", keep: 1, library: 2 });
const pair: Constraint = { ...kernelConstraint, rule: { kind: "pattern", library: 2, patterns: [NORTH, SOUTH] } };

test("of a kernel that takes a pattern the best one's taps are scored, the first of equals", () => {
  const { scores, taps } = scoreGroups(criterionNamed("l2"), pair, { model: patterned, seed: 1 });
  assert.equal([...scores], [4, 4 + 9 + 16 + 25, 1]);
  assert.equal([...taps!], [NORTH, SOUTH, NORTH]);
  assert.equal([...scoreGroups(criterionNamed("l1"), pair, { model: patterned, seed: 1 }).scores], [4, 14, 1]);
  // Before a library is settled a kernel counts as a whole.
  assert.equal([...scoreGroups(criterionNamed("l2"), kernelConstraint, { model: patterned, seed: 1 }).scores], [
    4 + 162,
    55,
    1,
  ]);
});

test("each pattern is asked for with its taps and its place in the library", () => {
  const asked: unknown[] = [];
  scoreUnderPatterns(pair, ({ pattern, groups }) => {
    asked.push(pattern);
    return new Float64Array(groups);
  });
  assert.equal(asked, [{ taps: NORTH, index: 0, count: 2 }, { taps: SOUTH, index: 1, count: 2 }]);
});

test("by lot a kernel has the pattern and the number that were drawn for it", () => {
  const [settled] = settlePatterns([pair], patterned.params);
  const { scores, taps } = scoreGroups(criterionNamed("random"), settled, { model: patterned, seed: 5 });
  const lots = random(5, "prune/a:pattern").fillUniform(new Float64Array(3), 0);
  const drawn = random(5, "patterns/a:pattern").fillUniform(new Float64Array(3), 0);
  assert.equal([...scores], [...lots]);
  assert.equal([...taps!], [...drawn].map((lot) => lot < 0.5 ? NORTH : SOUTH));
});

test("coarse groups go first: what reads a filter that is gone counts as gone", () => {
  const b = builder("g", ["N", 1, 1, 1]);
  b.conv(b.conv(b.input, { name: "a", out: 2, kernel: 1, bias: false }), { name: "b", out: 2, kernel: 1, bias: false });
  // Filter 1 of `a` is the weaker; the two largest weights of `b` read it.
  const chain = modelOf(b.graph(), { "a.weight": [2, 1], "b.weight": [3, 9, 4, 8] });
  const constraints = [
    ...coupledConstraints(chain.graph, { granularity: "weight", keep: 0.5, layers: ["b"] }),
    ...coupledConstraints(chain.graph, { granularity: "filter", keep: 0.5, layers: ["a"] }),
  ];
  const masks = oneShot(chain, new Map(), constraints, { criterion: criterionNamed("l2"), seed: 1 });
  assert.equal([...masks.get("a.weight")!.data], [1, 0]);
  assert.equal([...masks.get("b.weight")!.data], [1, 0, 1, 0]);
});

test.run();
