import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { countNonzero } from "../../src/graph/cost.ts";
import type { Model } from "../../src/graph/types.ts";
import { weigh } from "../../src/prune/groups/dependency_graph.ts";
import { constants } from "../../src/prune/rewrite/constant_propagation.ts";
import { liveness } from "../../src/prune/rewrite/liveness.ts";
import { removeUnused } from "../../src/prune/rewrite/unused.ts";
import { dice } from "../generate/dice.ts";
import { randomModel } from "../generate/graphs.ts";
import { randomlyMasked } from "../generate/masks.ts";
import { difference } from "./equal.ts";
import { modelOf, zeroColumns, zeroRows } from "./models.ts";

const test = suite("liveness");

function liveChannels(model: Model, value: string): number[] {
  const dependencies = weigh(model);
  const live = liveness(dependencies, constants(dependencies));
  const base = dependencies.channels.base(value);
  return [...live.subarray(base, base + dependencies.channels.width(value))];
}

test("a channel that nobody reads is dead, and so is everything that only made it", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const x = b.conv(b.input, { name: "a", out: 3, kernel: 3, pad: 1 });
  const n = b.relu(b.batchNorm(x, { name: "n" }));
  b.conv(n, { name: "b", out: 2, kernel: 1 });
  const model = zeroColumns(modelOf(b.graph()), { "b.weight": [1] });
  assert.equal(liveChannels(model, n), [1, 0, 1]);
  assert.equal(liveChannels(model, x), [1, 0, 1]);
});

test("a channel that is only read by γ = 0, or gated by 0, is dead", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const x = b.conv(b.input, { name: "a", out: 2, kernel: 1 });
  const n = b.batchNorm(x, { name: "n" });
  const g = b.conv(b.globalAveragePool(b.input), { name: "g", out: 2, kernel: 1 });
  b.conv(b.mul(n, g), { name: "out", out: 1, kernel: 1 });
  const model = modelOf(b.graph(), { "n.weight": [0, 1], "g.bias": [1, 0] });
  assert.equal(liveChannels(zeroRows(model, { "g.weight": [1] }), x), [0, 0]);
});

test("of a product with a factor that is always 0 that factor is needed, and the other isn't", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const x = b.conv(b.input, { name: "a", out: 2, kernel: 1 });
  const g = b.hardSigmoid(b.conv(b.input, { name: "g", out: 2, kernel: 1 }), { alpha: 0.2, beta: 0.5 });
  b.conv(b.mul(x, g), { name: "out", out: 1, kernel: 1 });
  const model = zeroRows(modelOf(b.graph(), { "g.bias": [-10, 1] }), { "g.weight": [0] });
  assert.equal(liveChannels(model, x), [0, 1]);
  assert.equal(liveChannels(model, g), [1, 1]);
});

test("attention over values that are constant needs them, and no queries or keys", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const [q, k, v] = ["q", "k", "v"].map((name) => b.conv(b.input, { name, out: 2, kernel: 1 }));
  b.conv(b.attention(q, k, v), { name: "out", out: 1, kernel: 1 });
  const model = zeroRows(modelOf(b.graph()), { "v.weight": [0] });
  assert.equal(liveChannels(model, q), [0, 1]);
  assert.equal(liveChannels(model, k), [0, 1]);
  assert.equal(liveChannels(model, v), [1, 1]);
});

