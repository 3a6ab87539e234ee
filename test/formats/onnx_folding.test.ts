/** Whatever depends on parameters alone is computed once, in float64, by what the float64 reference knows. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import type { OnnxNode, OnnxTensor } from "../../src/formats/onnx/types.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import { sample } from "../oracle/samples.ts";
import { float32, int64, model, node } from "./onnx-models.ts";

const test = suite("onnx folding");

const numbers = (name: string, ...dims: number[]) => [...sample(name, ...dims).data];
const tensor = (name: string, ...dims: number[]) => float32(name, dims, numbers(name, ...dims));
const one = (name: string, value: number) => float32(name, [], [value]);

/** What these nodes make of constants alone, as the output of a network: x · 0 + "folded". */
function folded(nodes: readonly OnnxNode[], initialisers: readonly OnnxTensor[], shape: readonly number[]): number[] {
  const all = [...nodes, node("Mul", ["x", "zero"], "none"), node("Add", ["none", "folded"])];
  const input = ["N", ...shape];
  const read = importOnnx(model(all, { input, opset: 18, initialisers: [...initialisers, one("zero", 0)] }));
  assert.equal(read.graph.nodes.map(({ op }) => op).toSorted().filter((op) => op !== "Add" && op !== "BorderBias"), [
    "Mul",
  ]);
  return outputs(read, shape);
}

function outputs(read: Model, shape: readonly number[], data?: readonly number[]): number[] {
  const count = shape.reduce((size, d) => size * d, 1);
  const x = { shape: [1, ...shape], data: data ?? new Array<number>(count).fill(1) };
  return [...referenceForward(read, { x }).get("y")!.data];
}

function close(actual: readonly number[], expected: readonly number[], what = ""): void {
  assert.is(actual.length, expected.length, what);
  expected.forEach((v, i) =>
    assert.ok(Math.abs(v - actual[i]) <= 1e-6 * Math.max(1, Math.abs(v)), `${what} ${i}: ${actual[i]}, expected ${v}`)
  );
}

test("a function of each number has the value that it has for an activation, at every rank", () => {
  const ops: Readonly<Record<string, Record<string, number | string>>> = {
    Relu: {},
    LeakyRelu: { alpha: 0.25 },
    Sigmoid: {},
    Tanh: {},
    HardSigmoid: {},
    HardSwish: {},
    Elu: { alpha: 0.5 },
    Softplus: {},
    Mish: {},
    Gelu: { approximate: "tanh" },
    Clip: {},
    Softmax: { axis: -1 },
    Identity: {},
    Dropout: {},
  };
  for (const [op, attributes] of Object.entries(ops)) {
    for (const shape of [[6], [2, 3], [3, 1, 2], [2, 1, 3, 2]]) {
      const found = folded([node(op, ["c"], "folded", attributes)], [tensor("c", ...shape)], shape);
      const live = importOnnx(model([node(op, ["x"], "y", attributes)], { input: ["N", ...shape], opset: 20 }));
      close(found, outputs(live, shape, numbers("c", ...shape)), `${op} of [${shape}]`);
    }
  }
});

test("functions that no network of ours holds", () => {
  const functions: Readonly<Record<string, (x: number) => number>> = {
    Abs: Math.abs,
    Neg: (x) => -x,
    Exp: Math.exp,
    Sign: Math.sign,
    Floor: Math.floor,
    Ceil: Math.ceil,
    Reciprocal: (x) => 1 / x,
  };
  const values = [0.25, -1.5, 2.75, -0.125];
  for (const [op, f] of Object.entries(functions)) {
    close(folded([node(op, ["c"], "folded")], [float32("c", [4], values)], [4]), values.map(f), op);
  }
  const above = [0.25, 1.5, 4, 9];
  close(folded([node("Sqrt", ["c"], "folded")], [float32("c", [4], above)], [4]), above.map(Math.sqrt));
  close(folded([node("Log", ["c"], "folded")], [float32("c", [4], above)], [4]), above.map(Math.log));
  // Halves go to the even neighbour.
  const halves = float32("c", [6], [0.5, 1.5, 2.5, -0.5, -1.5, 2.4]);
  close(folded([node("Round", ["c"], "folded")], [halves], [6]), [0, 2, 2, 0, -2, 2]);
  close(folded([node("Erf", ["c"], "folded")], [float32("c", [2], [1, -0.5])], [2]), [0.8427007929, -0.5204998778]);
});

