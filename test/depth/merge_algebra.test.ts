/** Merged kernels and biases, worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Params64 } from "../../src/graph/fold.ts";
import { mergedParams64 } from "../../src/depth/merge/merge.ts";
import { planMerge } from "../../src/depth/merge/plan.ts";
import type { Graph, Node, Shape } from "../../src/graph/types.ts";
import { wholePlan } from "./merged.ts";

const test = suite("merge algebra");

interface Merged {
  readonly graph: Graph;
  readonly node: Node;
  /** The numbers of all parameters, in the order in which the nodes read them. */
  readonly numbers: readonly number[][];
}

/** A network of one layer in the end, of these parameters. */
function merged(shape: Shape, build: (b: Builder, x: string) => void, params: Record<string, number[]>): Merged {
  const b = builder("algebra", shape);
  build(b, b.input);
  const graph = b.graph();
  const values: Params64 = new Map(
    Object.entries(graph.params).map(([name, { shape }]) => [name, { shape, data: Float64Array.from(params[name]) }]),
  );
  const made = mergedParams64(graph, values, [wholePlan(graph, { layers: "one" })]);
  const [node] = made.graph.nodes;
  const read = made.graph.nodes.flatMap(({ inputs }) => inputs.slice(1));
  const numbers = read.map((name) => [...made.params.get(name)!.data]);
  return { graph: made.graph, node, numbers };
}

/** A row of numbers: an image of one line. */
const line = (b: Builder, x: string, name: string, kernel: number, stride = 1, pad = 0) =>
  b.conv(x, { name, out: 1, kernel: [1, kernel], stride: [1, stride], pad: [0, pad, 0, pad] });

test("a batch norm scales what is before it: s = γ/√(σ² + ε)", () => {
  // s = 4 / √(3 + 1) = 2; weight 2 · 5, bias 2 · (7 − 3) + 1.
  const { numbers } = merged(
    ["N", 1, 2, 2],
    (b, x) => b.batchNorm(b.conv(x, { name: "conv", out: 1, kernel: 1 }), { name: "bn", epsilon: 1 }),
    {
      "conv.weight": [5],
      "conv.bias": [7],
      "bn.weight": [4],
      "bn.bias": [1],
      "bn.running_mean": [3],
      "bn.running_var": [3],
    },
  );
  assert.equal(numbers, [[10], [9]]);
});

test("a batch norm before a linear layer scales its columns: W · diag(s), b + W · (β − s · μ)", () => {
  // s = [1/2, 3/1], β − s · μ = [1 − 2/2, 0 − 3 · 1] = [0, −3].
  const { numbers } = merged(
    ["N", 2],
    (b, x) => b.gemm(b.batchNorm(x, { name: "bn", epsilon: 0 }), { name: "fc", out: 2 }),
    {
      "fc.weight": [1, 2, 3, 4],
      "fc.bias": [10, 20],
      "bn.weight": [1, 3],
      "bn.bias": [1, 0],
      "bn.running_mean": [2, 1],
      "bn.running_var": [4, 1],
    },
  );
  assert.equal(numbers, [[1 / 2, 6, 3 / 2, 12], [10 - 6, 20 - 12]]);
});

test("a convolution of a convolution with a shortcut: inside, at the left and at the right border", () => {
  const { node, numbers } = merged(
    ["N", 1, 1, 4],
    (b, x) => b.add(x, line(b, line(b, x, "one", 3, 1, 1), "two", 3, 1, 1)),
    { "one.weight": [1, 2, 3], "one.bias": [10], "two.weight": [1, 0, -1], "two.bias": [5] },
  );
  assert.is(node.op, "RegionConv");
  assert.equal([node.attrs.pads, node.attrs.rows, node.attrs.cols], [[0, 2, 0, 2], [0], [1, 0, 0, 2]]);
  assert.equal(numbers, [
    // 1 · [1 2 3 0 0] − 1 · [0 0 1 2 3]; at the left without the first, at the right without the second; 1 in the middle.
    [[1, 2, 3, -2, -3], [0, 0, 0, -2, -3], [1, 2, 4, 0, 0]].flat(),
    // 5 + 10 − 10, 5 − 10, 5 + 10.
    [5, -5, 15],
  ]);
});

test("strides multiply, and the second kernel's taps stand as far apart as the first one strides", () => {
  const { node, numbers } = merged(
    ["N", 1, 1, 9],
    (b, x) => line(b, line(b, x, "one", 3, 2), "two", 2, 2),
    { "one.weight": [1, 2, 3], "one.bias": [1], "two.weight": [1, 10], "two.bias": [0] },
  );
  assert.equal([node.op, node.attrs.strides], ["Conv", [1, 4]]);
  assert.equal(numbers, [[1, 2, 13, 20, 30], [11]]);
});

test("a 1×1 projection of the same stride adds to the tap at the pad", () => {
  const { numbers } = merged(
    ["N", 1, 1, 5],
    (b, x) => b.add(line(b, x, "one", 3, 2, 1), line(b, x, "shortcut", 1, 2)),
    { "one.weight": [1, 2, 3], "one.bias": [4], "shortcut.weight": [100], "shortcut.bias": [1000] },
  );
  assert.equal(numbers, [[1, 102, 3], [1004]]);
});

