/** What exporters write in parts is fused where it is what it looks like, and only there. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import type { OnnxNode, OnnxTensor } from "../../src/formats/onnx/types.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { sample } from "../oracle/samples.ts";
import { float32, type HandModel, int64, model, node } from "./onnx-models.ts";

const test = suite("onnx fusion");

const opsOf = (nodes: readonly OnnxNode[], options: HandModel) =>
  importOnnx(model(nodes, options)).graph.nodes.map(({ op }) => op);

function evaluated(nodes: readonly OnnxNode[], options: HandModel, data: Float64Array): Float64Array {
  const imported = importOnnx(model(nodes, options));
  const shape = imported.graph.inputs[0].shape.map((d) => d === "N" ? 1 : d);
  return referenceForward(imported, { x: { shape, data } }).get("y")!.data;
}

function close(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.is(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    assert.ok(Math.abs(actual[i] - expected[i]) < 1e-6, `${i}: ${actual[i]}, expected ${expected[i]}`);
  }
}

/** Layer norm in parts over one axis, γ and β of some form. */
function norm(axis: number, gamma: OnnxTensor, beta: OnnxTensor, square: "power" | "product" | "twice") {
  const centre = node("Sub", ["x", "mean"], "centred");
  const squared = {
    power: [node("Pow", ["centred", "two"], "squared")],
    product: [node("Mul", ["centred", "centred"], "squared")],
    twice: [node("Sub", ["x", "mean"], "again"), node("Pow", ["again", "two"], "squared")],
  }[square];
  const nodes = [
    node("ReduceMean", ["x"], "mean", { axes: [axis] }),
    centre,
    ...squared,
    node("ReduceMean", ["squared"], "variance", { axes: [axis] }),
    node("Add", ["epsilon", "variance"], "sum"),
    node("Sqrt", ["sum"], "root"),
    node("Div", ["centred", "root"], "normed"),
    node("Mul", ["gamma", "normed"], "scaled"),
    node("Add", ["scaled", "beta"]),
  ];
  const initialisers = [
    float32("two", [], [2]),
    float32("epsilon", [], [1e-5]),
    { ...gamma, name: "gamma" },
    { ...beta, name: "beta" },
  ];
  return { nodes, initialisers };
}

test("layer norm over any axis, γ and β along any axis", () => {
  const [C, W] = [3, 5];
  const x = sample("x", C, W).data;
  const forms: (readonly number[])[] = [[W], [1, W], [C, 1], [1, C, W], [1, 1, W], [1, C, 1], [1]];
  fc.assert(
    fc.property(
      fc.constantFrom(1, 2, -1, -2),
      fc.constantFrom(...forms),
      fc.constantFrom(...forms),
      fc.constantFrom("power", "product", "twice"),
      (axis, g, b, square) => {
        const tensor = (name: string, dims: readonly number[]) => float32(name, dims, [...sample(name, ...dims).data]);
        const [gamma, beta] = [tensor("gamma", g), tensor("beta", b)];
        const { nodes, initialisers } = norm(axis, gamma, beta, square as "power");
        const overChannels = axis === 1 || axis === -2;
        const at = ({ dims, floats }: OnnxTensor, c: number, w: number) => {
          const [rows, columns] = [1, ...dims].slice(-2);
          return floats![(rows === 1 ? 0 : c) * columns + (columns === 1 ? 0 : w)];
        };
        const expected = Array.from(x, (v, i) => {
          const [c, w] = [Math.floor(i / W), i % W];
          const line = Array.from(x).filter((_, j) => overChannels ? j % W === w : Math.floor(j / W) === c);
          const mean = line.reduce((sum, u) => sum + u, 0) / line.length;
          const variance = line.reduce((sum, u) => sum + (u - mean) ** 2, 0) / line.length;
          return (v - mean) / Math.sqrt(variance + 1e-5) * at(gamma, c, w) + at(beta, c, w);
        });
        close(evaluated(nodes, { input: ["N", C, W], initialisers, opset: 13 }, x), expected);
      },
    ),
    { numRuns: 150, seed: 3 },
  );
});