test("sums, least and largest of any number of constants, of any shapes", () => {
  const of = (op: string) =>
    folded([node(op, ["a", "b", "c"], "folded")], [
      float32("a", [2, 1], [1, -5]),
      float32("b", [3], [0, 2, -9]),
      one("c", 1),
    ], [2, 3]);
  close(of("Sum"), [2, 4, -7, -4, -2, -13]);
  close(of("Max"), [1, 2, 1, 1, 2, 1]);
  close(of("Min"), [0, 1, -9, -5, -5, -9]);
  close(folded([node("Max", ["a"], "folded")], [float32("a", [2], [3, 4])], [2]), [3, 4]);
});

test("reductions over any axes, kept or not, with axes as attribute or input", () => {
  const c = [3, -4, 1, 2, 5, -6];
  const reduce = (op: string, axes: readonly number[] | undefined, keepdims: number, shape: readonly number[]) =>
    folded(
      [node(op, axes ? ["c", "axes"] : ["c"], "folded", { keepdims })],
      [float32("c", [2, 3], c), int64("axes", axes ?? [])],
      shape,
    );
  close(reduce("ReduceSum", [0], 0, [3]), [5, 1, -5]);
  close(reduce("ReduceMean", [1], 1, [2, 1]), [0, 1 / 3]);
  close(reduce("ReduceMax", [-1], 0, [2]), [3, 5]);
  close(reduce("ReduceMin", [0, 1], 1, [1, 1]), [-6]);
  close(reduce("ReduceL1", [1], 0, [2]), [8, 13]);
  close(reduce("ReduceL2", [0], 0, [3]), [Math.sqrt(13), Math.sqrt(41), Math.sqrt(37)]);
  close(reduce("ReduceSumSquare", undefined, 0, [1]), [91]);
});

test("layers, norms and pools of constants, whose first axis is a batch", () => {
  const x = tensor("c", 2, 3, 4, 4);
  const cases: readonly [string, OnnxNode, readonly OnnxTensor[], readonly number[]][] = [
    ["Conv", node("Conv", ["c", "w"], "folded"), [tensor("w", 2, 3, 2, 2)], [2, 2, 3, 3]],
    ["AveragePool", node("AveragePool", ["c"], "folded", { kernel_shape: [2, 2] }), [], [2, 3, 3, 3]],
    ["GlobalAveragePool", node("GlobalAveragePool", ["c"], "folded"), [], [2, 3, 1, 1]],
    [
      "LayerNormalization",
      node("LayerNormalization", ["c", "g"], "folded", { axis: 3 }),
      [tensor("g", 4)],
      [2, 3, 4, 4],
    ],
    [
      "Resize",
      node("Resize", ["c", "", "s"], "folded", { mode: "linear" }),
      [float32("s", [4], [1, 1, 2, 2])],
      [2, 3, 8, 8],
    ],
  ];
  for (const [op, made, initialisers, shape] of cases) {
    const found = folded([made], [x, ...initialisers], shape);
    const live = { ...made, inputs: ["x", ...made.inputs.slice(1)], outputs: ["y"] };
    const read = importOnnx(model([live], { input: ["N", 3, 4, 4], opset: 18, initialisers }));
    const given = { shape: [2, 3, 4, 4], data: numbers("c", 2, 3, 4, 4) };
    close(found, [...referenceForward(read, { x: given }).get("y")!.data], op);
  }
  const product = folded([node("MatMul", ["a", "b"], "folded")], [tensor("a", 2, 3), tensor("b", 3, 4)], [2, 4]);
  const [a, b] = [numbers("a", 2, 3), numbers("b", 3, 4)];
  close(
    product,
    [0, 1].flatMap((m) =>
      [0, 1, 2, 3].map((n) => a.slice(3 * m, 3 * m + 3).reduce((s, v, k) => s + v * b[4 * k + n], 0))
    ),
  );
});

/** Standardised weights: (w − mean) / √(variance + ε), each filter by its own. */
function standardised(w: readonly number[], filters: number): number[] {
  const size = w.length / filters;
  return Array.from({ length: filters }, (_, f) => w.slice(f * size, (f + 1) * size)).flatMap((row) => {
    const mean = row.reduce((sum, v) => sum + v, 0) / size;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / size;
    return row.map((v) => (v - mean) / Math.sqrt(variance + 1e-5));
  });
}

const [FILTERS, W] = [3, [3, 4, 2, 2]] as const;

