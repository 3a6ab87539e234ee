/** Merged layers at zero-padded borders, in float64: what only looks right in the middle of an image is found here. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder, type ConvOptions } from "../../src/graph/build.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { mergedGraph, mergedParams64 } from "../../src/depth/merge/merge.ts";
import type { Graph } from "../../src/graph/types.ts";
import { validateGraph } from "../../src/graph/validate.ts";
import { mergeError64, outputs64, randomParams64, wholePlan } from "./merged.ts";

const test = suite("merge at borders");

const ONE = { layers: "one" } as const;

/** Kernel, stride, pad. */
type Layer = readonly [number, number, number];

interface PairOptions extends Pick<ConvOptions, "group" | "dilation"> {
  readonly channels?: number;
}

/** Two convolutions with their norms. */
function pair(
  size: number | readonly [number, number],
  [k1, s1, p1]: Layer,
  [k2, s2, p2]: Layer,
  { channels = 2, group = 1, dilation = 1 }: PairOptions = {},
): Graph {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  const b = builder("pair", ["N", channels, height, width]);
  const first = { name: "conv1", out: channels, kernel: k1, stride: s1, pad: p1, group, dilation };
  const x = b.batchNorm(b.conv(b.input, first), { name: "bn1" });
  b.batchNorm(b.conv(x, { ...first, name: "conv2", kernel: k2, stride: s2, pad: p2 }), { name: "bn2" });
  return b.graph();
}

function regionsOf(graph: Graph) {
  const [{ rows, cols, border, kernel, strides, pads }] = wholePlan(graph, ONE).layers;
  return { perAxis: [rows, cols].map((lines) => new Set(lines).size), border, kernel, strides, pads };
}

// How many regions there are along an axis of two convolutions of (kernel, stride, padding) was counted by hand.
const TABLE: readonly (readonly [size: number, Layer, Layer, patterns: number])[] = [
  [9, [3, 1, 1], [3, 1, 1], 3],
  [9, [3, 2, 1], [3, 1, 1], 3],
  [9, [3, 1, 1], [5, 1, 2], 5],
  [10, [3, 1, 1], [3, 2, 1], 2],
  [11, [5, 2, 2], [3, 2, 1], 2],
  [2, [3, 1, 1], [5, 1, 2], 2],
  [1, [3, 1, 1], [3, 1, 1], 1],
];

for (const [size, first, second, patterns] of TABLE) {
  test(`${size}×${size}, (${first}) then (${second}): ${patterns ** 2} kernels`, () => {
    const graph = pair(size, first, second);
    const { perAxis, kernel, strides, pads } = regionsOf(graph);
    assert.equal(perAxis, [patterns, patterns]);
    const [[k1, s1, p1], [k2, s2, p2]] = [first, second];
    assert.equal(strides, [s1 * s2, s1 * s2]);
    assert.equal(kernel, [k1 + (k2 - 1) * s1, k1 + (k2 - 1) * s1]);
    assert.equal(pads.slice(0, 2), [p1 + s1 * p2, p1 + s1 * p2]);
    const plan = wholePlan(graph, ONE);
    validateGraph(mergedGraph(graph, [plan]));
    assert.ok(mergeError64(graph, [plan]) < 1e-12);
  });
}

test("images of 1×1 to 9×9, strides, even and odd kernels, uneven pads, groups and dilations: exact", () => {
  let worst = 0, merged = 0;
  const layers: Layer[] = [[1, 1, 0], [2, 1, 1], [3, 1, 1], [3, 2, 1], [3, 1, 0], [5, 1, 2]];
  for (let size = 1; size <= 9; size++) {
    layers.forEach((first, i) => {
      layers.forEach((second, j) => {
        const options = [{}, { channels: 4, group: 2 }, { dilation: 2 }, { channels: 3, group: 3 }][(i + j + size) % 4];
        const graph = fits(() => pair([size, 10 - size], first, second, options));
        if (!graph) return;
        worst = Math.max(worst, mergeError64(graph, [wholePlan(graph, ONE)], size));
        merged++;
      });
    });
  }
  assert.ok(merged > 200, `${merged}`);
  assert.ok(worst < 1e-12, `${worst}`);
});

