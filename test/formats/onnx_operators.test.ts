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
import { model, node } from "./onnx-models.ts";

const test = suite("onnx operators");

const CASES: Readonly<Record<string, (b: Builder) => string>> = {
  "Elu": (b) => b.node("Elu", [b.input], { alpha: 1 }),
  "Softplus": (b) => b.node("Softplus", [b.input]),
  "Mish": (b) => b.node("Mish", [b.input]),
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
