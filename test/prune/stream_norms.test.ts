/** Streams whose layer norms give way: what goes together, the new norms, and that the compact network has them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportOnnx } from "../../src/formats/onnx/export.ts";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { assertEquivalent } from "../../src/graph/equivalence.ts";
import { compose } from "../../src/graph/indexmap.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { narrowedNorms, narrowNorms, withNormsOf } from "../../src/graph/rewrite/narrow_norms.ts";
import { scatterModel } from "../../src/graph/scatter.ts";
import type { Model } from "../../src/graph/types.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { coupledConstraints, refusedLayers } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf, withStreamNorms } from "../../src/prune/structures/masks.ts";
import { dice } from "../generate/dice.ts";
import { randomInputs, randomModel } from "../generate/graphs.ts";
import { vit } from "../generate/transformer.ts";
import { widened } from "../generate/widen.ts";
import { testGpu } from "../gpu.ts";
import { difference } from "./equal.ts";
import { modelOf, shapeOf } from "./models.ts";

const test = suite("streams with layer norms");

const streams = (model: Model, keep = 0.5, layers = ["*"]) =>
  coupledConstraints(model.graph, { granularity: "filter", keep, layers, stream: true });

test("a norm over channels that stay is that norm alone, in its places, and 0 elsewhere", () => {
  const b = builder("g", ["N", 2, 4]);
  const graph = b.graph([b.layerNorm(b.input, { name: "ln", epsilon: 0 })]);
  const model = modelOf(graph, { "ln.weight": [1, 2, 3, 4], "ln.bias": [10, 20, 30, 40] });
  const { model: narrow, map } = narrowNorms(model, new Map([["ln", [1, 3]]]));
  const x = { shape: [1, 2, 4], data: Float32Array.of(9, 1, 9, 3, 0, 8, 5, 4) };
  const [made] = graph.outputs;
  const y = referenceForward(narrow, { [graph.inputs[0].name]: x }).get(made)!;
  // 1 and 3 have mean 2 and deviation 1; 8 and 4 mean 6 and deviation 2.
  assert.equal([...y.data], [0, 20 - 2, 0, 40 + 4, 0, 20 + 2, 0, 40 - 4]);
  assert.equal(map.get("ln.weight"), { source: "ln.weight", keep: [[1, 3]] });
  assert.equal(narrowedNorms(graph, map), new Map([["ln", [1, 3]]]));
});

test("a stream is refused by default, with the key that allows it, and is one class with it", () => {
  const model = modelOf(vit("together"));
  assert.match(refusedLayers(model.graph, { granularity: "filter" }).get("proj")!, /ln.*stream: true allows it/);
  const [stream] = streams(model, 0.5, ["proj"]);
  assert.equal([stream.name, stream.groups, stream.keep], ["patch:filter", 8, 4]);
  assert.equal(stream.norms, ["ln", "ln2"]);
  const weights = stream.members.filter(({ role }) => role === "weight").map(({ param }) => param);
  assert.equal(weights, ["patch.weight", "proj.weight", "fc2.weight"]);
  const vectors = stream.members.filter(({ role }) => role === "vector").map(({ param }) => param);
  assert.equal(vectors, ["patch.bias", "ln.weight", "ln.bias", "ln2.weight", "ln2.bias"]);
  assert.equal(stream.readers.map(({ param }) => param), ["qkv.weight", "fc1.weight", "head.weight"]);
});

test("only filters pass norms", () => {
  const model = modelOf(vit());
  const asked = { granularity: "channel", keep: 0.5, stream: true } as const;
  assert.throws(() => coupledConstraints(model.graph, asked), /stream is for the kind filter/);
});

test("a pruned stream is narrow everywhere, and the network is the masked one with the new norms, not the old one", async () => {
  const gpu = await testGpu();
  const model = modelOf(vit("together"));
  const { model: pruned, masks } = prune(model, {
    constraints: [{ granularity: "filter", keep: 0.5, layers: ["proj"], stream: true }],
  });
  const { model: small } = compact(pruned);
  const shapes = ["patch.weight", "ln.weight", "ln.bias", "qkv.weight", "proj.weight", "fc1.weight", "head.weight"];
  assert.equal(shapes.map((name) => shapeOf(small, name)), ["4x5x2x2", "4", "4", "4x24", "8x4", "4x6", "4x4"]);
  assert.equal(small.graph.nodes.length, model.graph.nodes.length);
  assert.ok(difference(pruned, small) <= 1e-5);
  assert.ok(difference(maskModel(model, masks), small) > 1e-2);
  const { [model.graph.inputs[0].name]: input } = randomInputs(model.graph, 5, 4);
  await assertEquivalent(gpu, pruned, small, input.data, 4);
  assert.ok(difference(pruned, importOnnx(exportOnnx(small))) <= 1e-5);
});

test("without new norms a masked stream stays as wide as it is", () => {
  const model = modelOf(vit("together"));
  const [constraint] = streams(model, 0.5, ["proj"]);
  const masked = maskModel(model, masksOf([{ constraint, kept: [0, 2, 4, 6] }], model.params));
  const { model: small } = compact(masked);
  assert.is(shapeOf(small, "ln.weight"), "8");
  assert.ok(difference(masked, small) <= 1e-6);
});

test("in the dense shape the small network has its own norms", () => {
  const model = modelOf(vit("together"));
  const [constraint] = streams(model, 0.5, ["proj"]);
  const masks = masksOf([{ constraint, kept: [0, 2, 4, 6] }], model.params);
  const narrow = withStreamNorms(maskModel(model, masks), masks, [constraint]);
  const small = compact(narrow.model);
  const origin = compose(narrow.map, small.map, model.graph.params);
  const scattered = scatterModel(small.model, origin, model)!;
  assert.ok(difference(small.model, withNormsOf(origin, scattered)) <= 1e-5);
  assert.ok(difference(small.model, scattered) > 1e-2);
});

test("a budget is priced with the stream as narrow as it becomes", () => {
  const model = modelOf(vit("together"));
  const { model: pruned } = prune(model, {
    constraints: [{ granularity: "filter", layers: ["proj"], stream: true }],
    budget: { params: 0.6 },
  });
  const [before, after] = [model, compact(pruned).model].map(({ graph }) => graphCost(graph).params);
  assert.ok(after <= 0.6 * before && after >= 0.45 * before, `${after} of ${before}`);
});

test("compact = masked with new norms, in random networks with streams", () => {
  let narrowed = 0;
  for (let seed = 0; seed < 400 && narrowed < 40; seed++) {
    const model = widened(randomModel(seed));
    const norms = model.graph.nodes.filter(({ name }) => /^ln|\.norm/.test(name)).length;
    if (norms === 0) continue;
    const d = dice(seed, "streams");
    let constraints;
    try {
      constraints = streams(model);
    } catch {
      continue;
    }
    const choices = constraints.map((constraint) => ({
      constraint,
      kept: Array.from({ length: constraint.groups }, (_, g) => g).filter((g) => g === 0 || d.chance(0.6)),
    }));
    const masks = masksOf(choices, model.params);
    const narrow = withStreamNorms(maskModel(model, masks), masks, constraints);
    const { model: small } = compact(narrow.model);
    assert.ok(difference(narrow.model, small, seed) <= 1e-9, `seed ${seed}`);
    for (const name of constraints.flatMap(({ norms = [] }) => norms)) {
      const left = small.graph.nodes.find((node) => node.name === name);
      const stays = masks.get(`${name}.weight`)!.data.filter((bit) => bit === 1).length;
      if (!left || stays === masks.get(`${name}.weight`)!.data.length) continue;
      narrowed++;
      assert.is(shapeOf(small, left.inputs[1]), `${stays}`, `seed ${seed}: ${name}`);
    }
  }
  assert.ok(narrowed >= 40, `${narrowed} norms`);
});

test.run();
