/** What exporters write, and what is refused, on small ONNX models made by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import { scopeOf } from "../../src/formats/onnx/names.ts";
import type { OnnxModel, OnnxNode } from "../../src/formats/onnx/types.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { inspect } from "../../src/prune/inspect.ts";
import { float32, type HandModel, int64, model, node } from "./onnx-models.ts";

const test = suite("onnx import");

const ramp = (size: number) => Array.from({ length: size }, (_, i) => (i * 7 % 11) / 4 - 1);

/** Operators and attributes of the graph that these nodes become. */
function imported(nodes: readonly OnnxNode[], options: HandModel = {}) {
  return importOnnx(model(nodes, options)).graph.nodes.map(({ op, attrs }) => [op, attrs]);
}

/** The output for x = ramp. */
function evaluated(onnx: OnnxModel): number[] {
  const imported = importOnnx(onnx);
  const shape = imported.graph.inputs[0].shape.map((d) => d === "N" ? 1 : d);
  const x = { shape, data: ramp(shape.reduce((size, d) => size * d, 1)) };
  return [...referenceForward(imported, { x }).get("y")!.data];
}

function close(actual: readonly number[], expected: readonly number[]): void {
  assert.is(actual.length, expected.length);
  expected.forEach((v, i) => assert.ok(Math.abs(v - actual[i]) < 1e-6, `${i}: ${actual[i]}, expected ${v}`));
}

test("auto_pad keeps ⌈size / stride⌉, the odd pixel after or before", () => {
  const w = float32("w", [2, 4, 3, 3], ramp(72));
  const pads = (mode: string, side: number) =>
    imported([node("Conv", ["x", "w"], "y", { auto_pad: mode, strides: [2, 2] })], {
      initialisers: [w],
      input: ["N", 4, side, side],
    })[0][1] as Record<string, unknown>;
  assert.equal(pads("SAME_UPPER", 6).pads, [0, 0, 1, 1]);
  assert.equal(pads("SAME_LOWER", 6).pads, [1, 1, 0, 0]);
  assert.equal(pads("SAME_UPPER", 5).pads, [1, 1, 1, 1]);
  assert.equal(pads("VALID", 6).pads, [0, 0, 0, 0]);
});

