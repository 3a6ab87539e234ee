/** Dimensions of attention's heads: found through all that moves numbers, taken away, and the scores' scale stays. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportOnnx } from "../../src/formats/onnx/export.ts";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import { builder } from "../../src/graph/build.ts";
import { assertEquivalent } from "../../src/graph/equivalence.ts";
import { scatterModel } from "../../src/graph/scatter.ts";
import type { Model } from "../../src/graph/types.ts";
import { type AttentionHeads, attentionHeads, type HeadProjection } from "../../src/prune/groups/attention_heads.ts";
import { dependencyGraph } from "../../src/prune/groups/dependency_graph.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { dice } from "../generate/dice.ts";
import { randomInputs, randomModel } from "../generate/graphs.ts";
import { vit } from "../generate/transformer.ts";
import { widened } from "../generate/widen.ts";
import { testGpu } from "../gpu.ts";
import { difference } from "./equal.ts";
import { modelOf, ops, shapeOf } from "./models.ts";

const test = suite("dimensions of heads");

const headsOf = ({ graph }: Model): readonly AttentionHeads[] => attentionHeads(graph, dependencyGraph(graph)).found;

/** The model with these dimensions [head, j] of a projection 0. */
function without(model: Model, part: HeadProjection, dimensions: readonly (readonly [number, number])[]): Model {
  const params = new Map(model.params);
  const features = dimensions.map(([head, j]) => part.features[head * part.depth + j]);
  for (const name of [part.layer.weight, ...part.bias ? [part.bias.param] : []]) {
    const { shape, data } = params.get(name)!;
    const width = shape.at(-1)!;
    params.set(name, { shape, data: data.map((value, i) => features.includes(i % width) ? 0 : value) });
  }
  return { graph: model.graph, params };
}

const WAYS = ["apart", "together", "stacked"] as const;

test("queries, keys and values are features of projections, whichever way they are cut", () => {
  for (const way of WAYS) {
    const [{ heads, q, k, v, output }] = headsOf(modelOf(vit(way)));
    const eight = Array.from({ length: 8 }, (_, i) => i);
    const shift = way === "apart" ? 0 : 8;
    assert.equal([heads, q.depth, output!.depth, output!.layer.weight], [2, 4, 4, "proj.weight"], way);
    assert.equal([q.features, output!.features], [eight, eight], way);
    assert.equal([k.features, v.features], [eight.map((i) => i + shift), eight.map((i) => i + 2 * shift)], way);
  }
});

test("as many go from each head, of queries and keys together, and the scale is the old one", () => {
  for (const way of WAYS) {
    const model = modelOf(vit(way));
    const [{ q, k }] = headsOf(model);
    // Of the first head 0 and 2 can go, of the second 1, 2 and 3: two go from each.
    const masked = without(without(model, q, [[0, 0], [1, 1], [1, 2]]), k, [[0, 2], [1, 3]]);
    const { model: small, map } = compact(masked);
    const node = small.graph.nodes.find(({ op }) => op === "Attention")!;
    assert.is(node.attrs.scale, 1 / Math.sqrt(4), way);
    const wanted = way === "apart" ? ["8x4", "8x4", "8x8"] : ["8x16"];
    const names = way === "apart" ? ["q.weight", "k.weight", "v.weight"] : ["qkv.weight"];
    assert.equal(names.map((name) => shapeOf(small, name)), wanted, way);
    // Values are deeper: queries and keys get zeros behind.
    assert.is(ops(small).split(" ").filter((op) => op === "Pad").length, 2);
    assert.ok(difference(masked, small) <= 1e-6, way);
    assert.ok(difference(masked, scatterModel(small, map, masked)!) <= 1e-6, way);
    assert.ok(difference(masked, importOnnx(exportOnnx(small))) <= 1e-6, way);
  }
});

test("values go with what the projection behind reads of them", () => {
  for (const way of WAYS) {
    const model = modelOf(vit(way));
    const [{ v }] = headsOf(model);
    const { model: small } = compact(without(model, v, [[0, 1], [1, 0], [1, 3]]));
    assert.is(shapeOf(small, "proj.weight"), "6x8", way);
    assert.is(shapeOf(small, way === "apart" ? "v.weight" : "qkv.weight"), way === "apart" ? "8x6" : "8x22");
    assert.ok(difference(without(model, v, [[0, 1], [1, 0], [1, 3]]), small) <= 1e-6, way);
  }
});

test("where all three are as narrow, the operator is, and nothing is padded", async () => {
  const gpu = await testGpu();
  const model = modelOf(vit("together"));
  const [{ q, k, v }] = headsOf(model);
  const gone = [[0, 1], [0, 2], [1, 0], [1, 3]] as const;
  const masked = [q, k, v].reduce((before, part) => without(before, part, gone), model);
  const { model: small } = compact(masked);
  assert.not(/Pad/.test(ops(small)));
  assert.is(shapeOf(small, "qkv.weight"), "8x12");
  const { [model.graph.inputs[0].name]: input } = randomInputs(model.graph, 7, 4);
  await assertEquivalent(gpu, masked, small, input.data, 4);
});