/** Ways to write a standardised weight "s" of "w". */
const STANDARDISED: Readonly<Record<string, readonly OnnxNode[]>> = {
  "by means of squares": [
    node("ReduceMean", ["w"], "m", { axes: [1, 2, 3] }),
    node("Sub", ["w", "m"], "d"),
    node("Mul", ["d", "d"], "q"),
    node("ReduceMean", ["q"], "v", { axes: [1, 2, 3] }),
    node("Add", ["v", "epsilon"], "e"),
    node("Sqrt", ["e"], "r"),
    node("Div", ["d", "r"], "s"),
  ],
  "by reciprocals and negative axes": [
    node("ReduceMean", ["w"], "m", { axes: [-1, -2, -3] }),
    node("Sub", ["w", "m"], "d"),
    node("Pow", ["d", "two"], "q"),
    node("ReduceMean", ["q"], "v", { axes: [-3, -2, -1] }),
    node("Sqrt", [node("Add", ["v", "epsilon"], "e").outputs[0]], "r"),
    node("Reciprocal", ["r"], "i"),
    node("Mul", ["d", "i"], "s"),
  ].toSpliced(4, 0, node("Add", ["v", "epsilon"], "e")),
  "as a batch norm in training": [
    node("Reshape", ["w", "rows"], "f"),
    { ...node("BatchNormalization", ["f", "g", "b", "m", "v"], "n", { training_mode: 1 }), outputs: ["n", "m2", "v2"] },
    node("Reshape", ["n", "back"], "s"),
  ],
  "as a batch norm in training before opset 14": [
    node("Reshape", ["w", "rows"], "f"),
    { ...node("BatchNormalization", ["f", "g", "b", "m", "v"], "n"), outputs: ["n", "m2", "v2", "m3", "v3"] },
    node("Reshape", ["n", "back"], "s"),
  ],
  "as a layer norm": [
    node("Reshape", ["w", "columns"], "f"),
    node("LayerNormalization", ["f", "ones"], "n", { axis: -1 }),
    node("Reshape", ["n", "back"], "s"),
  ],
};

for (const [how, nodes] of Object.entries(STANDARDISED)) {
  test(`a weight standardised ${how} is the weight of its convolution`, () => {
    const initialisers = [
      tensor("w", ...W),
      one("epsilon", 1e-5),
      one("two", 2),
      int64("rows", [1, 3, -1]),
      int64("columns", [3, 16]),
      int64("back", W),
      float32("ones", [16], new Array(16).fill(1)),
      float32("g", [3], [1, 1, 1]),
      float32("b", [3], [0, 0, 0]),
      float32("m", [3], [5, 5, 5]),
      float32("v", [3], [7, 7, 7]),
    ];
    const read = importOnnx(model([...nodes, node("Conv", ["x", "s"])], { initialisers }));
    assert.equal(read.graph.nodes.map(({ op }) => op), ["Conv"]);
    close([...read.params.get(read.graph.nodes[0].inputs[1])!.data], standardised(numbers("w", ...W), FILTERS), how);
  });
}

test("weights of weight norm, spectral norm and low-rank updates are those that they make", () => {
  const w = numbers("w", 3, 4);
  const read = (nodes: readonly OnnxNode[], initialisers: readonly OnnxTensor[]) => {
    const all = [...nodes, node("Gemm", ["x", "folded"], "y", { transB: 1 })];
    const { graph, params } = importOnnx(
      model(all, { input: ["N", 4], opset: 18, initialisers: [tensor("w", 3, 4), ...initialisers] }),
    );
    assert.equal(graph.nodes.map(({ op }) => op), ["Gemm"]);
    return [...params.get(graph.nodes[0].inputs[1])!.data];
  };
  const norms = [0, 1, 2].map((f) => Math.hypot(...w.slice(4 * f, 4 * f + 4)));
  const weightNorm = [
    node("ReduceL2", ["w", "axes"], "n", { keepdims: 1 }),
    node("Div", ["w", "n"], "d"),
    node("Mul", ["d", "g"], "folded"),
  ];
  close(
    read(weightNorm, [int64("axes", [1]), float32("g", [3, 1], [2, 3, 4])]),
    w.map((v, i) => (2 + Math.floor(i / 4)) * v / norms[Math.floor(i / 4)]),
  );
  const spectral = [
    node("MatMul", ["w", "v"], "wv"),
    node("MatMul", ["u", "wv"], "sigma"),
    node("Div", ["w", "sigma"], "folded"),
  ];
  const [u, v] = [[0.5, -0.25, 1], [1, 2, -1, 0.5]];
  const sigma = u.reduce((sum, a, f) => sum + a * v.reduce((s, b, k) => s + b * w[4 * f + k], 0), 0);
  close(read(spectral, [float32("u", [3], u), float32("v", [4], v)]), w.map((x) => x / sigma), "spectral");
  const lowRank = [
    node("MatMul", ["b", "a"], "ba"),
    node("Mul", ["ba", "half"], "scaled"),
    node("Add", ["w", "scaled"], "folded"),
  ];
  const update = (f: number, k: number) => 0.5 * (f + 1) * (k - 1);
  close(
    read(lowRank, [float32("b", [3, 1], [1, 2, 3]), float32("a", [1, 4], [-1, 0, 1, 2]), one("half", 0.5)]),
    w.map((x, i) => x + update(Math.floor(i / 4), i % 4)),
    "low rank",
  );
});