test("norms and biases that an exporter stored once are parameters of each reader; a tied weight stays one", () => {
  const initialisers = [
    float32("conv1.weight", [4, 4, 1, 1], ramp(16)),
    float32("bn1.weight", [4], ramp(4)),
    float32("bn1.bias", [4], [1, 2, 3, 4]),
    float32("bn1.running_mean", [4], [0, 0, 0, 0]),
    float32("bn1.running_var", [4], [1, 1, 1, 1]),
  ];
  const conv = (input: string, output: string) => node("Conv", [input, "conv1.weight", "bn1.bias"], output);
  const norm = (input: string, output: string, name: string) => ({
    ...node("BatchNormalization", [input, "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"], output),
    name,
  });
  const onnx = model([
    { ...conv("x", "a"), name: "/conv1/Conv" },
    norm("a", "b", "/bn1/BatchNormalization"),
    { ...conv("b", "c"), name: "/conv2/Conv" },
    norm("c", "y", "/layer/bn2/BatchNormalization"),
  ], { input: ["N", 4, 3, 3], initialisers });
  const { graph, params } = importOnnx(onnx);
  const names = Object.keys(graph.params);
  assert.is(names.filter((name) => name === "conv1.weight").length, 1);
  assert.is(graph.nodes[2].inputs[1], "conv1.weight");
  for (const name of ["bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "conv2.bias"]) {
    assert.ok(names.includes(name), `${names}`);
  }
  for (const kind of ["weight", "bias", "running_mean", "running_var"]) {
    assert.ok(names.includes(`layer.bn2.${kind}`), `${names}`);
    assert.equal(params.get(`layer.bn2.${kind}`)!.data, params.get(`bn1.${kind}`)!.data);
  }
  const biases = graph.nodes.map(({ inputs }) => inputs[2]);
  assert.is(new Set(biases).size, 4, `${biases}`);
});

test("Gemm folds its factors and its transposition; MatMul by a constant is one", () => {
  const input = ["N", 3];
  const x = ramp(3);
  const w = ramp(6);
  const c = [0.5, -2];
  const product = (at: (k: number, f: number) => number) =>
    [0, 1].map((f) => x.reduce((s, v, k) => s + v * at(k, f), 0));
  const options = { input, initialisers: [float32("w", [3, 2], w), float32("c", [1, 2], c)] };
  const gemm = model([node("Gemm", ["x", "w", "c"], "y", { alpha: 0.5, beta: 2.5 })], options);
  close(evaluated(gemm), product((k, f) => w[k * 2 + f]).map((v, f) => 0.5 * v + 2.5 * c[f]));
  close(evaluated(model([node("MatMul", ["x", "w"])], options)), product((k, f) => w[k * 2 + f]));
  const kept = { input, initialisers: [float32("fc.weight", [2, 3], w)] };
  const straight = importOnnx(model([node("Gemm", ["x", "fc.weight"], "y", { transB: 1 })], kept));
  assert.equal(Object.keys(straight.graph.params), ["fc.weight"]);
  assert.is(straight.graph.nodes[0].name, "fc");
});

test("a flattening that reads the batch from the shape", () => {
  const nodes = [
    node("Shape", ["x"], "shape"),
    node("Gather", ["shape", "zero"], "batch", { axis: 0 }),
    node("Unsqueeze", ["batch", "axis"], "first"),
    node("Concat", ["first", "rest"], "wanted", { axis: 0 }),
    node("Reshape", ["x", "wanted"]),
  ];
  const initialisers = [int64("zero", [0], []), int64("axis", [0]), int64("rest", [-1])];
  assert.equal(imported(nodes, { initialisers }), [["Flatten", { axis: 1 }]]);
  assert.equal(imported([node("Reshape", ["x", "to"])], { initialisers: [int64("to", [0, 2, -1, 6])] }), [
    ["Reshape", { shape: [0, 2, 12, 6] }],
  ]);
  assert.equal(
    imported([node("Reshape", ["x", "to"])], { initialisers: [int64("to", [1, -1])], input: [1, 4, 6, 6] }),
    [["Flatten", { axis: 1 }]],
    "a fixed batch becomes symbolic",
  );
});

test("what shapes are computed with: comparisons, products, places of what isn't 0", () => {
  const nodes = [
    node("Shape", ["x"], "shape"),
    node("Slice", ["shape", "one", "four", "zero"], "inner"),
    node("ReduceProd", ["inner"], "product", { keepdims: 1 }),
    node("Greater", ["inner", "five"], "large"),
    node("NonZero", ["large"], "places"),
    node("Squeeze", ["places", "zero"], "list"),
    node("Gather", ["inner", "list"], "sides"),
    node("Mod", ["product", "five"], "rest"),
    node("Concat", ["zero", "rest", "sides", "minus"], "wanted", { axis: 0 }),
    node("Reshape", ["x", "wanted"]),
  ];
  const initialisers = [
    int64("zero", [0]),
    int64("one", [1]),
    int64("four", [4]),
    int64("five", [5]),
    int64("minus", [-1]),
  ];
  // [4,6,6]: the product 144 is 4 modulo 5, the sides above 5 are 6 and 6.
  assert.equal(imported(nodes, { initialisers }), [["Reshape", { shape: [0, 4, 6, 6, 1] }]]);
});

test("sums, splits and gathers along any axis", () => {
  const x = ramp(12);
  const input = ["N", 2, 6];
  const by = (nodes: OnnxNode[], ...initialisers: ReturnType<typeof int64>[]) =>
    evaluated(model(nodes, { input, initialisers }));
  close(by([node("Gather", ["x", "i"], "y", { axis: 2 })], int64("i", [4, 1])), [x[4], x[1], x[10], x[7]]);
  close(by([node("Gather", ["x", "i"], "y", { axis: 2 })], int64("i", [-2], [])), [x[4], x[10]]);
  close(by([node("Gather", ["x", "i"], "y", { axis: -1 })], int64("i", [1, 2])), [x[1], x[2], x[7], x[8]]);
  const parts = { ...node("Split", ["x"], "a", { axis: 2 }), outputs: ["a", "b"] };
  close(by([parts, node("Sub", ["a", "b"])]), [0, 1, 2, 6, 7, 8].map((i) => x[i] - x[i + 3]));
  const swapped = by([parts, node("Concat", ["b", "a"], "y", { axis: 2 })]);
  close(swapped, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8].map((i) => x[i]));
  close(by([node("Pad", ["x", "p"])], int64("p", [0, 0, -1, 0, 1, -3])), [1, 2, 7, 8].map((i) => x[i]).concat(0, 0));
});