/** A convolution is refused where its kernel is larger than the padded image. */
function fits(make: () => Graph): Graph | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

/** Two 3×3 convolutions with a shortcut, as in a ResNet; of stride 2 with a 1×1 projection. */
function basic(size: number, stride: 1 | 2): Graph {
  const b = builder("basic", ["N", 3, size, size]);
  const out = stride === 1 ? 3 : 6;
  const layer = (x: string, name: string, stride: number) =>
    b.batchNorm(b.conv(x, { name, out, kernel: 3, stride, pad: 1, bias: false }), { name: `${name}.bn` });
  const y = layer(layer(b.input, "conv1", stride), "conv2", 1);
  const project = () => b.conv(b.input, { name: "shortcut", out, kernel: 1, stride, bias: false });
  const sum = b.add(stride === 1 ? b.input : b.batchNorm(project(), { name: "shortcut.bn" }), y, "sum");
  b.batchNorm(b.relu(sum, "act"), { name: "tail" });
  return b.graph();
}

for (const stride of [1, 2] as const) {
  test(`a basic block of stride ${stride} with its shortcut is one kernel for each region, at every size`, () => {
    for (let size = 1; size <= 9; size++) {
      const graph = basic(size, stride);
      const plan = wholePlan(graph, ONE);
      assert.equal([plan.core, plan.tail], ["sum", ["act", "tail"]]);
      const [{ kernel, strides }] = plan.layers;
      assert.equal([kernel[0], strides[0]], stride === 1 ? [5, 1] : [7, 2]);
      assert.ok(mergeError64(graph, [plan]) < 1e-12, `${size}×${size}`);
    }
  });
}

test("by default a basic block keeps its two convolutions: one of 5×5 would take 25/18 of their multiply-adds", () => {
  const graph = basic(9, 1);
  assert.equal(wholePlan(graph).layers.map(({ nodes }) => nodes), [["conv1", "conv1.bn"], ["conv2", "conv2.bn"]]);
  const { before, after } = wholePlan(graph, ONE).macs;
  assert.is(after / before, 25 / 18);
});

test("the kernel of the inside alone is right in the middle of the image and far off at its border", () => {
  const graph = basic(9, 1);
  const plan = wholePlan(graph, ONE);
  const inside = { ...plan, layers: plan.layers.map((layer) => ({ ...layer, border: "none" as const })) };
  const params = randomParams64(graph);
  const naive = mergedParams64(graph, params, [inside]);
  const [expected, got] = [outputs64(graph, params), outputs64(naive.graph, naive.params)];
  const isBorder = (i: number) => [i % 9, Math.floor(i / 9) % 9].some((line) => line === 0 || line === 8);
  const part = (numbers: Float64Array, border: boolean) => numbers.filter((_, i) => isBorder(i) === border);
  assert.ok(compareOutputs(part(expected, false), part(got, false)).maxRel < 1e-12);
  assert.ok(compareOutputs(part(expected, true), part(got, true)).maxRel > 0.05);
});

test("padding that stands at the first convolution alone needs one kernel", () => {
  for (let size = 1; size <= 9; size++) {
    for (const stride of [1, 2]) {
      const b = builder("moved", ["N", 2, size, size]);
      const y = b.conv(b.input, { name: "conv1", out: 4, kernel: 3, stride, pad: 1 + stride });
      const z = b.batchNorm(b.conv(b.batchNorm(y, { name: "bn1" }), { name: "conv2", out: 2, kernel: 3 }), {
        name: "bn2",
      });
      if (stride === 1) b.add(b.input, z, "sum");
      const graph = b.graph();
      const plan = wholePlan(graph, ONE);
      assert.is(plan.layers[0].border, "none");
      assert.equal(mergedGraph(graph, [plan]).nodes.map(({ op }) => op), ["Conv"]);
      assert.ok(mergeError64(graph, [plan]) < 1e-12);
    }
  }
});

