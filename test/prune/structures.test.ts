import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf, zeroMasks } from "../../src/prune/structures/masks.ts";
import { topGroups } from "../../src/prune/structures/selection.ts";
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