test("norms and softmax over other axes and in older forms", () => {
  const x = ramp(12);
  const input = ["N", 2, 6];
  const softmax = (opset: number, axis: number) =>
    evaluated(model([node("Softmax", ["x"], "y", { axis })], { input, opset }));
  const total = x.reduce((sum, v) => sum + Math.exp(v), 0);
  close(softmax(12, 1), x.map((v) => Math.exp(v) / total));
  close(softmax(13, 1), x.map((v, i) => Math.exp(v) / (Math.exp(x[i % 6]) + Math.exp(x[i % 6 + 6]))));
  const gamma = float32("g", [2, 6], x);
  const mean = x.reduce((sum, v) => sum + v, 0) / 12;
  const deviation = Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 12 + 1e-5);
  const whole = evaluated(
    model([node("LayerNormalization", ["x", "g"], "y", { axis: 1 })], { input, initialisers: [gamma] }),
  );
  close(whole, x.map((v) => (v - mean) / deviation * v));
  const perGroup = [float32("g", [1], [2]), float32("b", [1], [0.5])];
  const group = node("GroupNormalization", ["x", "g", "b"], "y", { num_groups: 1 });
  close(
    evaluated(model([group], { input, initialisers: perGroup, opset: 18 })),
    x.map((v) => (v - mean) / deviation * 2 + 0.5),
  );
});

test("option A's shortcut: pads that are reversed and transposed from PyTorch's order", () => {
  const nodes = [
    node("ConstantOfShape", ["missing"], "zeros", { value: int64("", [0]) }),
    node("Concat", ["given", "zeros"], "all", { axis: 0 }),
    node("Reshape", ["all", "pairs"], "paired"),
    node("Slice", ["paired", "last", "first", "axis0", "back"], "reversed"),
    node("Transpose", ["reversed"], "turned", { perm: [1, 0] }),
    node("Reshape", ["turned", "flat"], "flattened"),
    node("Cast", ["flattened"], "pads", { to: 7 }),
    node("Slice", ["x", "starts", "ends", "axes", "steps"], "sliced"),
    node("Pad", ["sliced", "pads"]),
  ];
  const initialisers = [
    int64("missing", [2]),
    int64("given", [0, 0, 0, 0, 4, 5]),
    int64("pairs", [-1, 2]),
    int64("last", [-1]),
    int64("first", [-(2 ** 53)]),
    int64("axis0", [0]),
    int64("back", [-1]),
    int64("flat", [-1]),
    int64("starts", [0]),
    int64("ends", [2 ** 53]),
    int64("axes", [-1]),
    int64("steps", [2]),
  ];
  const [[, sliced], [, padded]] = imported(nodes, { initialisers });
  assert.equal(sliced, { axes: [3], starts: [0], ends: [2 ** 31], steps: [2] });
  assert.equal(padded, { pads: [0, 4, 0, 0, 0, 5, 0, 0] });
});