test("what is narrow already can be narrowed further", () => {
  const model = modelOf(vit("together"));
  const [first] = headsOf(model);
  const once =
    compact(without(without(model, first.q, [[0, 0], [1, 0]]), first.v, [[0, 3], [0, 2], [1, 2], [1, 3]])).model;
  const [again] = headsOf(once);
  assert.equal([again.q.depth, again.k.depth, again.v.depth, again.output!.depth], [3, 3, 2, 2]);
  const masked = without(without(once, again.k, [[0, 1], [1, 1]]), again.v, [[0, 0], [1, 1]]);
  const { model: twice } = compact(masked);
  const [{ q, v }] = headsOf(twice);
  assert.equal([q.depth, v.depth], [2, 1]);
  assert.ok(difference(masked, twice) <= 1e-6);
});

/** One attention of two heads of four, of which `read` numbers are read by a projection. */
function attended(read: number, outputs: "projection" | "heads as well"): Model {
  const b = builder("g", ["N", 6, 5]);
  const x = b.transpose(b.input, [0, 2, 1]);
  const [q, k, v] = ["q", "k", "v"].map((name) =>
    b.transpose(b.reshape(b.linear(x, { name, out: 8 }), [5, 2, 4]), [0, 2, 1, 3])
  );
  const heads = b.attention(q, k, v, { name: "attend" });
  const part = read < 4 ? b.slice(heads, { axes: [3], starts: [0], ends: [read] }) : heads;
  const joined = b.reshape(b.transpose(part, [0, 2, 1, 3]), [5, 2 * read]);
  const y = b.linear(joined, { name: "proj", out: 3 });
  return modelOf(b.graph(outputs === "projection" ? [y] : [y, heads]));
}

test("values stay where not all that they fill is read, or the heads are given as they are", () => {
  for (const model of [attended(2, "projection"), attended(4, "heads as well")]) {
    const [{ q, v, output }] = headsOf(model);
    assert.is(output, undefined);
    const masked = without(without(model, q, [[0, 3], [1, 0]]), v, [[0, 3], [1, 3], [0, 0], [1, 1]]);
    const { model: small } = compact(masked);
    assert.equal(["q.weight", "v.weight"].map((name) => shapeOf(small, name)), ["6x6", "6x8"]);
    assert.ok(difference(masked, small) <= 1e-6);
  }
  const model = attended(4, "projection");
  const masked = without(model, headsOf(model)[0].v, [[0, 0], [1, 1]]);
  assert.is(shapeOf(compact(masked).model, "v.weight"), "6x6");
});

test("projections that others read, or that share weights, stay whole", () => {
  const b = builder("g", ["N", 6, 5]);
  const x = b.transpose(b.input, [0, 2, 1]);
  const make = (name: string) => b.linear(x, { name, out: 8 });
  const split = (tokens: string) => b.transpose(b.reshape(tokens, [5, 2, 4]), [0, 2, 1, 3]);
  const [q, k, v] = ["q", "k", "v"].map(make);
  const heads = b.transpose(b.attention(split(q), split(k), split(v), { name: "attend" }), [0, 2, 1, 3]);
  const y = b.linear(b.reshape(heads, [5, 8]), { name: "proj", out: 3 });
  const model = modelOf(b.graph([y, b.relu(q)]));
  const { found, refused } = attentionHeads(model.graph, dependencyGraph(model.graph));
  assert.equal([found.length, refused.get("attend")], [0, "others read its queries, keys or values as well"]);
});

test("masked = compact in random networks, and as many dimensions went as each head could spare", () => {
  let narrowed = 0;
  for (let seed = 0; seed < 600 && narrowed < 40; seed++) {
    const model = widened(randomModel(seed));
    const found = headsOf(model);
    if (found.length === 0) continue;
    const d = dice(seed, "heads");
    const masked = found.reduce((before, { heads, q, k, v }) => {
      const some = ({ depth }: HeadProjection) =>
        Array.from({ length: heads * depth }, (_, i) => [Math.floor(i / depth), i % depth] as const)
          .filter(() => d.chance(0.4));
      return [q, k, v].reduce((model, part) => without(model, part, some(part)), before);
    }, model);
    const { model: small } = compact(masked);
    assert.ok(difference(masked, small, seed) <= 1e-9, `seed ${seed}`);
    assert.equal(compact(small).model.graph, small.graph, `seed ${seed}: not a fixpoint`);
    const left = new Map(headsOf(small).map((attention) => [attention.node.name, attention]));
    for (const { node, q, v } of found) {
      const now = left.get(node.name);
      if (now && (now.q.depth < q.depth || now.v.depth < v.depth)) narrowed++;
    }
  }
  assert.ok(narrowed >= 40, `${narrowed}`);
});

test.run();