test("a batch norm before a zero-padded convolution needs biases of its own at the border", () => {
  for (let size = 1; size <= 9; size++) {
    const b = builder("before", ["N", 3, size, size]);
    b.conv(b.batchNorm(b.input, { name: "bn" }), { name: "conv", out: 4, kernel: 3, pad: 1, bias: false });
    const graph = b.graph();
    const plan = wholePlan(graph, ONE);
    assert.is(plan.layers[0].border, size === 1 ? "none" : "bias");
    assert.ok(mergeError64(graph, [plan]) < 1e-12, `${size}×${size}`);
  }
});

test("the middle padded with the norm's constant is enough behind a 1×1 convolution, and not behind a 3×3 one", () => {
  // What RepVGG and DBB do: the constant that the first norm makes of zeros stands around the middle.
  const padded = (kernel: 1 | 3) => {
    const b = builder("constant", ["N", 2, 6, 6]);
    const pad = kernel === 1 ? 1 : 2;
    const y = b.conv(b.input, { name: "conv1", out: 3, kernel, pad, bias: false });
    b.conv(b.batchNorm(y, { name: "bn1" }), { name: "conv2", out: 2, kernel: 3, bias: false });
    return b.graph();
  };
  const zeros = (kernel: 1 | 3) => {
    const b = builder("zeros", ["N", 2, 6, 6]);
    const y = b.conv(b.input, { name: "conv1", out: 3, kernel, pad: (kernel - 1) / 2, bias: false });
    b.conv(b.batchNorm(y, { name: "bn1" }), { name: "conv2", out: 2, kernel: 3, pad: 1, bias: false });
    return b.graph();
  };
  // One kernel everywhere: behind 1×1 also where the middle is padded with zeros, up to a table of biases.
  assert.equal([padded(1), padded(3)].map((graph) => wholePlan(graph, ONE).layers[0].border), ["none", "none"]);
  assert.equal([zeros(1), zeros(3)].map((graph) => wholePlan(graph, ONE).layers[0].border), ["bias", "kernel"]);
});

test("an average pooling is a convolution of equal weights, and divides by what is inside where it says so", () => {
  for (const countIncludePad of [true, false]) {
    for (let size = 1; size <= 7; size++) {
      const b = builder("average", ["N", 2, size, size + 1]);
      const y = b.conv(b.input, { name: "conv", out: 3, kernel: 1 });
      b.averagePool(b.batchNorm(y, { name: "bn" }), { kernel: 3, stride: 1, pad: 1, countIncludePad, name: "pool" });
      const graph = b.graph();
      assert.ok(mergeError64(graph, [wholePlan(graph, ONE)]) < 1e-12, `${size}`);
    }
  }
});

test("three convolutions in a row, a slice and a pad in between: any depth is exact", () => {
  for (let size = 1; size <= 9; size++) {
    const b = builder("deep", ["N", 2, size, size]);
    const conv = (x: string, name: string, kernel: number) =>
      b.batchNorm(b.conv(x, { name, out: 2, kernel, pad: (kernel - 1) / 2 }), { name: `${name}.bn` });
    let x = conv(conv(b.input, "a", 3), "b", 3);
    x = b.slice(
      b.pad(x, [0, 0, 1, 2], [0, 0, 1, 0]),
      { axes: [2, 3], starts: [0, 1], ends: [size + 1, size + 2] },
      "cut",
    );
    conv(x, "c", 3);
    const graph = b.graph();
    assert.ok(mergeError64(graph, [wholePlan(graph, ONE)]) < 1e-12, `${size}×${size}`);
  }
});

test.run();