test("groups stay groups where both layers have them, and meet where one mixes", () => {
  const grouped = merged(
    ["N", 2, 1, 1],
    (b, x) =>
      b.conv(b.conv(x, { name: "one", out: 2, kernel: 1, group: 2, bias: false }), {
        name: "two",
        out: 2,
        kernel: 1,
        group: 2,
        bias: false,
      }),
    { "one.weight": [2, 3], "two.weight": [5, 7] },
  );
  assert.equal([grouped.node.attrs.group, grouped.numbers], [2, [[10, 21]]]);
  const mixed = merged(
    ["N", 2, 1, 1],
    (b, x) =>
      b.conv(b.conv(x, { name: "one", out: 2, kernel: 1, group: 2, bias: false }), {
        name: "two",
        out: 1,
        kernel: 1,
        bias: false,
      }),
    { "one.weight": [2, 3], "two.weight": [5, 7] },
  );
  assert.equal([mixed.node.attrs.group, mixed.numbers], [1, [[10, 21]]]);
});

test("a constant before a zero-padded convolution: its taps inside the image alone count", () => {
  // x + 2, then [1 10 100]: 222 inside, 220 at the left, 22 at the right.
  const { graph, numbers } = merged(
    ["N", 1, 1, 4],
    (b, x) =>
      b.conv(b.add(x, b.param("two", [1], "bias")), {
        name: "conv",
        out: 1,
        kernel: [1, 3],
        pad: [0, 1, 0, 1],
        bias: false,
      }),
    { "conv.weight": [1, 10, 100], "two": [2] },
  );
  const [, border] = graph.nodes;
  assert.equal([graph.nodes.map(({ op }) => op), border.attrs.cols], [["Conv", "BorderBias"], [1, 0, 0, 2]]);
  assert.equal(numbers, [[1, 10, 100], [222, 220, 22]]);
});

test("an average of what is inside divides by 2 at the ends and by 3 between them", () => {
  const { numbers } = merged(
    ["N", 1, 1, 4],
    (b, x) =>
      b.averagePool(b.conv(x, { name: "conv", out: 1, kernel: 1 }), {
        kernel: [1, 3],
        stride: 1,
        pad: [0, 1, 0, 1],
        name: "pool",
      }),
    { "conv.weight": [6], "conv.bias": [5] },
  );
  assert.equal(numbers, [[2, 2, 2, 0, 3, 3, 3, 3, 0], [5, 5, 5]]);
});

test("what a bottleneck would take as one layer is told: 144/17 of its multiply-adds, and by default its layers stay", () => {
  const b = builder("bottleneck", ["N", 16, 9, 9]);
  let x = b.conv(b.input, { name: "reduce", out: 4, kernel: 1, bias: false });
  x = b.conv(x, { name: "middle", out: 4, kernel: 3, pad: 1, bias: false });
  b.add(b.input, b.conv(x, { name: "expand", out: 16, kernel: 1, bias: false }), "sum");
  const graph = b.graph();
  const { before, after } = wholePlan(graph, { layers: "one" }).macs;
  assert.is(after / before, 144 / 17);
  const plan = planMerge(graph, { input: "input", output: "sum" });
  assert.is("refused" in plan ? plan.refused : "", "none of its layers can be merged with another one");
});

test("a value that is read elsewhere stays: layers before and behind it are merged apart", () => {
  const build = (outputs: (...names: string[]) => readonly string[]) => {
    const b = builder("read", ["N", 2, 5, 5]);
    const x = b.batchNorm(b.conv(b.input, { name: "one", out: 2, kernel: 1 }), { name: "bn1" });
    const y = b.batchNorm(b.conv(x, { name: "two", out: 2, kernel: 1 }), { name: "bn2" });
    return b.graph(outputs(x, y));
  };
  const region = { input: "input", output: "bn2" };
  const alone = planMerge(build((_, y) => [y]), region);
  const read = planMerge(build((x, y) => [y, x]), region);
  const nodes = (plan: typeof alone) => "refused" in plan ? plan : plan.layers.map(({ nodes }) => nodes);
  assert.equal(nodes(alone), [["one", "bn1", "two", "bn2"]]);
  assert.equal(nodes(read), [["one", "bn1"], ["two", "bn2"]]);
  assert.equal(
    planMerge(build((x, y) => [y, x]), region, { layers: "one" }),
    { refused: `"bn1" in the midst of it is read elsewhere too` },
  );
});

test("a region that another value flows into, and one without a layer, are refused with the reason", () => {
  const b = builder("refused", ["N", 2, 5, 5]);
  const x = b.relu(b.input, "x");
  const y = b.add(b.conv(x, { name: "conv", out: 2, kernel: 1 }), b.tanh(b.input, "other"), "sum");
  b.batchNorm(y, { name: "bn" });
  const graph = b.graph();
  assert.equal(
    planMerge(graph, { input: "x", output: "sum" }),
    { refused: `it also reads "input", which isn't made from "x"` },
  );
  assert.equal(planMerge(graph, { input: "sum", output: "bn" }), { refused: "it has no layer" });
});

test.run();
