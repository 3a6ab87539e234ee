/** SynFlow: by hand, against differences of the sum that it differentiates. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { pathDerivatives } from "../../src/prune/criteria/path_sums.ts";
import { scoreGroups } from "../../src/prune/criteria/score.ts";
import { synflow } from "../../src/prune/criteria/synflow.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import type { Granularity } from "../../src/prune/structures/types.ts";
import { modelOf } from "./models.ts";

const test = suite("synflow");

const near = (found: ArrayLike<number>, expected: readonly number[]) => {
  assert.is(found.length, expected.length);
  expected.forEach((value, i) => assert.ok(Math.abs(found[i] - value) <= 1e-6 * (1 + value), `${Array.from(found)}`));
};

const b = builder("g", ["N", 1, 4, 4]);
const x = b.relu(b.batchNorm(b.conv(b.input, { name: "a", out: 3, kernel: [1, 2] }), { name: "n" }));
b.conv(x, { name: "b", out: 2, kernel: 1 });
const graph = b.graph();
const model = modelOf(graph, {
  "a.weight": [1, -2, 3, 4, 0, 0],
  "n.weight": [-0.5, 2, 0.25],
  // With the norm's ε of 1e-5 the roots are 1, 2 and 1.
  "n.running_var": [1 - 1e-5, 4 - 1e-5, 1 - 1e-5],
  "b.weight": [1, -2, 3, 0, 5, -6],
});
const scores = (
  granularity: Exclude<Granularity, "block" | "block-punched" | "vector" | "pattern" | "n:m">,
  layer: string,
  of: Model = model,
) => {
  const [groups] = coupledConstraints(of.graph, { granularity, keep: 1, layers: [layer] });
  return scoreGroups(synflow, groups, { model: of, seed: 1 }).scores;
};

test("a group's score is the part of the sum over all paths that passes it", () => {
  // Each of 12 pixels: Σ|a| = 3, 7, 0; |γ|/√(σ² + ε) = ½, 1, ¼; Σ|b| = 1, 7, 9 over both filters.
  near(scores("filter", "a"), [12 * 1.5, 12 * 49, 0]);
  // What enters a channel leaves it.
  near(scores("channel", "b"), [12 * 1.5, 12 * 49, 0]);
  near(scores("weight", "b"), [12 * 1.5, 12 * 14, 0, 0, 12 * 35, 0]);
});

test("derivatives are differences of the sum, through grouped and strided layers, pools, sums and concatenations", () => {
  const b = builder("g", ["N", 2, 7, 6]);
  const first = b.conv(b.input, { name: "first", out: 4, kernel: 3, stride: 2, pad: 1 });
  const pooled = b.maxPool(b.batchNorm(first, { name: "n" }), { kernel: 2, stride: 1 });
  const branch = b.conv(pooled, { name: "grouped", out: 4, kernel: 3, pad: 1, group: 2 });
  const joined = b.concat([b.add(branch, pooled), b.averagePool(branch, { kernel: 3, stride: 1, pad: 1 })]);
  const last = b.conv(joined, { name: "last", out: 3, kernel: 1 });
  b.gemm(b.flatten(b.globalAveragePool(last)), { name: "out", out: 2 });
  const graph = b.graph();
  // With magnitudes for weights and nothing for shifts the network's own output is what is summed.
  const params = new Map(Array.from(modelOf(graph).params, ([name, { shape, data }]) => {
    const { role } = graph.params[name];
    const none = role === "bias" || role === "beta" || role === "mean";
    return [name, { shape, data: data.map((value) => none ? 0 : Math.abs(value)) }];
  }));
  const image = { shape: [1, 2, 7, 6], data: new Float64Array(84).fill(1) };
  const sum = () => {
    const values = referenceForward({ graph, params }, { [graph.inputs[0].name]: image });
    return values.get(graph.outputs[0])!.data.reduce((total, value) => total + value, 0);
  };
  const before = sum();
  const found = pathDerivatives({ graph, params });
  for (const [name, { role }] of Object.entries(graph.params)) {
    if (role !== "weight") continue;
    const { data } = params.get(name)!;
    for (const at of [0, data.length >> 1, data.length - 1]) {
      const value = data[at];
      // Small enough that no maximum of the pool becomes another.
      data[at] = Math.fround(value + 2 ** -12);
      const difference = (sum() - before) / (data[at] - value);
      data[at] = value;
      assert.ok(Math.abs(found.get(name)![at] - difference) < 1e-6 * (1 + difference), `${name} ${at}: ${difference}`);
    }
  }
});

test("what rounds before have taken leaves no path, and no score", () => {
  const without = modelOf(graph, { "a.weight": [1, -2, 0, 0, 0, 0], "b.weight": [1, -2, 3, 0, 5, -6] });
  const [first, second] = scores("channel", "b", without);
  assert.ok(first > 0);
  assert.is(second, 0);
});

test("a deep network's sum is beyond float32, and finite", () => {
  const graph = createModel("resnet44");
  const found = pathDerivatives({ graph, params: initialise(graph, 1) });
  const most = Math.max(...Array.from(found.values(), (of) => of.reduce((a, b) => Math.max(a, b))));
  assert.ok(Math.fround(most) === Infinity && Number.isFinite(most), `${most}`);
});

test("networks that are no sum over paths are refused by the operator", () => {
  const b = builder("g", ["N", 4, 4, 4]);
  const x = b.conv(b.input, { name: "a", out: 4, kernel: 1 });
  b.conv(b.groupNorm(x, { name: "n", groups: 2 }), { name: "b", out: 1, kernel: 1 });
  const normed = modelOf(b.graph());
  assert.throws(
    () => scores("channel", "b", normed),
    /^criterion synflow can't score b:channel: what GroupNormalization "n" makes is no sum over paths of weights: choose/,
  );
});

test.run();
