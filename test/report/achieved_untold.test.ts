import { suite } from "uvu";
import * as assert from "uvu/assert";
import { identityMap } from "../../src/graph/indexmap.ts";
import { inDenseShape } from "../../src/graph/scatter.ts";
import type { IndexMap } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { achieved } from "../../src/report/achieved.ts";
import { randomParams } from "../generate/graphs.ts";

const test = suite("achieved figures that can't be told");

const graph = createModel("digits");
const dense = { graph, params: randomParams(graph, 1) };
const [conv] = graph.nodes.filter(({ op }) => op === "Conv");
const weight = conv.inputs[1];
const name = `filter ${conv.name}`;
const constraints = [{ granularity: "filter" as const, layers: [conv.name], keep: 0.5 }];

/** The dense network with half of the filters of its first convolution set to 0. */
const half = (() => {
  const { shape, data } = dense.params.get(weight)!;
  const cut = { shape, data: data.slice().fill(0, data.length / 2) };
  return { graph, params: new Map(dense.params).set(weight, cut) };
})();

const figures = (origin: IndexMap, masked: typeof dense | undefined) =>
  achieved({ dense, model: half, inDenseShape: inDenseShape(half, origin, dense, masked) }, constraints, {
    [name]: 0.5,
  });

const merged = new Map(identityMap(graph)).set(weight, { sources: [weight, "gone"], how: "gone ∘ conv" });
const missing = new Map([...identityMap(graph)].filter(([name]) => name !== weight));

test("with every parameter's place known, the fraction of filters is counted", () => {
  const { achieved, untold } = figures(identityMap(graph), undefined);
  assert.is(achieved[name], 0.5);
  assert.is(untold, undefined);
});

test("a merged parameter leaves the fraction untold, and never that of the dense network", () => {
  for (const masked of [undefined, dense]) {
    const { achieved, untold } = figures(merged, masked);
    assert.not(name in achieved);
    assert.equal(untold, { [name]: `"${weight}" was merged from ${weight}, gone (gone ∘ conv)` });
    assert.is(achieved.params, 1, "what can be counted is still told");
  }
});

test("a parameter without an origin leaves it untold too, unless the network was kept in the dense shape", () => {
  const why = `"${weight}" was made by pruning and has no place in the dense network`;
  assert.equal(figures(missing, undefined).untold, { [name]: why });
  assert.is(figures(missing, half).achieved[name], 0.5);
  assert.is(figures(missing, half).untold, undefined);
});

test.run();
