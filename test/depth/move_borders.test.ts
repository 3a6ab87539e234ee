import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { type Builder, builder } from "../../src/graph/build.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import type { Graph, Model } from "../../src/graph/types.ts";
import { validateModel } from "../../src/graph/validate.ts";
import { mergeBlocks } from "../../src/depth/merge/merge.ts";
import { moveBorders } from "../../src/depth/merge/move_borders.ts";
import { randomParams } from "../generate/graphs.ts";
import { mergeError64, outputs64, randomParams64, wholePlan } from "./merged.ts";

const test = suite("move borders");

const BLOCK = { name: "block", input: "input", output: "sum" };
const TARGET = { ...BLOCK, kind: "basic" } as const;

function modelOf(graph: Graph): Model {
  return { graph, params: randomParams(graph, 2) };
}

/** A residual block of convolutions of these kernels and strides, with a norm and maybe an activation after each. */
function residual(size: number, layers: readonly (readonly [number, number])[], activation: "relu" | "none"): Graph {
  const b = builder("residual", ["N", 3, size, size]);
  const out = layers.some(([, stride]) => stride > 1) ? 4 : 3;
  let x = b.input;
  layers.forEach(([kernel, stride], i) => {
    x = b.conv(x, { name: `conv${i + 1}`, out, kernel, stride, pad: (kernel - 1) / 2, bias: false });
    x = b.batchNorm(x, { name: `bn${i + 1}` });
    if (activation === "relu" && i < layers.length - 1) x = b.relu(x, `act${i + 1}`);
  });
  const stride = layers.reduce((product, [, stride]) => product * stride, 1);
  const skip = out === 3 ? b.input : b.conv(b.input, { name: "shortcut", out, kernel: 1, stride });
  b.relu(b.add(skip, x, "sum"), "tail");
  return b.graph();
}

const pads = ({ nodes }: Graph) => nodes.filter(({ op }) => op === "Conv").map(({ attrs }) => attrs.pads);

test("a basic block gets two pixels around its input, its shortcut none, and sizes at both ends stay", () => {
  const graph = residual(8, [[3, 1], [3, 1]], "relu");
  const { model, map } = moveBorders(modelOf(graph), BLOCK);
  validateModel(model);
  assert.equal(pads(model.graph), [[2, 2, 2, 2], [0, 0, 0, 0]]);
  const [before, after] = [graph, model.graph].map(inferShapes);
  assert.equal(after.get("conv1"), ["N", 3, 10, 10]);
  assert.equal(after.get("sum"), before.get("sum"));
  assert.equal(map.get("conv2.weight"), { source: "conv2.weight", keep: [null, null, null, null] });
});

test("with strides it is p1 + s1 · p2, and what a stride leaves unread isn't padded", () => {
  const { model } = moveBorders(modelOf(residual(8, [[3, 2], [3, 1]], "relu")), BLOCK);
  // 4 lines of output read 6 lines between, and those (6 − 1) · 2 + 3 = 13 lines: 3 before the 8, and 2 behind.
  assert.equal(pads(model.graph), [[3, 3, 2, 2], [0, 0, 0, 0], [0, 0, 0, 0]]);
  assert.equal(inferShapes(model.graph).get("sum"), ["N", 4, 4, 4]);
});

test("moved and then merged it is one plain convolution, exactly, at every size", () => {
  for (let size = 1; size <= 9; size++) {
    const forms: (readonly [number, number])[][] = [[[3, 1], [3, 1]], [[3, 2], [3, 1]], [[5, 1], [3, 2]], [
      [1, 1],
      [3, 1],
      [1, 1],
    ], [[3, 1], [3, 1], [3, 1]]];
    for (const layers of forms) {
      const { model } = moveBorders(modelOf(residual(size, layers, "none")), BLOCK);
      const plan = wholePlan(model.graph, { layers: "one" });
      assert.is(plan.layers[0].border, "none");
      assert.ok(mergeError64(model.graph, [plan]) < 1e-12, `${size}×${size} ${layers.join(" ")}`);
    }
  }
});

test("one kernel is refused where values inside are padded, and given where the padding was moved", () => {
  const model = modelOf(residual(7, [[3, 1], [3, 1]], "none"));
  const options = { border: "move", layers: "one" } as const;
  assert.throws(
    () => mergeBlocks(model, [TARGET], options),
    (error: Error) => error instanceof UserError && /block "block" can't be merged to one kernel/.test(error.message),
  );
  const merged = mergeBlocks(moveBorders(model, BLOCK).model, [TARGET], options).model;
  assert.equal(merged.graph.nodes.map(({ op }) => op), ["Conv", "Relu"]);
});

test("it changes the border alone", () => {
  const graph = residual(9, [[3, 1], [3, 1]], "none");
  const params = randomParams64(graph);
  const moved = moveBorders(modelOf(graph), BLOCK).model.graph;
  const [before, after] = [outputs64(graph, params), outputs64(moved, params)];
  const inside = (numbers: Float64Array) =>
    numbers.filter((_, i) => [i % 9, Math.floor(i / 9) % 9].every((line) => line > 0 && line < 8));
  assert.ok(compareOutputs(inside(before), inside(after)).maxRel < 1e-12);
  assert.ok(compareOutputs(before, after).maxRel > 0.01);
});

test("a norm that comes first gets a Pad before it", () => {
  const b = builder("preact", ["N", 3, 6, 6]);
  const y = b.conv(b.relu(b.batchNorm(b.input, { name: "bn" }), "act"), { name: "conv", out: 3, kernel: 3, pad: 1 });
  b.add(b.input, y, "sum");
  const { model } = moveBorders(modelOf(b.graph()), BLOCK);
  assert.equal(model.graph.nodes.map(({ op }) => op), ["Pad", "BatchNormalization", "Relu", "Conv", "Add"]);
  assert.equal(pads(model.graph), [[0, 0, 0, 0]]);
});

test("what needs another border in two places, or can't have one, is refused with the reason", () => {
  const refused = (build: (b: Builder) => string, message: RegExp) => {
    const b = builder("net", ["N", 3, 6, 6]);
    b.add(b.input, build(b), "sum");
    assert.throws(
      () => moveBorders(modelOf(b.graph()), BLOCK),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  };
  const conv = (b: Builder, x: string, name: string, kernel: number) =>
    b.conv(x, { name, out: 3, kernel, pad: (kernel - 1) / 2 });
  refused(
    (b) => {
      const x = conv(b, b.input, "first", 3);
      return b.add(conv(b, x, "three", 3), conv(b, x, "five", 5), "both");
    },
    /block "block": its padding can't be moved: "first" is read by layers of which each would need another border/,
  );
  refused(
    (b) => conv(b, b.maxPool(conv(b, b.input, "a", 1), { kernel: 3, stride: 1, pad: 1, name: "pool" }), "c", 3),
    /its MaxPool "pool" can't work on an image with more of a border/,
  );
});

test.run();
