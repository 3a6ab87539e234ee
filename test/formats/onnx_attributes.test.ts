/** Attributes and inputs that say nothing new: defaults written out, lists in either form, what a mode doesn't use. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { importOnnx } from "../../src/formats/onnx/import.ts";
import type { OnnxAttribute, OnnxNode, OnnxTensor } from "../../src/formats/onnx/types.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { float32, type HandModel, int64, model, node } from "./onnx-models.ts";

const test = suite("onnx attributes");

const float = (name: string, value: number): OnnxAttribute => ({ name, kind: "float", value });
const ints = (name: string, ...value: number[]): OnnxAttribute => ({ name, kind: "ints", value });
const int = (name: string, value: number): OnnxAttribute => ({ name, kind: "int", value });
const text = (name: string, value: string): OnnxAttribute => ({ name, kind: "string", value });

const ramp = (size: number) => Array.from({ length: size }, (_, i) => (i * 7 % 11) / 4 - 1);
const tensor = (name: string, ...dims: number[]) => float32(name, dims, ramp(dims.reduce((a, b) => a * b, 1)));

/** A graph with these attributes beside those of the node. */
function imported(
  base: OnnxNode,
  more: readonly OnnxAttribute[],
  initialisers: readonly OnnxTensor[] = [],
  options: HandModel = {},
) {
  const attributes = [...base.attributes, ...more];
  const { graph, params } = importOnnx(model([{ ...base, attributes }], { ...options, initialisers }));
  return { nodes: graph.nodes.map(({ op, attrs, inputs }) => [op, attrs, inputs]), params: [...params] };
}

