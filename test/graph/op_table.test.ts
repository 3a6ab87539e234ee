/** What the operators' table says, where one wrong entry would show nowhere else. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { builder } from "../../src/graph/build.ts";
import { tolerance } from "../../src/graph/compare.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { inferNode } from "../../src/graph/infer.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { arity, inputAt } from "../../src/graph/ops/op.ts";
import { OPS } from "../../src/graph/ops/ops.ts";
import { filterCount, layersOf } from "../../src/graph/roles.ts";
import type { Graph, OpName } from "../../src/graph/types.ts";
import { validateGraph } from "../../src/graph/validate.ts";
import { layerChanges } from "../../src/report/layers.ts";
import { identityMap } from "../../src/graph/indexmap.ts";
import { createModel, modelNames } from "../../src/models/zoo.ts";

const test = suite("operator table");

const names = Object.keys(OPS) as OpName[];
/** Operators that take this kind of inference. */
const ofKind = (kind: string) => names.filter((name) => OPS[name].inference.kind === kind);

test("optional inputs stand at the end, and every operator takes an activation", () => {
  for (const name of names) {
    const counts = OPS[name].inputs.map(({ count }) => count);
    const first = counts.indexOf("optional");
    assert.ok(first < 0 || counts.slice(first).every((count) => count === "optional"), name);
    assert.ok(OPS[name].inputs.some(({ takes }) => takes !== "parameter"), name);
    assert.ok(OPS[name].indices.every((key) => OPS[name].attributes.includes(key)), name);
  }
});

test("how many inputs there may be is told from the table", () => {
  assert.equal(arity(OPS.Conv), { least: 2, most: 3 });
  assert.equal(arity(OPS.BatchNormalization), { least: 5, most: 5 });
  assert.equal(arity(OPS.Concat), { least: 1, most: Infinity });
  assert.equal(inputAt(OPS.Concat, 7).roles, ["table"]);
  const node = { name: "y", op: "Conv" as const, inputs: ["x"], outputs: ["y"], attrs: {} };
  assert.throws(() => inferNode(node, [["N", 3, 4, 4]]), /Conv "y": has 1 inputs, expected 2 to 3/);
});

test("what a plan for inference does with each operator", () => {
  assert.equal(ofKind("identity"), ["Dropout", "Identity"]);
  assert.equal(ofKind("view"), ["Flatten", "Reshape"]);
  assert.equal(ofKind("sum"), ["Add"]);
  assert.equal(ofKind("layer"), ["Conv", "ColumnConv", "Gemm", "MatMul"]);
  assert.equal(ofKind("channel affine"), ["BatchNormalization"]);
  assert.equal(ofKind("channel table"), ["BorderBias"]);
});

test("a transposed convolution is a layer: its filters, multiply-adds and first weights", () => {
  const b = builder("net", ["N", 4, 5, 3]);
  const inputs = [b.input, b.param("w", [4, 3, 2, 2], "weight"), b.param("b", [6], "bias")];
  b.node("ConvTranspose", inputs, { strides: [2, 2], group: 2 }, "up");
  const graph = b.graph();
  const [layer, ...others] = layersOf(graph);
  assert.is(layer.name, "up");
  assert.equal(others, []);
  assert.is(filterCount(graph, layer), 6);
  // 15 pixels of 4 channels, each times 3 filters of 2×2.
  assert.is(graphCost(graph).macs, 15 * 4 * 3 * 4);
  const bound = 1 / Math.sqrt(3 * 4);
  for (const [name, { data }] of initialise(graph, 1)) {
    assert.ok(data.every((v) => Math.abs(v) <= bound) && data.some((v) => Math.abs(v) > bound / 2), name);
  }
});

for (const op of ["Add", "Sub", "Mul", "Div", "Concat"] as const) {
  test(`${op} of nothing but parameters is refused`, () => {
    const b = builder("net", ["N", 3, 4]);
    const role = op === "Concat" ? "table" : op === "Add" || op === "Sub" ? "bias" : "weight";
    const inputs = ["a", "b"].map((name) => b.param(name, [1, 3, 4], role));
    const sum = b.node(op, inputs);
    const graph = b.graph([b.identity(b.input), sum]);
    assert.throws(
      () => validateGraph(graph),
      (error: Error) => error instanceof UserError && /all its inputs are parameters, expected an/.test(error.message),
    );
  });
}

test("projections count as layers: a transformer of 12 blocks has 50, and the tolerance of a deep network", () => {
  const graph = createModel("deit-t");
  // The patches' convolution, the head, and of each block q·k·v, its projection and two products.
  assert.is(layersOf(graph).length, 1 + 12 * 4 + 1);
  assert.is(tolerance(graph), 1e-4);
  assert.is(layerChanges(graph, graph, identityMap(graph)).length, 50);
  const [wide] = layersOf(graph).filter(({ op }) => op === "MatMul");
  assert.is(filterCount(graph, wide), 3 * 192);
});

test("in every network of the zoo each weight of two and more axes belongs to a layer", () => {
  for (const name of modelNames) {
    const graph = createModel(name);
    const weights = Object.values(graph.params).filter(({ role, shape }) => role === "weight" && shape.length > 1);
    assert.is(layersOf(graph).length, weights.length, name);
  }
});

test("a layer's width in the report is what it makes, of projections too", () => {
  const b = builder("tokens", ["N", 4, 8]);
  b.linear(b.input, { name: "wide", out: 24, bias: false });
  const graph: Graph = b.graph();
  const [change] = layerChanges(graph, graph, identityMap(graph));
  assert.equal([change.name, change.before, change.after], ["wide", 24, 24]);
});

test("a product of two values is no layer", () => {
  const b = builder("net", ["N", 4, 4]);
  b.matmul(b.input, b.input);
  assert.equal(layersOf(b.graph()), []);
});

test.run();