test("with a dead channel go its filter, its bias and its part of a table of biases, and nothing else", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const x = b.conv(b.input, { name: "a", out: 3, kernel: 1 });
  const y = b.relu(b.borderBias(x, { name: "border", rows: [0, 1, 1, 1], cols: [0, 1, 1, 1] }));
  b.conv(y, { name: "out", out: 2, kernel: 1 });
  const ones = (length: number) => new Array(length).fill(1);
  const model = modelOf(b.graph(), {
    "a.weight": ones(3),
    "a.bias": ones(3),
    "border.table": ones(12),
    "out.weight": [0, 1, 0, 0, 1, 0],
    "out.bias": ones(2),
  });
  const { model: cleared, removed } = removeUnused(model);
  assert.equal([...removed.byParam], [["a.bias", 2], ["a.weight", 2], ["border.table", 8]]);
  assert.is(removed.total, 12);
  assert.equal([...cleared.params.get("a.weight")!.data], [0, 1, 0]);
  // Two rows and two columns of biases to a channel.
  assert.equal([...cleared.params.get("border.table")!.data], [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0]);
});

test("of a parameter that two nodes share those entries go that neither of them needs", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const once = b.conv(b.input, { name: "once", out: 3, kernel: 1 });
  const twice = b.node("Conv", [b.relu(b.input), "once.weight", "once.bias"], {}, "twice");
  b.conv(b.concat([once, twice]), { name: "out", out: 1, kernel: 1 });
  // Nobody reads channels 0 and 1 of the first and 0 and 2 of the second.
  const model = modelOf(b.graph(), {
    "once.weight": [1, 1, 1],
    "once.bias": [1, 1, 1],
    "out.weight": [0, 0, 1, 0, 1, 0],
  });
  const { removed, model: after } = removeUnused(model);
  assert.equal([...removed.byParam], [["once.bias", 1], ["once.weight", 1]]);
  assert.equal([...after.params.get("once.weight")!.data], [0, 1, 1]);
});

test("a tap that never sees the image reads nothing", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const x = b.conv(b.globalAveragePool(b.input), { name: "a", out: 2, kernel: 1 });
  b.conv(x, { name: "b", out: 1, kernel: 3, pad: 1 });
  const weight = new Array(18).fill(1);
  weight[4] = 0;
  assert.equal(liveChannels(modelOf(b.graph(), { "b.weight": weight }), x), [0, 1]);
});

test("the visiting order doesn't matter", () => {
  for (let seed = 0; seed < 60; seed++) {
    const dependencies = weigh(randomlyMasked(randomModel(seed), seed));
    const known = constants(dependencies);
    const d = dice(seed, "order");
    const keyed = dependencies.graph.nodes.map((_, i) => ({ i, key: d.uniform(0, 1) }));
    const order = keyed.sort((a, b) => a.key - b.key).map(({ i }) => i);
    assert.equal(liveness(dependencies, known, { order }), liveness(dependencies, known));
  }
});

test("removing unused numbers changes no output, is idempotent and counts what it does", () => {
  let removed = 0;
  for (let seed = 0; seed < 120; seed++) {
    const model = randomlyMasked(randomModel(seed), seed);
    const once = removeUnused(model);
    assert.ok(difference(model, once.model) < 1e-12, `seed ${seed}`);
    const twice = removeUnused(once.model);
    assert.is(twice.removed.total, 0);
    assert.is(twice.model, once.model);
    assert.is(countNonzero(model.params) - countNonzero(once.model.params), once.removed.total);
    removed += once.removed.total;
  }
  assert.ok(removed > 500);
});

test("a dead filter kills the filters that feed only it", () => {
  const b = builder("g", ["N", 1, 4, 4]);
  const x = b.relu(b.conv(b.input, { name: "a", out: 2, kernel: 3 }));
  const y = b.relu(b.conv(x, { name: "b", out: 2, kernel: 1 }));
  b.conv(y, { name: "c", out: 1, kernel: 1 });
  const model = modelOf(b.graph(), { "b.weight": [1, 0, 0, 1], "c.weight": [1, 0] });
  const { removed, model: after } = removeUnused(model);
  assert.equal(Object.fromEntries(removed.byParam), { "a.weight": 9, "a.bias": 1, "b.weight": 1, "b.bias": 1 });
  assert.equal([...after.params.get("b.weight")!.data], [1, 0, 0, 0]);
});

test.run();