/** Layer norm over the last axis by the inverse of the deviation, as Keras and JAX write it. */
function inverseNorm(
  variance: "deviations" | "squares" | "squares above 0",
  root: "Reciprocal" | "1 / Sqrt" | "power",
  rest: "differences" | "products",
): { nodes: OnnxNode[]; initialisers: OnnxTensor[] } {
  const mean = (of: string, name: string) => node("ReduceMean", [of], name, { axes: [-1] });
  const variances = {
    "deviations": [node("Mul", ["centred", "centred"], "squared"), mean("squared", "variance")],
    "squares": [
      node("Mul", ["x", "x"], "squared"),
      mean("squared", "average"),
      node("Mul", ["mean", "mean"], "square"),
      node("Sub", ["average", "square"], "variance"),
    ],
    "squares above 0": [
      node("Pow", ["x", "two"], "squared"),
      mean("squared", "average"),
      node("Pow", ["mean", "two"], "square"),
      node("Sub", ["average", "square"], "difference"),
      node("Max", ["zero", "difference"], "variance"),
    ],
  };
  const roots = {
    "Reciprocal": [node("Sqrt", ["sum"], "root"), node("Reciprocal", ["root"], "inverse")],
    "1 / Sqrt": [node("Sqrt", ["sum"], "root"), node("Div", ["one", "root"], "inverse")],
    "power": [node("Pow", ["sum", "half"], "inverse")],
  };
  const ends = {
    "differences": [node("Mul", ["centred", "scale"], "scaled"), node("Add", ["beta", "scaled"])],
    "products": [
      node("Mul", ["x", "scale"], "scaled"),
      node("Mul", ["mean", "scale"], "moved"),
      node("Sub", ["beta", "moved"], "offset"),
      node("Add", ["scaled", "offset"]),
    ],
  };
  const nodes = [
    mean("x", "mean"),
    node("Sub", ["x", "mean"], "centred"),
    ...variances[variance],
    node("Add", ["variance", "epsilon"], "sum"),
    ...roots[root],
    node("Mul", ["inverse", "gamma"], "scale"),
    ...ends[rest],
  ];
  const one = (name: string, value: number) => float32(name, [], [value]);
  const initialisers = [
    one("two", 2),
    one("one", 1),
    one("zero", 0),
    one("half", -0.5),
    one("epsilon", 1e-3),
    float32("gamma", [4], [1, 2, -1, 0.5]),
    float32("beta", [4], [0.5, 0, 1, -2]),
  ];
  return { nodes, initialisers };
}

test("layer norm by the inverse of the deviation, however its variance and its sum are written", () => {
  const x = Float64Array.of(1, 2, 4, 1, -1, 0, 3, 6);
  const [gamma, beta] = [[1, 2, -1, 0.5], [0.5, 0, 1, -2]];
  // Means 2 and 2, variances 1.5 and 7.5.
  const expected = Array.from(
    x,
    (v, i) => gamma[i % 4] * (v - 2) / Math.sqrt((i < 4 ? 1.5 : 7.5) + 1e-3) + beta[i % 4],
  );
  for (const variance of ["deviations", "squares", "squares above 0"] as const) {
    for (const root of ["Reciprocal", "1 / Sqrt", "power"] as const) {
      for (const rest of ["differences", "products"] as const) {
        const { nodes, initialisers } = inverseNorm(variance, root, rest);
        const options = { input: ["N", 2, 4], initialisers, opset: 13 };
        assert.equal(opsOf(nodes, options), ["LayerNormalization"], `${variance}, ${root}, ${rest}`);
        close(evaluated(nodes, options, x), expected);
      }
    }
  }
});

test("what is nearly that isn't one", () => {
  const { nodes, initialisers } = inverseNorm("squares", "Reciprocal", "products");
  const options = { input: ["N", 2, 4], initialisers, opset: 13 };
  const replaced = (name: string, by: OnnxNode) => nodes.map((n) => n.outputs[0] === name ? by : n);
  for (
    const other of [
      // The square of something else, the difference the other way round, the sum with another mean.
      replaced("square", node("Mul", ["mean", "x"], "square")),
      replaced("variance", node("Sub", ["square", "average"], "variance")),
      replaced("moved", node("Mul", ["average", "scale"], "moved")),
      replaced("average", node("ReduceMean", ["squared"], "average", { axes: [1] })),
    ]
  ) assert.throws(() => opsOf(other, options), /isn't supported|don't fit together/);
});

