import { suite } from "uvu";
import * as assert from "uvu/assert";
import { alexnet, alexnetNodes, withGroups } from "../../bench/headline/networks.ts";
import { convWeights, pruneAtRandom } from "../../bench/headline/prune.ts";
import { builder } from "../../src/graph/build.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";

const test = suite("headline benchmark");

test("AlexNet's convolutions have Caffe's sizes, in both forms", () => {
  const classifier = 256 * 1000 + 1000;
  for (const form of ["one node", "a node each"] as const) {
    const { macs, params, nodes } = graphCost(alexnet(form));
    assert.is(params - classifier, 2_332_704 + 96 + 256 + 384 + 384 + 256);
    assert.is(macs - 256_000, 105_415_200 + 223_948_800 + 149_520_384 + 112_140_288 + 74_760_192);
    for (const name of alexnetNodes("conv4")) assert.is(nodes.has(name), form === "a node each");
  }
});

test("ResNet-18 has the 11,173,962 trainable numbers of its CIFAR form", () => {
  const graph = createModel("resnet18-cifar");
  const statistics = Object.values(graph.params).filter(({ role }) => role === "mean" || role === "variance");
  const trained = graphCost(graph).params - statistics.reduce((sum, { shape }) => sum + shape[0], 0);
  assert.is(trained, 11_173_962);
});

test("two halves of a layer become its two groups, the first one first", () => {
  const graph = alexnet("a node each");
  const fill = (shape: readonly number[], value: number): HostTensor => ({
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
  });
  const params = new Map(
    Object.entries(graph.params).map(([name, { shape }]) => [name, fill(shape, name.includes(".1.") ? 2 : 1)]),
  );
  const { shape, data } = withGroups({ graph, params }).params.get("conv2.weight")!;
  assert.equal(shape, [256, 48, 5, 5]);
  assert.ok(data.subarray(0, data.length / 2).every((v) => v === 1));
  assert.ok(data.subarray(data.length / 2).every((v) => v === 2));
});

function small(): Model {
  const b = builder("small", ["N", 3, 8, 8]);
  const first = b.relu(b.conv(b.input, { name: "first", out: 16, kernel: 3, pad: 1 }));
  const second = b.relu(b.conv(first, { name: "second", out: 20, kernel: 3, pad: 1 }));
  b.gemm(b.flatten(b.globalAveragePool(second)), { name: "linear", out: 10 });
  const graph = b.graph();
  return { graph, params: initialise(graph, 1) };
}

test("structures are drawn by the seed, and as many as asked for stay", () => {
  const cuts = [{ kind: "filter", keep: 0.25, nodes: ["second"] }] as const;
  const [a, again, other] = [1, 1, 2].map((seed) => pruneAtRandom(small(), cuts, seed));
  const weight = ({ params }: Model) => params.get("second.weight")!;
  assert.equal(weight(a.masked), weight(again.masked));
  assert.not.equal(weight(a.masked), weight(other.masked));
  assert.equal(weight(a.compact).shape, [5, 16, 3, 3]);
  assert.is(convWeights(a.compact), 16 * 27 + 5 * 144);
  assert.is(convWeights(a.masked), convWeights(a.compact));
});

test("columns that stay are stored, and filters that nobody reads any more go", () => {
  const { masked, compact } = pruneAtRandom(small(), [{ kind: "column", keep: 4 / 144, nodes: ["second"] }], 3);
  assert.equal(compact.params.get("second.weight")!.shape, [20, 4]);
  assert.ok(compact.params.get("first.weight")!.shape[0] <= 4);
  assert.is(convWeights(masked), convWeights(compact));
});

test.run();
