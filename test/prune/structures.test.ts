import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { filledGroups, nonzeroPerGroup } from "../../src/prune/structures/elements.ts";
import { bothMasks, maskModel, masksOf, partialMasks, zeroMasks } from "../../src/prune/structures/masks.ts";
import { keptGroups, keptOfRow, topGroups } from "../../src/prune/structures/selection.ts";
import {
  GRANULARITIES,
  leavesZeros,
  structureName,
  survivesCompaction,
} from "../../src/prune/structures/structures.ts";
import { energiesOf, modelOf } from "./models.ts";

const test = suite("structures");

const b = builder("g", ["N", 1, 4, 4]);
const x = b.batchNorm(b.conv(b.input, { name: "a", out: 2, kernel: [1, 2] }), { name: "n" });
b.conv(x, { name: "b", out: 2, kernel: 1 });
const graph = b.graph();
const model = modelOf(graph, { "a.weight": [1, 2, 3, 4], "a.bias": [9, 9], "b.weight": [1, 2, 0, 5] });

const constraint = (granularity: "filter" | "channel" | "column" | "weight", layer: string) =>
  coupledConstraints(graph, { granularity, keep: 0.5, layers: [layer] })[0];

test("energies count weights only, biases and γ go along", () => {
  assert.equal([...energiesOf(constraint("filter", "a"), model)], [5, 25]);
  assert.equal([...energiesOf(constraint("channel", "b"), model)], [1, 29]);
  assert.equal([...energiesOf(constraint("column", "a"), model)], [10, 20]);
  assert.equal([...energiesOf(constraint("weight", "b"), model)], [1, 4, 0, 25]);
});

test("rows of a block count together, and each block of columns on its own", () => {
  const blocks = (block: readonly [number, number]) =>
    coupledConstraints(graph, { granularity: "block", block, keep: 0.5, layers: ["b"] })[0];
  // The weight is 1, 2 over 0, 5.
  assert.equal([...energiesOf(blocks([2, 1]), model)], [1, 29]);
  assert.equal([...energiesOf(blocks([1, 2]), model)], [5, 25]);
});

test("the channels of a projection over tokens are the rows of its matrix", () => {
  const b = builder("g", ["N", 4, 2, 3]);
  const hidden = b.linear(b.transpose(b.input, [0, 2, 3, 1]), { name: "p", out: 5, bias: false });
  b.linear(b.relu(hidden), { name: "q", out: 2, bias: false });
  const graph = b.graph();
  const [found] = coupledConstraints(graph, { granularity: "channel", keep: 0.4, layers: ["q"] });
  // Of 5 × 2 weights each channel has two that follow one another.
  assert.equal([found.groups, found.keep], [5, 2]);
  const model = modelOf(graph, { "q.weight": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
  assert.equal([...energiesOf(found, model)], [5, 25, 61, 113, 181]);
});

test("structures go from coarse to fine; what is counted off changes with the tensor, the fine ones leave zeros", () => {
  assert.equal(GRANULARITIES, [
    ...[
      "layer",
      "filter",
      "qk",
      "v",
      "channel",
      "column",
      "block",
      "block-punched",
      "kernel",
      "pattern",
      "vector",
      "n:m",
      "weight",
    ],
  ]);
  assert.equal(GRANULARITIES.filter((kind) => !survivesCompaction(kind)), ["block", "block-punched", "n:m"]);
  assert.equal(GRANULARITIES.filter((kind) => !leavesZeros(kind)), ["layer", "filter", "qk", "v", "channel", "column"]);
});

test("reports name a structure with its numbers", () => {
  const names = [
    structureName({ granularity: "block", block: [4, 2] }),
    structureName({ granularity: "block-punched", block: [2, 4] }),
    structureName({ granularity: "vector", direction: "row" }),
    structureName({ granularity: "pattern", library: 8 }),
    structureName({ granularity: "n:m", n: 2, m: 4 }),
    structureName({ granularity: "filter" }),
  ];
  assert.equal(names, ["block 4×2", "block-punched 2×4", "vector rows", "pattern of 8", "2:4", "filter"]);
});

test("rows of runs keep n of each whole run and as many of the rest", () => {
  assert.is(keptOfRow({ kind: "runs", n: 2, m: 4, length: 8 }), 4);
  assert.is(keptOfRow({ kind: "runs", n: 2, m: 4, length: 9 }), 5);
  assert.is(keptOfRow({ kind: "runs", n: 2, m: 4, length: 11 }), 6);
  const rule = { kind: "runs", n: 1, m: 3, length: 5 } as const;
  // Two rows of a run of three and a run of two: 5, 2 | 1, 4; ties to the lower index.
  assert.equal(keptGroups({ rule, keep: 0 }, [1, 5, 0, 2, 1, 0, 1, 1, 3, 4]), [1, 3, 6, 9]);
  const [constraint] = coupledConstraints(graph, { granularity: "n:m", n: 1, m: 4, keep: 1, layers: ["a"] });
  assert.equal([constraint.keep, constraint.minKeep, constraint.groups], [2, 2, 4]);
});

test("a group is filled while any of its weights isn't 0, whatever its bias is", () => {
  const some = modelOf(graph, { "a.weight": [0, 0, 0, -1e-30], "a.bias": [9, 9], "n.weight": [1, 0] });
  const [filters] = coupledConstraints(graph, { granularity: "filter", keep: 1, layers: ["a"] });
  assert.is(filledGroups(filters, some.params), 1);
  assert.equal([...nonzeroPerGroup(filters, some.params, ["weight"])], [0, 1]);
  const vectors = modelOf(graph, { "a.bias": [9, 0], "n.weight": [1, 0], "n.bias": [0, 0], "a.weight": [0, 0, 0, 3] });
  assert.equal([...nonzeroPerGroup(filters, vectors.params, ["weight", "vector"])], [2, 1]);
});

test("masks that mask nothing are left out, and of two an element must be left by both", () => {
  const mask = (...data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) });
  const both = bothMasks(
    new Map([["x", mask(1, 0, 1)], ["y", mask(1, 1)]]),
    new Map([["x", mask(0, 1, 1)], ["z", mask(1, 0)]]),
  );
  assert.equal([...both.keys()], ["x", "z"]);
  assert.equal([...both.get("x")!.data], [0, 0, 1]);
  assert.equal([...partialMasks(new Map([["x", mask(1, 1)]])).keys()], []);
});