test("a norm of another value, or with another mean, isn't one", () => {
  const { nodes, initialisers } = norm(
    2,
    float32("", [5], [1, 1, 1, 1, 1]),
    float32("", [5], [0, 0, 0, 0, 0]),
    "power",
  );
  const cubed = initialisers.map((tensor) => tensor.name === "two" ? { ...tensor, floats: [3] } : tensor);
  const options = { input: ["N", 3, 5], opset: 13 };
  assert.throws(() => opsOf(nodes, { ...options, initialisers: cubed }), /^Sqrt .*isn't supported/);
  const other = nodes.map((n) =>
    n.outputs[0] === "variance" ? node("ReduceMean", ["squared"], "variance", { axes: [1] }) : n
  );
  assert.throws(() => opsOf(other, { ...options, initialisers }), /^Sqrt .*isn't supported/);
});

const NUMBERS = [
  float32("three", [], [3]),
  float32("zero", [], [0]),
  float32("six", [], [6]),
  float32("seven", [], [7]),
];

test("hard swish in parts, in either order, with its own numbers only", () => {
  const swish = (top: string, divisor: string) => [
    node("Add", ["x", "three"], "moved"),
    node("Clip", ["moved", "zero", top], "ramp"),
    node("Mul", ["ramp", "x"], "product"),
    node("Div", ["product", divisor]),
  ];
  const options = { initialisers: NUMBERS };
  assert.equal(opsOf(swish("six", "six"), options), ["HardSwish"]);
  const [moved, ramp] = swish("six", "six");
  const early = [moved, ramp, node("Div", ["ramp", "six"], "gate"), node("Mul", ["x", "gate"])];
  assert.equal(opsOf(early, options), ["HardSwish"]);
  assert.equal(opsOf(swish("seven", "six"), options), ["Add", "Clip", "Mul", "Mul"]);
  assert.equal(opsOf(swish("six", "seven"), options), ["Add", "Clip", "Mul", "Mul"]);
  const slope = (alpha: number) => [node("HardSigmoid", ["x"], "gate", { alpha }), node("Mul", ["gate", "x"])];
  assert.equal(opsOf(slope(1 / 6), options), ["HardSwish"]);
  assert.equal(opsOf(slope(0.2), options), ["HardSigmoid", "Mul"]);
});

test("attention isn't fused where its weights are read elsewhere, or masked", () => {
  const attention = [
    node("Transpose", ["x"], "keys", { perm: [0, 1, 3, 2] }),
    node("MatMul", ["x", "keys"], "scores"),
    node("Softmax", ["scores"], "weights", { axis: -1 }),
    node("MatMul", ["weights", "x"], "y"),
  ];
  assert.equal(opsOf(attention, { input: ["N", 2, 4, 4] }), ["Attention"]);
  const [keys, scores, softmax, last] = attention;
  const twice = [keys, scores, softmax, { ...last, outputs: ["z"] }, node("Add", ["z", "weights"])];
  assert.equal(opsOf(twice, { input: ["N", 2, 4, 4] }), ["Transpose", "MatMul", "Softmax", "MatMul", "Add"]);
  const mask = float32("mask", [1, 1, 4, 4], [...sample("mask", 16).data]);
  const masked = [
    keys,
    scores,
    node("Add", ["scores", "mask"], "masked"),
    node("Softmax", ["masked"], "weights"),
    last,
  ];
  assert.not.ok(opsOf(masked, { input: ["N", 2, 4, 4], initialisers: [mask] }).includes("Attention"));
});

test("attention over keys that were transposed twice, scaled three times", () => {
  const [H, T, D] = [2, 4, 3];
  const nodes = [
    node("Mul", ["x", "half"], "q"),
    node("Transpose", ["x"], "k", { perm: [0, 3, 1, 2] }),
    node("Transpose", ["k"], "kt", { perm: [0, 2, 1, 3] }),
    node("Mul", ["kt", "half"], "keys"),
    node("MatMul", ["q", "keys"], "scores"),
    node("Div", ["scores", "half"], "scaled"),
    node("Softmax", ["scaled"], "weights"),
    node("MatMul", ["weights", "x"]),
  ];
  const options = { input: ["N", H, T, D], initialisers: [float32("half", [], [0.5])] };
  const { graph } = importOnnx(model(nodes, options));
  assert.is(graph.nodes.at(-1)!.op, "Attention");
  assert.is(graph.nodes.at(-1)!.attrs.scale, 0.5);
  const x = sample("x", H, T, D).data;
  const expected = Array.from(x, (_, i) => {
    const [h, t, d] = [Math.floor(i / (T * D)), Math.floor(i / D) % T, i % D];
    const at = (s: number, e: number) => x[(h * T + s) * D + e];
    const scores = Array.from(
      { length: T },
      (_, s) => [0, 1, 2].reduce((sum, e) => sum + 0.5 * at(t, e) * at(s, e), 0),
    );
    const total = scores.reduce((sum, v) => sum + Math.exp(v), 0);
    return scores.reduce((sum, v, s) => sum + Math.exp(v) / total * at(s, d), 0);
  });
  close(evaluated(nodes, options, x), expected);
});

test("group norm is fused where the instance norm leaves scale and shift to the channels", () => {
  const nodes = [
    node("Reshape", ["x", "grouped"], "g"),
    node("InstanceNormalization", ["g", "ones", "zeros"], "n"),
    node("Shape", ["x"], "shape"),
    node("Reshape", ["n", "shape"], "r"),
    node("Mul", ["r", "gn.weight"], "m"),
    node("Add", ["m", "gn.bias"]),
  ];
  const initialisers = (scale: number) => [
    int64("grouped", [0, 2, -1]),
    float32("ones", [2], [scale, 1]),
    float32("zeros", [2], [0, 0]),
    float32("gn.weight", [4, 1, 1], [1, 2, 3, 4]),
    float32("gn.bias", [4, 1, 1], [4, 3, 2, 1]),
  ];
  const { graph } = importOnnx(model(nodes, { initialisers: initialisers(1) }));
  assert.equal(graph.nodes.map(({ op, name, attrs }) => [op, name, attrs.num_groups]), [[
    "GroupNormalization",
    "gn",
    2,
  ]]);
  assert.equal(graph.params["gn.weight"], { shape: [4], role: "gamma" });
  assert.is(opsOf(nodes, { initialisers: initialisers(2) }).length, 5);
  const x = sample("x", 4, 6, 6).data;
  const whole = evaluated(nodes, { initialisers: initialisers(1) }, x);
  const apart = evaluated(nodes, { initialisers: initialisers(2) }, x);
  // The first group's scale is doubled: (y − β) of its channels, 0 and 1, doubles.
  close(apart, Array.from(whole, (y, i) => i < 72 ? 2 * (y - (i < 36 ? 4 : 3)) + (i < 36 ? 4 : 3) : y));
});

/** A value [N, …sizes] of which one axis is split into parts, whose order `perm` changes, and joined again. */
function shuffle(sizes: readonly number[], axis: number, parts: readonly number[], perm: readonly number[]) {
  const split = [...sizes.slice(0, axis), ...parts, ...sizes.slice(axis + 1)];
  const order = [
    0,
    ...split.map((_, i) => i + 1 < axis + 1 || i >= axis + parts.length ? i + 1 : perm[i - axis] + axis + 1),
  ];
  const nodes = [
    node("Reshape", ["x", "apart"], "split"),
    node("Transpose", ["split"], "turned", { perm: order }),
    node("Reshape", ["turned", "together"]),
  ];
  const initialisers = [int64("apart", [0, ...split]), int64("together", [0, ...sizes])];
  return { nodes, options: { initialisers, input: ["N", ...sizes] } };
}

test("a channel shuffle is one Gather, along any axis and of any number of parts", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 3 }),
      fc.nat(2),
      fc.array(fc.integer({ min: 2, max: 3 }), { minLength: 2, maxLength: 3 }),
      fc.nat(5),
      (others, at, parts, seed) => {
        const axis = at % others.length;
        const sizes = others.with(axis, parts.reduce((a, b) => a * b));
        const orders = parts.length === 2 ? [[1, 0]] : [[1, 0, 2], [2, 1, 0], [0, 2, 1], [1, 2, 0], [2, 0, 1]];
        const perm = orders[seed % orders.length];
        const { nodes, options } = shuffle(sizes, axis, parts, perm);
        const expected = axis === 0 ? ["Gather"] : ["Transpose", "Gather", "Transpose"];
        assert.equal(opsOf(nodes, options), expected);
        const x = sample("x", ...sizes).data;
        const inner = sizes.slice(axis + 1).reduce((a, b) => a * b, 1);
        const steps = parts.map((_, i) => parts.slice(i + 1).reduce((a, b) => a * b, 1));
        const from = (made: number) => {
          let rest = made, source = 0;
          for (const part of perm.toReversed()) {
            source += rest % parts[part] * steps[part];
            rest = Math.floor(rest / parts[part]);
          }
          return source;
        };
        const y = x.map((_, i) => {
          const made = Math.floor(i / inner) % sizes[axis];
          return x[i + (from(made) - made) * inner];
        });
        close(evaluated(nodes, options, x), y);
      },
    ),
    { numRuns: 60 },
  );
});

test("what a Transpose takes out of an axis is no shuffle", () => {
  const { nodes, options } = shuffle([4, 3, 2], 0, [2, 2], [1, 0]);
  const [split, turned, joined] = nodes;
  // Rows change places with a part of the channels.
  const across = { ...turned, attributes: [{ name: "perm", kind: "ints", value: [0, 1, 3, 2, 4] }] } as OnnxNode;
  assert.equal(opsOf([split, across, joined], options), ["Reshape", "Transpose", "Reshape"]);
});

test.run();