/** A node, its constants, and every other attribute that the standard (opset 11 to 24) gives the operator, with its default. */
const DEFAULTS: Readonly<Record<string, readonly [OnnxNode, readonly OnnxTensor[], readonly OnnxAttribute[]]>> = {
  Conv: [node("Conv", ["x", "w"]), [tensor("w", 2, 4, 3, 3)], [
    text("auto_pad", "NOTSET"),
    ints("dilations", 1, 1),
    int("group", 1),
    ints("kernel_shape", 3, 3),
    ints("pads", 0, 0, 0, 0),
    ints("strides", 1, 1),
  ]],
  MaxPool: [node("MaxPool", ["x"], "y", { kernel_shape: [2, 2] }), [], [
    text("auto_pad", "NOTSET"),
    int("ceil_mode", 0),
    ints("dilations", 1, 1),
    ints("pads", 0, 0, 0, 0),
    int("storage_order", 0),
    ints("strides", 1, 1),
  ]],
  AveragePool: [node("AveragePool", ["x"], "y", { kernel_shape: [2, 2] }), [], [
    text("auto_pad", "NOTSET"),
    int("ceil_mode", 0),
    int("count_include_pad", 0),
    ints("dilations", 1, 1),
    ints("pads", 0, 0, 0, 0),
    ints("strides", 1, 1),
  ]],
  BatchNormalization: [
    node("BatchNormalization", ["x", "g", "b", "m", "v"]),
    [tensor("g", 4), tensor("b", 4), tensor("m", 4), float32("v", [4], [1, 2, 3, 4])],
    [float("epsilon", 1e-5), float("momentum", 0.9), int("training_mode", 0)],
  ],
  LayerNormalization: [node("LayerNormalization", ["x", "g"]), [tensor("g", 6)], [
    int("axis", -1),
    float("epsilon", 1e-5),
    int("stash_type", 1),
  ]],
  InstanceNormalization: [node("InstanceNormalization", ["x", "g", "b"]), [tensor("g", 4), tensor("b", 4)], [
    float("epsilon", 1e-5),
  ]],
  Resize: [
    node("Resize", ["x", "", "s"], "y", { coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" }),
    [float32("s", [4], [1, 1, 2, 2])],
    [
      text("mode", "nearest"),
      int("antialias", 0),
      float("cubic_coeff_a", -0.75),
      int("exclude_outside", 0),
      float("extrapolation_value", 0),
      text("keep_aspect_ratio_policy", "stretch"),
    ],
  ],
  Softmax: [node("Softmax", ["x"]), [], [int("axis", -1)]],
  LeakyRelu: [node("LeakyRelu", ["x"]), [], [float("alpha", 0.01)]],
  Elu: [node("Elu", ["x"]), [], [float("alpha", 1)]],
  HardSigmoid: [node("HardSigmoid", ["x"]), [], [float("alpha", 0.2), float("beta", 0.5)]],
  Gelu: [node("Gelu", ["x"]), [], [text("approximate", "none")]],
  Flatten: [node("Flatten", ["x"]), [], [int("axis", 1)]],
  Reshape: [node("Reshape", ["x", "to"]), [int64("to", [-1, 4, 36])], [int("allowzero", 0)]],
  ReduceMean: [node("ReduceMean", ["x"], "y", { axes: [1] }), [], [int("keepdims", 1), int("noop_with_empty_axes", 0)]],
  ReduceMax: [node("ReduceMax", ["x"], "y", { axes: [1] }), [], [int("keepdims", 1), int("noop_with_empty_axes", 0)]],
  Pad: [node("Pad", ["x", "p"]), [int64("p", [0, 0, 1, 1, 0, 0, 1, 1])], [text("mode", "constant")]],
  Cast: [node("Cast", ["x"], "y", { to: 1 }), [], [int("saturate", 1), text("round_mode", "up")]],
  Gather: [node("Gather", ["x", "i"], "y", { axis: 1 }), [int64("i", [2, 0, 1])], []],
  Gemm: [
    node("Gemm", ["x", "w"], "y", { transB: 1 }),
    [tensor("w", 3, 4)],
    [float("alpha", 1), float("beta", 1), int("transA", 0)],
  ],
};

for (const [op, [base, initialisers, written]] of Object.entries(DEFAULTS)) {
  test(`${op}: defaults written out mean what is left out`, () => {
    const options = op === "Gemm" ? { input: ["N", 4] } : { opset: 18 };
    const plain = imported(base, [], initialisers, options);
    for (const attribute of written) {
      assert.equal(imported(base, [attribute], initialisers, options), plain, attribute.name);
    }
    assert.equal(imported(base, written, initialisers, options), plain);
  });
}

test("an attribute that the mode doesn't use is ignored, whatever it is", () => {
  const scales = float32("s", [4], [1, 1, 2, 2]);
  const nearest = node("Resize", ["x", "", "s"], "y", { mode: "nearest" });
  const linear = node("Resize", ["x", "", "s"], "y", { mode: "linear" });
  const cubic = [float("cubic_coeff_a", -0.5), int("exclude_outside", 1), float("extrapolation_value", 7)];
  assert.equal(imported(nearest, [...cubic, int("antialias", 1)], [scales]), imported(nearest, [], [scales]));
  assert.equal(
    imported(nearest, [text("keep_aspect_ratio_policy", "not_larger")], [scales]),
    imported(nearest, [], [scales]),
  );
  assert.equal(
    imported(linear, [...cubic, int("antialias", 1), text("nearest_mode", "ceil")], [scales]),
    imported(linear, [], [scales]),
  );
  const most = node("MaxPool", ["x"], "y", { kernel_shape: [1, 3] });
  assert.equal(imported(most, [int("storage_order", 1), ints("dilations", 5, 1)]), imported(most, []));
  const norm = node("LayerNormalization", ["x", "g"]);
  assert.equal(imported(norm, [int("stash_type", 10)], [tensor("g", 6)]), imported(norm, [], [tensor("g", 6)]));
  const none = node("Pad", ["x", "p"]);
  const zeros = int64("p", new Array(8).fill(0));
  assert.equal(imported(none, [text("mode", "reflect")], [zeros]).nodes, [["Identity", {}, ["x"]]]);
});

test("where the mode does use it, it is refused by name", () => {
  const smaller = [float32("s", [4], [1, 1, 0.5, 0.5])];
  const linear = node("Resize", ["x", "", "s"], "y", { mode: "linear" });
  assert.throws(() => imported(linear, [int("antialias", 1)], smaller), /attribute antialias 1 isn't supported from/);
  const sized = node("Resize", ["x", "", "", "n"], "y", { keep_aspect_ratio_policy: "not_smaller" });
  assert.throws(() => imported(sized, [], [int64("n", [1, 4, 12, 12])]), /"not_smaller" isn't supported/);
  const padded = node("Pad", ["x", "p"], "y", { mode: "edge" });
  assert.throws(() => imported(padded, [], [int64("p", [0, 0, 1, 0, 0, 0, 0, 0])]), /mode "edge" .* isn't supported/);
});

test("allowzero means nothing for a shape without a zero, and is refused for one with", () => {
  const reshape = (to: readonly number[], allowzero: number) =>
    imported(node("Reshape", ["x", "to"]), [int("allowzero", allowzero)], [int64("to", to)]);
  for (const to of [[-1, 4, 36], [-1, 144], [-1, 2, 2, 6, 6]]) assert.equal(reshape(to, 1), reshape(to, 0), `${to}`);
  assert.throws(() => reshape([0, 4, 36], 1), /allowzero asks for the empty shape \[0,4,36\]/);
  assert.equal(reshape([0, 4, 36], 0).nodes, [["Reshape", { shape: [0, 4, 36] }, ["x"]]]);
});

test("axes and parts are read as attribute and as input, in every opset", () => {
  for (const opset of [11, 13, 18, 24]) {
    for (const op of ["ReduceMean", "ReduceMax", "Unsqueeze"]) {
      const attribute = imported(node(op, ["x"], "y", { axes: [2] }), [], [], { opset });
      assert.equal(imported(node(op, ["x", "axes"]), [], [int64("axes", [2])], { opset }).nodes, attribute.nodes, op);
    }
    const squeezed = { opset, input: ["N", 4, 1, 6] };
    assert.equal(
      imported(node("Squeeze", ["x", "axes"]), [], [int64("axes", [2])], squeezed).nodes,
      imported(node("Squeeze", ["x"], "y", { axes: [2] }), [], [], squeezed).nodes,
    );
    const split = (inputs: readonly string[], attributes: Record<string, number | readonly number[]>) => ({
      ...node("Split", inputs, "y", attributes),
      outputs: ["y", "z"],
    });
    assert.equal(
      imported(split(["x", "parts"], { axis: 1 }), [], [int64("parts", [1, 3])], { opset }).nodes,
      imported(split(["x"], { axis: 1, split: [1, 3] }), [], [], { opset }).nodes,
    );
  }
});

test("nearest neighbours are read in every way of saying that each pixel is repeated", () => {
  const read = (coordinates: string, rounding: string, factors: readonly number[]) =>
    imported(
      node("Resize", ["x", "", "s"], "y", { coordinate_transformation_mode: coordinates, nearest_mode: rounding }),
      [],
      [float32("s", [4], [1, 1, ...factors])],
    ).nodes;
  const repeated = [["Resize", { scales: [2, 3] }, ["x"]]];
  for (const rounding of ["round_prefer_floor", "round_prefer_ceil"]) {
    for (const coordinates of ["half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"]) {
      assert.equal(read(coordinates, rounding, [2, 3]), repeated, `${coordinates}, ${rounding}`);
    }
  }
  assert.equal(read("asymmetric", "floor", [2, 3]), repeated);
  assert.equal(read("tf_half_pixel_for_nn", "floor", [2, 3]), repeated);
  // Pixel 1 of 2·6 lies at 0.5 of the input.
  assert.throws(() => read("asymmetric", "ceil", [2, 3]), /"asymmetric" and "ceil" isn't supported for scales/);
  assert.throws(() => read("align_corners", "floor", [2, 3]), /"align_corners" and "floor" isn't supported/);
  assert.throws(() => read("half_pixel", "floor", [2, 2]), /"half_pixel" and "floor" isn't supported/);
});

/** Conv, norm and dropout as PyTorch exports them, ready for inference or in training mode. */
function convNormDropout(mode: "eval" | "train", opset: number) {
  const inputs = ["c", "g", "b", "m", "v"];
  const norm = node("BatchNormalization", inputs, "n", mode === "train" && opset >= 14 ? { training_mode: 1 } : {});
  // Before opset 14, five outputs are what says it.
  const dead = opset >= 14 ? ["m2", "v2"] : ["m2", "v2", "m3", "v3"];
  const switched = opset < 12 || mode === "eval" ? [] : ["on"];
  const dropout = opset < 12
    ? node("Dropout", ["n"], "y", { ratio: 0.25 })
    : node("Dropout", ["n", "ratio", ...switched], "y", { seed: 3 });
  const nodes = [
    node("Conv", ["x", "w"], "c"),
    mode === "train" ? { ...norm, outputs: ["n", ...dead] } : norm,
    mode === "train" ? { ...dropout, outputs: ["y", "mask"] } : dropout,
  ];
  const initialisers = [
    tensor("w", 3, 4, 1, 1),
    tensor("g", 3),
    tensor("b", 3),
    tensor("m", 3),
    float32("v", [3], [0.5, 1, 2]),
    float32("ratio", [], [0.25]),
    { name: "on", dims: [], dataType: 9, ints: [1] },
  ];
  return model(nodes, { opset, initialisers });
}

test("a file in training mode is the network that it trains", () => {
  for (const opset of [11, 13, 14, 17, 21, 24]) {
    const trained = importOnnx(convNormDropout("train", opset));
    const plain = importOnnx(convNormDropout("eval", opset));
    assert.equal(trained, plain, `opset ${opset}`);
    assert.equal(trained.graph.nodes.map(({ op }) => op), ["Conv", "BatchNormalization", "Dropout"]);
    assert.equal(trained.graph.nodes[2].attrs, { ratio: 0.25 });
    // y = γ (w·x − μ) / √(σ² + ε) + β, with the running statistics and nothing dropped.
    const x = { shape: [1, 4, 6, 6], data: new Float32Array(144).fill(1) };
    const y = referenceForward(trained, { x }).get("y")!.data;
    const [w, g, b, m] = [ramp(12), ramp(3), ramp(3), ramp(3)];
    [0.5, 1, 2].forEach((variance, f) => {
      const sum = w.slice(4 * f, 4 * f + 4).reduce((total, v) => total + v, 0);
      const expected = g[f] * (sum - m[f]) / Math.sqrt(variance + 1e-5) + b[f];
      assert.ok(Math.abs(y[36 * f] - expected) < 1e-9, `${f}: ${y[36 * f]}, expected ${expected}`);
    });
  }
});

test("running statistics that a file in training mode gives are no outputs of the network", () => {
  const onnx = convNormDropout("train", 17);
  const outputs = [...onnx.graph.outputs, { name: "m2", dataType: 1 }, { name: "v2", dataType: 1 }];
  assert.equal(importOnnx({ ...onnx, graph: { ...onnx.graph, outputs } }).graph.outputs, ["y"]);
});

test("what reads the statistics of a batch is refused", () => {
  const onnx = convNormDropout("train", 17);
  const nodes = [...onnx.graph.nodes.slice(0, 2), node("Add", ["n", "m2"])];
  assert.throws(
    () => importOnnx({ ...onnx, graph: { ...onnx.graph, nodes } }),
    /BatchNormalization .*its output "m2" is read, only the first is supported/,
  );
});

test.run();