test("exactly k groups, ties to the lower index", () => {
  assert.equal(topGroups([1, 3, 3, 3, 0], 2), [1, 2]);
  assert.equal(topGroups([0, 0, 0], 2), [0, 1]);
  assert.equal(topGroups([1, 2], 2), [0, 1]);
});

test("masks take a filter's bias, γ and β with it; two constraints on a tensor meet", () => {
  const masks = masksOf([
    { constraint: constraint("filter", "a"), kept: [1] },
    { constraint: constraint("column", "a"), kept: [0] },
    { constraint: constraint("channel", "b"), kept: [1] },
  ], model.params);
  const of = (name: string) => [...masks.get(name)!.data];
  assert.equal(of("a.weight"), [0, 0, 1, 0]);
  for (const name of ["a.bias", "n.weight", "n.bias"]) assert.equal(of(name), [0, 1], name);
  assert.equal(of("b.weight"), [0, 1, 0, 1]);
  assert.not(masks.has("n.running_mean"));
  assert.not(masks.has("b.bias"));
  const masked = maskModel(model, masks);
  assert.equal([...masked.params.get("a.weight")!.data], [0, 0, 3, 0]);
  assert.is(masked.params.get("b.bias"), model.params.get("b.bias"));
  assert.equal([...zeroMasks(masked).get("a.weight")!.data], [0, 0, 1, 0]);
  assert.not(zeroMasks(masked).has("n.running_var"));
});

test("a batch norm over a concatenation: each constraint masks its own part", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const p = b.conv(b.input, { name: "p", out: 2, kernel: 1 });
  const q = b.conv(b.input, { name: "q", out: 3, kernel: 1 });
  b.conv(b.batchNorm(b.concat([p, q]), { name: "n" }), { name: "out", out: 1, kernel: 1 });
  const graph = b.graph();
  const [first, second] = coupledConstraints(graph, { granularity: "filter", keep: 1 });
  const masks = masksOf([
    { constraint: first, kept: [0] },
    { constraint: second, kept: [1, 2] },
  ], modelOf(graph).params);
  assert.equal([...masks.get("n.weight")!.data], [1, 0, 0, 1, 1]);
  assert.equal([...masks.get("q.weight")!.data], [0, 1, 1]);
});

test.run();
