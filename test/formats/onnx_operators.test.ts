/** Single operators through ONNX and back: what is written keeps the standard's rules and is read as what it was. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportOnnx, onnxBytes } from "../../src/formats/onnx/export.ts";
import { importOnnx, loadOnnx } from "../../src/formats/onnx/import.ts";
import { type Builder, builder } from "../../src/graph/build.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { checkOnnx } from "./onnx-checker.ts";
import { float32, int64, model, node } from "./onnx-models.ts";

const test = suite("onnx operators");

const CASES: Readonly<Record<string, (b: Builder) => string>> = {
  "Elu": (b) => b.node("Elu", [b.input], { alpha: 1 }),
  "Softplus": (b) => b.node("Softplus", [b.input]),
  "Mish": (b) => b.node("Mish", [b.input]),
  "Abs": (b) => b.node("Abs", [b.input]),
  "ReduceSum": (b) => b.node("ReduceSum", [b.input], { axes: [1, 2], keepdims: 0 }),
  "DepthToSpace": (b) => b.node("DepthToSpace", [b.input], { blocksize: 2, mode: "CRD" }),
  "ConvTranspose": (b) =>
    b.node("ConvTranspose", [b.input, b.param("w", [4, 3, 3, 2], "weight"), b.param("b", [6], "bias")], {
      strides: [2, 3],
      pads: [1, 0, 0, 1],
      dilations: [1, 2],
      group: 2,
      output_padding: [1, 2],
    }),
  "ReduceMax": (b) => b.node("ReduceMax", [b.input], { axes: [2, 3], keepdims: 0 }),
  "Resize, nearest": (b) => b.resize(b.input, [2, 3]),
  "Resize, linear by scales": (b) =>
    b.node("Resize", [b.input], { mode: "linear", coordinate_transformation_mode: "half_pixel", scales: [1.5, 0.5] }),
  "Resize, linear to sizes": (b) =>
    b.node("Resize", [b.input], { mode: "linear", coordinate_transformation_mode: "align_corners", sizes: [9, 4] }),
  "Elu, another alpha": (b) => b.node("Elu", [b.input], { alpha: 0.25 }),
};

function modelOf(build: (b: Builder) => string): Model {
  const b = builder("net", ["N", 4, 6, 5]);
  const graph = b.graph([build(b)]);
  return { graph, params: randomParams(graph, 1) };
}

for (const [name, build] of Object.entries(CASES)) {
  test(`${name}: written, checked, and read back as the same operator and numbers`, () => {
    const before = modelOf(build);
    assert.equal(checkOnnx(exportOnnx(before)), []);
    const after = loadOnnx(onnxBytes(before), name);
    assert.equal(
      after.graph.nodes.map(({ op, attrs }) => [op, attrs]),
      before.graph.nodes.map(({ op, attrs }) => [op, attrs]),
    );
    const inputs = randomInputs(before.graph, 3, 2);
    const [expected, found] = [before, after].map((model) =>
      referenceForward(model, inputs).get(model.graph.outputs[0])!
    );
    assert.equal(found, expected);
  });
}

test("an alpha that the file leaves out is ONNX's", () => {
  const imported = importOnnx(model([node("Elu", ["x"])]));
  assert.equal(imported.graph.nodes.map(({ op, attrs }) => [op, attrs]), [["Elu", { alpha: 1 }]]);
});

test("Mish raises the opset to 18, the others stay with the oldest", () => {
  const opsetOf = (name: string) => exportOnnx(modelOf(CASES[name])).opsets[0].version;
  assert.equal(["Elu", "Softplus", "Mish"].map(opsetOf), [17, 17, 18]);
});

test("the axes of ReduceMax come as attribute or input, in any order, and all of them are refused", () => {
  const read = (attrs: Record<string, number | readonly number[]>, opset: number, axes?: readonly number[]) => {
    const initialisers = axes ? [int64("axes", axes)] : [];
    const inputs = axes ? ["x", "axes"] : ["x"];
    return importOnnx(model([node("ReduceMax", inputs, "y", attrs)], { opset, initialisers })).graph.nodes[0].attrs;
  };
  assert.equal(read({ axes: [-1, 2] }, 17), { axes: [2, 3], keepdims: 1 });
  assert.equal(read({ keepdims: 0 }, 18, [1]), { axes: [1], keepdims: 0 });
  assert.throws(() => read({}, 18), /axes \[0,1,2,3\] take in the batch, which isn't supported: expected others/);
});

test("a linear Resize is read in the forms that exporters write", () => {
  const read = (attrs: Record<string, string>, scales?: readonly number[], sizes?: readonly number[]) => {
    const initialisers = [
      ...scales ? [float32("scales", [scales.length], scales)] : [],
      ...sizes ? [int64("sizes", sizes)] : [],
    ];
    const inputs = ["x", "", scales ? "scales" : "", ...sizes ? ["sizes"] : []];
    return importOnnx(model([node("Resize", inputs, "y", { mode: "linear", ...attrs })], { initialisers }))
      .graph.nodes[0].attrs;
  };
  const linear = { mode: "linear", coordinate_transformation_mode: "half_pixel" };
  assert.equal(read({}, [1, 1, 2, 1.5]), { ...linear, scales: [2, 1.5] });
  assert.equal(read({}, undefined, [1, 4, 3, 12]), { ...linear, sizes: [3, 12] });
  const ofPyTorch = { coordinate_transformation_mode: "pytorch_half_pixel", nearest_mode: "floor" };
  assert.equal(read(ofPyTorch, [1, 1, 0.5, 2]), { ...linear, scales: [0.5, 2] });
  assert.throws(() => read(ofPyTorch, undefined, [1, 4, 1, 12]), /"pytorch_half_pixel" to \[1,12\] isn't supported/);
  assert.throws(
    () => read({ coordinate_transformation_mode: "asymmetric" }, [1, 1, 2, 2]),
    /mode "linear" with "asymmetric" to \[12,12\] isn't supported, expected "half_pixel" or "align_corners"/,
  );
  assert.throws(() => read({}, [1, 2, 2, 2]), /scales \[1,2,2,2\] and sizes \[\] aren't supported/);
});

test("x · Tanh(Softplus(x)) is read as Mish, in either order, and nothing else is", () => {
  const opsOf = (left: string, right: string) => {
    const parts = [node("Softplus", ["x"], "plus"), node("Tanh", ["plus"], "gate"), node("Mul", [left, right])];
    return importOnnx(model(parts)).graph.nodes.map(({ op }) => op);
  };
  assert.equal(opsOf("x", "gate"), ["Mish"]);
  assert.equal(opsOf("gate", "x"), ["Mish"]);
  assert.equal(opsOf("gate", "gate"), ["Softplus", "Tanh", "Mul"]);
  assert.equal(opsOf("plus", "gate"), ["Softplus", "Tanh", "Mul"]);
});

test.run();