test("fast normalised fusion: the weights of a BiFPN's sums are numbers", () => {
  // w = [1, −2, 3]: w⁺ = [1, 0, 3], over their sum + ε.
  const parts = (how: "Gather" | "Split" | "Slice"): readonly OnnxNode[] =>
    how === "Gather"
      ? [0, 2].map((i) => node("Gather", ["n", `i${i}`], `w${i}`, { axis: 0 }))
      : how === "Split"
      ? [{ ...node("Split", ["n"], "w0", { axis: 0, num_outputs: 3 }), outputs: ["w0", "w1", "w2"] }]
      : [0, 2].map((i) => node("Slice", ["n", `s${i}`, `s${i + 1}`], `w${i}`));
  for (const how of ["Gather", "Split", "Slice"] as const) {
    const nodes = [
      node("Relu", ["w"], "r"),
      node("ReduceSum", ["r", "axes"], "sum", { keepdims: 1 }),
      node("Add", ["sum", "epsilon"], "e"),
      node("Div", ["r", "e"], "n"),
      ...parts(how),
      node("Relu", ["x"], "a"),
      node("Mul", ["x", "w0"], "xw"),
      node("Mul", ["w2", "a"], "aw"),
      node("Add", ["xw", "aw"]),
    ];
    const initialisers = [
      float32("w", [3], [1, -2, 3]),
      int64("axes", [0]),
      one("epsilon", 1e-4),
      ...[0, 2].map((i) => int64(`i${i}`, [i], [])),
      ...[0, 1, 2, 3].map((i) => int64(`s${i}`, [i])),
    ];
    const read = importOnnx(model(nodes, { input: ["N", 1, 1, 2], opset: 18, initialisers }));
    const sum = 4 + 1e-4;
    close(outputs(read, [1, 1, 2], [2, -1]), [2 / sum + 3 * 2 / sum, -1 / sum], how);
  }
});

test("a frozen norm is a factor and a summand of each channel", () => {
  const shaped = ["weight", "bias", "mean", "var"].map((name) => node("Reshape", [name, "form"], `${name}4`));
  const nodes = [
    ...shaped,
    node("Add", ["var4", "epsilon"], "e"),
    node("Sqrt", ["e"], "root"),
    node("Div", ["one", "root"], "rsqrt"),
    node("Mul", ["weight4", "rsqrt"], "scale"),
    node("Mul", ["mean4", "scale"], "ms"),
    node("Sub", ["bias4", "ms"], "shift"),
    node("Mul", ["x", "scale"], "scaled"),
    node("Add", ["scaled", "shift"]),
  ];
  const initialisers = [
    float32("weight", [2], [2, -1]),
    float32("bias", [2], [0.5, 1]),
    float32("mean", [2], [1, -3]),
    float32("var", [2], [4, 0.25]),
    int64("form", [1, -1, 1, 1]),
    one("epsilon", 0),
    one("one", 1),
  ];
  const read = importOnnx(model(nodes, { input: ["N", 2, 1, 1], initialisers }));
  assert.equal(read.graph.nodes.map(({ op }) => op), ["Mul", "Add"]);
  // γ (x − μ) / σ + β.
  close(outputs(read, [2, 1, 1], [3, 1]), [2 * (3 - 1) / 2 + 0.5, -(1 + 3) / 0.5 + 1]);
});

test("a computed weight is refused, and so is arithmetic beyond all measure", () => {
  const w = tensor("w", 3, 4);
  assert.throws(
    () =>
      importOnnx(model([node("Relu", ["x"], "r"), node("MatMul", ["w", "r"])], { input: ["N", 4], initialisers: [w] })),
    /MatMul .*input 0, "w", is constant, expected an activation/,
  );
  const wide = [float32("a", [2048, 1], new Array(2048).fill(1)), float32("b", [1, 2048], new Array(2048).fill(1))];
  assert.throws(
    () => importOnnx(model([node("MatMul", ["a", "b"], "c"), node("Mul", ["x", "c"])], { initialisers: wide })),
    /MatMul .*it makes 4194304 numbers from constants, far more than the file holds/,
  );
});

test.run();
