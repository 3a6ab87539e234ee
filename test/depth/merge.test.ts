import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";
import { validateGraph } from "../../src/graph/validate.ts";
import { mergedGraph } from "../../src/depth/merge/merge.ts";
import { planMerge } from "../../src/depth/merge/plan.ts";
import { mergeError64, wholePlan } from "./merged.ts";

const test = suite("merge");

const ONE = { layers: "one" } as const;

function image(
  size: number | readonly [number, number],
  channels: number,
  build: (b: Builder, x: string) => void,
): Graph {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  const b = builder("merge", ["N", channels, height, width]);
  build(b, b.input);
  return b.graph();
}

function tokens(count: number, channels: number, build: (b: Builder, x: string) => void): Graph {
  const b = builder("merge", ["N", count, channels]);
  build(b, b.input);
  return b.graph();
}

/** Batch norm over the channels of tokens. */
function tokenNorm(b: Builder, x: string, name: string): string {
  return b.transpose(b.batchNorm(b.transpose(x, [0, 2, 1]), { name }), [0, 2, 1]);
}

test("a batch norm after a convolution goes into it", () => {
  const graph = image(
    5,
    3,
    (b, x) => b.batchNorm(b.conv(x, { name: "conv", out: 4, kernel: 3, pad: 1 }), { name: "bn" }),
  );
  const plan = wholePlan(graph);
  assert.equal(plan.layers.map(({ nodes, border }) => [nodes, border]), [[["conv", "bn"], "none"]]);
  assert.ok(mergeError64(graph, [plan]) < 1e-12);
});

test("MobileNetV2's block is one kernel and a table of biases", () => {
  for (const size of [1, 2, 3, 7, 9]) {
    const graph = image(size, 4, (b, x) => {
      let y = b.batchNorm(b.conv(x, { name: "expand", out: 24, kernel: 1, bias: false }), { name: "bn1" });
      y = b.conv(y, { name: "depthwise", out: 24, kernel: 3, pad: 1, group: 24, bias: false });
      y = b.conv(b.batchNorm(y, { name: "bn2" }), { name: "project", out: 4, kernel: 1, bias: false });
      b.add(x, b.batchNorm(y, { name: "bn3" }), "sum");
    });
    const plan = wholePlan(graph);
    assert.equal(plan.macs, { before: (12 * 16 + 54 * 4) * size ** 2, after: 9 * 16 * size ** 2 });
    assert.is(plan.layers.length, 1);
    assert.is(plan.layers[0].border, size === 1 ? "none" : "bias");
    validateGraph(mergedGraph(graph, [plan]));
    assert.ok(mergeError64(graph, [plan]) < 1e-12, `${size}×${size}`);
  }
});

test("ConvNeXt's linear pair becomes one layer, its depthwise convolution and its shortcut stay", () => {
  const graph = image(9, 4, (b, x) => {
    let y = b.conv(x, { name: "depthwise", out: 4, kernel: 7, pad: 3, group: 4 });
    y = b.conv(b.batchNorm(y, { name: "bn" }), { name: "pw1", out: 16, kernel: 1 });
    y = b.conv(y, { name: "pw2", out: 4, kernel: 1 });
    y = b.mul(y, b.param("scale", [4, 1, 1], "gamma"), "scaled");
    b.add(x, y, "sum");
  });
  const plan = wholePlan(graph);
  assert.equal(plan.layers.map(({ nodes }) => nodes), [["depthwise", "bn"], ["pw1", "pw2", "scaled"]]);
  assert.equal(plan.macs, { before: (49 * 4 + 128) * 81, after: (49 * 4 + 16) * 81 });
  assert.ok(mergeError64(graph, [plan]) < 1e-12);
  const dense = wholePlan(graph, ONE);
  assert.equal(dense.layers.map(({ kernel, group, border }) => [...kernel, group, border]), [[7, 7, 1, "none"]]);
  assert.is(dense.macs.after, 49 * 16 * 81);
  assert.ok(mergeError64(graph, [dense]) < 1e-12);
});

test("a transformer's MLP is one product: batch norms before both layers, shortcut before the first", () => {
  const graph = tokens(5, 6, (b, x) => {
    let y = b.linear(tokenNorm(b, x, "bn1"), { name: "fc1", out: 24 });
    y = b.linear(tokenNorm(b, y, "bn2"), { name: "fc2", out: 6 });
    const sum = b.add(x, y, "sum");
    tokenNorm(b, b.gelu(sum, "none", "act"), "tail");
  });
  const plan = wholePlan(graph);
  assert.equal([plan.core, plan.tail.length], ["sum", 4]);
  assert.equal(plan.macs, { before: 8 * 36 * 5, after: 36 * 5 });
  assert.equal(mergedGraph(graph, [plan]).nodes.slice(0, 2).map(({ op }) => op), ["MatMul", "Add"]);
  assert.ok(mergeError64(graph, [plan]) < 1e-12);
});

test("an activation inside, a squeeze-excite and a layer norm are refused with their names", () => {
  const refusal = (graph: Graph) => {
    const plan = planMerge(graph, { input: "input", output: graph.outputs[0] });
    return "refused" in plan ? plan.refused : "nothing";
  };
  const conv = (b: Builder, x: string, name: string) => b.conv(x, { name, out: 3, kernel: 1 });
  assert.is(
    refusal(image(4, 3, (b, x) => conv(b, b.relu(conv(b, x, "a"), "inside"), "b"))),
    `its Relu "inside" isn't linear`,
  );
  assert.is(
    refusal(image(4, 3, (b, x) => b.mul(x, b.sigmoid(conv(b, b.globalAveragePool(x, "pool"), "gate")), "scale"))),
    `its GlobalAveragePool "pool" depends on the whole image`,
  );
  assert.match(
    refusal(tokens(4, 3, (b, x) => b.linear(b.layerNorm(x, { name: "norm" }), { name: "fc", out: 3 }))),
    /LayerNormalization "norm" divides each token by its own deviation/,
  );
});

test.run();