test("GELU by the error function, in both orders", () => {
  const constants = [
    float32("root", [], [Math.SQRT2]),
    float32("one", [1], [1]),
    float32("half", [], [0.5]),
  ];
  const gate = [
    node("Div", ["x", "root"], "scaled"),
    node("Erf", ["scaled"], "erf"),
    node("Add", ["erf", "one"], "gate"),
  ];
  const late = [...gate, node("Mul", ["x", "gate"], "product"), node("Mul", ["product", "half"])];
  const early = [...gate, node("Mul", ["half", "x"], "halved"), node("Mul", ["halved", "gate"])];
  for (const nodes of [late, early]) {
    assert.equal(imported(nodes, { initialisers: constants }), [["Gelu", { approximate: "none" }]]);
  }
  const third = [constants[0], constants[1], float32("half", [], [0.4])];
  assert.throws(() => imported(late, { initialisers: third }), /Erf "\/block\/Erf": the operator isn't supported/);
});

test("a mean over height and width is a global average", () => {
  assert.equal(imported([node("ReduceMean", ["x"], "y", { axes: [-1, 2], keepdims: 0 })]).map(([op]) => op), [
    "GlobalAveragePool",
    "Flatten",
  ]);
  const since18 = { opset: 18, initialisers: [int64("axes", [2, 3])] };
  assert.equal(imported([node("ReduceMean", ["x", "axes"])], since18).map(([op]) => op), ["GlobalAveragePool"]);
});

test("constants beside activations: per channel, one number, a map, and differences", () => {
  const x = ramp(8);
  const input = ["N", 2, 2, 2];
  const c = float32("c", [2, 1, 1], [3, -1]);
  const channel = (i: number) => [3, -1][i >> 2];
  const by = (op: string, inputs: string[], initialiser = c) =>
    evaluated(model([node(op, inputs)], { input, initialisers: [initialiser] }));
  close(by("Sub", ["x", "c"]), x.map((v, i) => v - channel(i)));
  close(by("Sub", ["c", "x"]), x.map((v, i) => channel(i) - v));
  close(by("Div", ["x", "c"]), x.map((v, i) => v / channel(i)));
  close(by("Mul", ["s", "x"], float32("s", [], [2])), x.map((v) => 2 * v));
  const map = ramp(8).reverse();
  close(by("Add", ["m", "x"], float32("m", [1, 2, 2, 2], map)), x.map((v, i) => v + map[i]));
});

test("Clip, Dropout and pooling in their older and younger forms", () => {
  const bounds = [float32("zero", [], [0]), float32("six", [], [6])];
  assert.equal(imported([node("Clip", ["x", "zero", "six"])], { initialisers: bounds }), [["Clip", {
    min: 0,
    max: 6,
  }]]);
  assert.equal(imported([node("Clip", ["x", "", "six"])], { initialisers: bounds }), [["Clip", { max: 6 }]]);
  assert.equal(imported([node("Dropout", ["x"], "y", { ratio: 0.25 })], { opset: 11 }), [["Dropout", { ratio: 0.25 }]]);
  const pool = node("MaxPool", ["x"], "y", { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 });
  assert.is(imported([pool])[0][0], "MaxPool");
  const [[, ceil]] = imported([pool], { input: ["N", 4, 7, 7] });
  assert.equal((ceil as Record<string, unknown>).pads, [0, 0, 1, 1]);
});

test("parameters without a name get one from their node's scope", () => {
  const initialisers = [
    float32("onnx::Conv_255", [4, 4, 1, 1], ramp(16)),
    float32("onnx::Conv_256", [4], ramp(4)),
    float32("417", [4], ramp(4)),
  ];
  const { graph } = importOnnx(model([
    node("Conv", ["x", "onnx::Conv_255", "onnx::Conv_256"], "c", {}, "/layer1/layer1.0/conv1/Conv"),
    node("Identity", ["onnx::Conv_255"], "/Identity_output_0"),
    node("Conv", ["c", "/Identity_output_0", "417"], "y", {}, "/layer1/layer1.0/conv2/Conv"),
  ], { initialisers }));
  assert.equal(Object.keys(graph.params), [
    "layer1.0.conv1.weight",
    "layer1.0.conv1.bias",
    "layer1.0.conv2.weight",
    "layer1.0.conv2.bias",
  ]);
  assert.equal(graph.nodes.map(({ name }) => name), ["layer1.0.conv1", "layer1.0.conv2"]);
  assert.is(scopeOf("/features/features.1/conv/conv.0/conv.0.0/Conv"), "features.1.conv.0.0");
  assert.is(scopeOf("Conv_0"), "Conv_0");
});

test("half precision is widened", () => {
  const half = { name: "h", dims: [4, 1, 1], dataType: 10, raw: Uint8Array.of(0, 0x3c, 0, 0xc1, 0, 0, 0, 0x38) };
  const onnx = importOnnx(model([node("Mul", ["x", "h"])], { initialisers: [half] }));
  assert.equal([...onnx.params.get("h")!.data], [1, -2.5, 0, 0.5]);
});

const w = float32("w", [4, 4, 3, 3], ramp(144));
test("a sum over the axis that holds the channels, wherever it stands, can be looked at", () => {
  const nodes = [
    node("Relu", ["x"], "r"),
    node("ReduceSum", ["r", "axes"], "y", { keepdims: 1 }),
  ];
  const { graph } = importOnnx(model(nodes, { input: ["N", 2, 4, 4, 4], initialisers: [int64("axes", [1, -1])] }));
  assert.equal(inspect(graph).outputs[0].shape, ["N", 1, 4, 4, 1]);
});

test("sizes that no network has are refused before anything of their size is made", () => {
  const scaled = (shape: number[]) =>
    model([node("Mul", ["x", "s"])], { input: ["N", ...shape], initialisers: [float32("s", [], [2])] });
  for (const shape of [[2 ** 31 - 1, 8, 8], [2 ** 24 + 1], [2 ** 20, 257], [2 ** 52]]) {
    assert.throws(() => importOnnx(scaled(shape)), /^input "x": is \[N,.*\], expected at most 16777216 along an axis/);
  }
  assert.is(importOnnx(scaled([2 ** 10, 2 ** 9, 2 ** 9])).graph.nodes.length, 1);
  const wide = model([node("Pad", ["x", "pads"])], { initialisers: [int64("pads", [0, 0, 0, 0, 0, 0, 2 ** 25, 0])] });
  assert.throws(() => importOnnx(wide), /^Pad .*makes \[N,4,33554438,6\], expected at most 16777216 along an axis/);
});

const refused: [what: string, nodes: readonly OnnxNode[], options: HandModel, message: RegExp][] = [
  [
    "an unknown operator",
    [node("GridSample", ["x", "w"])],
    { initialisers: [w] },
    /^GridSample "\/block\/GridSample": the op/,
  ],
  ["an inherited name as one", [node("toString", ["x"])], {}, /^toString .*the operator isn't supported/],
  [
    "another domain",
    [{ ...node("Gelu", ["x"]), domain: "com.microsoft" }],
    {},
    /domain "com.microsoft": it was made by a runtime's optimisation: export the network as it was before/,
  ],
  [
    "a function of an exporter",
    [{ ...node("aten_gelu", ["x"]), domain: "pkg.onnxscript.torch_lib" }],
    {},
    /domain "pkg.onnxscript.torch_lib": .*inline functions on export/,
  ],
  [
    "quantised networks",
    [node("QuantizeLinear", ["x", "w"])],
    { initialisers: [w] },
    /QuantizeLinear .*export the float network from before quantisation/,
  ],
  ["control flow", [node("If", ["x"])], {}, /If .*export the network with its branches and loops settled/],
  ["recurrent layers", [node("LSTM", ["x", "w", "w"])], { initialisers: [w] }, /LSTM .*recurrent layers aren't read/],
  [
    "recurrent layers whose state is read",
    [{ ...node("GRU", ["x", "w", "w"], "a"), outputs: ["a", "b"] }, node("Add", ["a", "b"])],
    { initialisers: [w] },
    /GRU .*recurrent layers aren't read/,
  ],
  ["random numbers", [node("RandomUniformLike", ["x"])], {}, /export the network for evaluation \(model.eval\(\)\)/],
  ["what comes after a network", [node("TopK", ["x"])], {}, /export the network up to its raw outputs/],
  ["an unknown attribute", [node("Relu", ["x"], "y", { slope: 1 })], {}, /^Relu .*attribute "slope" isn't supported/],
  [
    "an attribute's type",
    [node("Conv", ["x", "w"], "y", { group: [1] })],
    { initialisers: [w] },
    /"group" is of type ints/,
  ],
  [
    "a kernel_shape that isn't its weight's",
    [node("Conv", ["x", "w"], "y", { kernel_shape: [5, 3] })],
    { initialisers: [w] },
    /^Conv .*attribute kernel_shape is \[5,3\], the weight's kernel \[\d,\d\]/,
  ],
  [
    "a weight that is computed",
    [node("Relu", ["x"], "r"), node("Conv", ["x", "r"])],
    {},
    /input 1, "r", isn't constant/,
  ],
  ["a value of nobody", [node("Relu", ["z"])], {}, /reads "z", which nothing before it makes/],
  [
    "an axis that is named twice",
    [node("Unsqueeze", ["x", "axes"])],
    { initialisers: [int64("axes", [1, 1])] },
    /\[1,1\] name an axis twice/,
  ],
  [
    "more parts than a Split has outputs",
    [node("Split", ["x"], "y", { axis: 1, num_outputs: 2 ** 40 })],
    { opset: 18 },
    /^Split .*attribute num_outputs is 1099511627776, for 1 outputs/,
  ],
  ["an old opset", [node("Relu", ["x"])], { opset: 10 }, /^opset 10 isn't supported, expected 11 to 24/],
  ["open height", [node("Relu", ["x"])], { input: ["N", 3, "height", 4] }, /input "x": dimension 2 is "height"/],
  [
    "an expanded batch",
    [node("Expand", ["x", "to"])],
    { initialisers: [int64("to", [3, 1, 1, 1])] },
    /can't expand \[N,4,6,6\] to \[3,1,1,1\]: the batch has to stay the first dimension/,
  ],
  ["a sum over the batch", [node("ReduceSum", ["x"])], {}, /axes \[0,1,2,3\] take in the batch/],
  [
    "a power that is no product",
    [node("Pow", ["x", "n"])],
    { initialisers: [float32("n", [], [0.5])] },
    /the exponent 0.5 isn't supported, expected 1, 2 or 3/,
  ],
  [
    "an Einsum that sums the batch",
    [node("Einsum", ["x", "w"], "y", { equation: "nchw,fcij->cfhwij" })],
    { initialisers: [w] },
    /"nchw,fcij->cfhwij" isn't supported: the batch has to stay first/,
  ],
  [
    "an Einsum whose sizes differ",
    [node("Einsum", ["x", "w"], "y", { equation: "nchw,chij->nwij" })],
    { initialisers: [w] },
    /"[ch]" stands for axes of /,
  ],
  [
    "an Einsum of one axis",
    [node("Einsum", ["x", "w"], "y", { equation: "nchw,fcij->nfhwi" })],
    { initialisers: [w] },
    /it sums over an axis of one operand alone/,
  ],
  [
    "a transposed convolution that can't reach its size",
    [node("ConvTranspose", ["x", "w"], "y", { output_shape: [20, 20] })],
    { initialisers: [float32("w", [4, 2, 3, 3], ramp(72))] },
    /it makes 8 of 6 lines, fewer than the 20 it should/,
  ],
  [
    "output padding beyond the stride",
    [node("ConvTranspose", ["x", "w"], "y", { output_padding: [1, 0] })],
    { initialisers: [float32("w", [4, 2, 3, 3], ramp(72))] },
    /output_padding \[1,0\] has to be smaller than the strides \[1,1\]/,
  ],
  [
    "a merged batch",
    [node("Reshape", ["x", "to"])],
    { initialisers: [int64("to", [-1, 6])] },
    /^output "y" has the batch beside other sizes along axis 0/,
  ],
  [
    "sizes below 0",
    [node("Reshape", ["x", "to"])],
    { initialisers: [int64("to", [0, -3, -48])] },
    /^Reshape .*can't give \[N,4,6,6\] the shape \[N,-3,-48\]/,
  ],
  [
    "a reshape that takes samples apart",
    [node("Reshape", ["x", "to"])],
    { initialisers: [int64("to", [5, -1])] },
    /has to keep the samples of the batch apart/,
  ],
  [
    "arithmetic with the batch",
    [node("Shape", ["x"], "s"), node("Mul", ["s", "s"], "t"), node("Reshape", ["x", "t"])],
    {},
    /^Mul .*it computes with the batch size/,
  ],
  ["activations of different rank", [node("Flatten", ["x"], "f"), node("Mul", ["x", "f"])], {
    input: ["N", 4, 1, 1],
  }, /^Mul .*\[N,4,1,1\] and \[N,4\] of different rank/],
  ["a transposed batch", [node("Transpose", ["x"])], {}, /output "y" has the batch as axis 3/],
  [
    "a second output",
    [{ ...node("MaxPool", ["x"], "a", { kernel_shape: [2, 2] }), outputs: ["a", "i"] }, node("Add", ["a", "i"])],
    {},
    /"i" is read/,
  ],
];
for (const [what, nodes, options, message] of refused) {
  test(`refuses ${what}`, () => {
    assert.throws(
      () => importOnnx(model(nodes, options)),
      (error: unknown) =>
        error instanceof UserError && message.test(error.message) || assert.unreachable(String(error)),
    );
  });
}

test.run();
