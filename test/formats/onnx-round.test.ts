/** A model that was exported and imported again computes the same; names, batch and opset are what the export promises. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportOnnx, onnxBytes } from "../../src/formats/onnx/export.ts";
import { importOnnx, loadOnnx } from "../../src/formats/onnx/import.ts";
import { readOnnx } from "../../src/formats/onnx/read.ts";
import type { OnnxGraph } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { builder } from "../../src/graph/build.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, HostTensor, Model } from "../../src/graph/types.ts";
import { createModel, modelNames } from "../../src/models/zoo.ts";
import { randomInputs, randomModel, randomParams } from "../generate/graphs.ts";
import { checkOnnx } from "./onnx-checker.ts";

const test = suite("onnx round trip");

test("random networks compute the same after export and import", () => {
  const operators = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const model = randomModel(seed);
    model.graph.nodes.forEach(({ op }) => operators.add(op));
    assert.equal(checkOnnx(exportOnnx(model)), [], `seed ${seed}`);
    const back = loadOnnx(onnxBytes(model), `random${seed}`);
    assert.ok(difference(model, back, seed) <= 1e-6, `seed ${seed}: ${difference(model, back, seed)}`);
  }
  for (const op of ["ColumnConv", "BorderBias", "Gather", "Gelu", "Clip", "Slice", "Pad", "Reshape", "Dropout"]) {
    assert.ok(operators.has(op), `no random network had a ${op}`);
  }
});

test("the parameters of the zoo keep their names, shapes, roles and numbers", () => {
  for (const name of ["resnet8", "lenet5", "digits"]) {
    const graph = createModel(name);
    const model = { graph, params: randomParams(graph, 1) };
    const back = loadOnnx(onnxBytes(model), name);
    assert.equal(back.graph.params, graph.params);
    assert.equal(new Map([...back.params].sort()), new Map([...model.params].sort()));
    assert.equal(back.graph.nodes.map(({ op }) => op), graph.nodes.map(({ op }) => op));
    assert.equal([back.graph.inputs, back.graph.outputs], [graph.inputs, graph.outputs]);
  }
});

test("every network of the zoo keeps the checker's rules, and comes back in its own operators and parameters", () => {
  for (const name of modelNames) {
    const graph = createModel(name, name.startsWith("vgg") || name === "alexnet" ? { width: 0.25 } : {});
    const params = zeros(graph);
    const onnx = exportOnnx({ graph, params });
    assert.equal(checkOnnx(onnx), [], name);
    const names = new Set(onnx.graph.initialisers.map((tensor) => tensor.name));
    assert.equal(Object.keys(graph.params).filter((parameter) => !names.has(parameter)), [], name);
    const back = importOnnx(onnx).graph;
    assert.equal(back.nodes.map(({ op }) => op), graph.nodes.map(({ op }) => op), name);
    const forms = (params: Graph["params"]) =>
      Object.entries(params).map(([key, { shape, role }]) => [key, shape, role]).sort();
    assert.equal(forms(back.params), forms(graph.params), name);
  }
});

test("the checker sees what is wrong", () => {
  const onnx = exportOnnx(randomModel(1));
  const [first, ...rest] = onnx.graph.nodes;
  const changed = (graph: Partial<OnnxGraph>) => checkOnnx({ ...onnx, graph: { ...onnx.graph, ...graph } }).length > 0;
  assert.ok(changed({ nodes: [...rest, first] }), "the order");
  assert.ok(changed({ nodes: [first, ...onnx.graph.nodes] }), "a value made twice");
  assert.ok(changed({ nodes: [{ ...first, op: "Attention" }, ...rest] }), "an operator of ours");
  assert.ok(changed({ initialisers: onnx.graph.initialisers.slice(1) }), "a parameter that is missing");
  assert.ok(changed({ initialisers: onnx.graph.initialisers.map((tensor) => ({ ...tensor, dims: [3] })) }), "sizes");
  assert.ok(checkOnnx({ ...onnx, opsets: [{ domain: "", version: 12 }] }).length > 0, "the opset");
});

test("a transformer's block: attention lowered, layer and group norm, softmax", () => {
  const b = builder("block", ["N", 4, 6, 8]);
  const normed = b.layerNorm(b.input, { name: "norm" });
  const attended = b.attention(normed, normed, b.input, { scale: 0.4 });
  const mixed = b.matmul(attended, b.param("mix.weight", [8, 8], "weight"));
  const grouped = b.groupNorm(b.transpose(mixed, [0, 1, 3, 2]), { name: "group", groups: 2 });
  const graph = b.graph([b.softmax(b.flatten(grouped))]);
  const model = { graph, params: randomParams(graph, 5) };
  const onnx = exportOnnx(model);
  assert.equal([onnx.opsets, onnx.irVersion], [[{ domain: "", version: 21 }], 10]);
  assert.ok(difference(model, loadOnnx(writeOnnx(onnx), "block"), 5) <= 1e-6);
});

test("a convolution by region is a convolution for each stretch of rows and columns, joined again", () => {
  for (const [group, strides] of [[1, [1, 1]], [2, [2, 1]]] as const) {
    const b = builder("regions", ["N", 4, 7, 6]);
    const rows = strides[0] === 1 ? [1, 0, 0, 0, 2, 2, 3] : [1, 0, 0, 2];
    const cols = [1, 0, 0, 0, 0, 2];
    const regions = (Math.max(...rows) + 1) * 3;
    const weight = b.param("w.weight", [regions, 6, 4 / group, 5, 3], "table");
    const bias = b.param("w.bias", [regions, 6], "table");
    b.relu(b.node("RegionConv", [b.input, weight, bias], { group, strides, pads: [2, 1, 2, 1], rows, cols }, "w"));
    const graph = b.graph();
    const model = { graph, params: randomParams(graph, 5) };
    const onnx = exportOnnx(model);
    assert.equal(checkOnnx(onnx), []);
    const bands = new Set(rows).size;
    assert.is(onnx.graph.nodes.filter(({ op }) => op === "Conv").length, bands * 3);
    // No weight is written twice.
    assert.is(onnx.graph.initialisers.filter(({ dims }) => dims.length === 4).length, bands * 3);
    assert.ok(difference(model, loadOnnx(writeOnnx(onnx), "regions"), 5) <= 1e-6);
  }
});

test("what numbers per channel mean doesn't depend on the size of other axes", () => {
  // [3] on [N,3,3,3] is ONNX's last axis, but our channels.
  const b = builder("square", ["N", 3, 3, 3]);
  const scaled = b.mul(b.input, b.param("scale", [3], "gamma"));
  const graph = b.graph([b.add(b.param("shift", [3], "beta"), scaled)]);
  const model = { graph, params: randomParams(graph, 2) };
  assert.ok(difference(model, loadOnnx(onnxBytes(model), "square"), 2) <= 1e-7);
});

test("two layers that share a parameter share it again, whatever form one of them needs", () => {
  const b = builder("shared", ["N", 4, 5, 5]);
  b.param("w", [4, 4], "weight");
  const x = b.node("ColumnConv", [b.input, "w"], { taps: [0, 1, 2, 3] });
  const graph = b.graph([b.node("Gemm", [b.flatten(b.globalAveragePool(x)), "w"])]);
  const model = { graph, params: randomParams(graph, 3) };
  assert.ok(difference(model, loadOnnx(onnxBytes(model), "shared"), 3) <= 1e-6);
});

test("only standard operators, a dynamic batch, the oldest opset that has them all", () => {
  const graph = createModel("resnet8");
  const onnx = exportOnnx({ graph, params: randomParams(graph, 1) });
  assert.equal([onnx.irVersion, onnx.opsets], [8, [{ domain: "", version: 17 }]]);
  assert.equal(onnx.graph.inputs, [{ name: "input", dataType: 1, shape: ["N", 3, 32, 32] }]);
  assert.equal(onnx.graph.outputs, [{ name: "linear", dataType: 1, shape: ["N", 10] }]);
  assert.ok(onnx.graph.nodes.every(({ domain }) => domain === ""));
  const b = builder("gelu", ["N", 2, 3, 3]);
  b.gelu(b.input);
  assert.equal(exportOnnx({ graph: b.graph(), params: new Map() }).opsets, [{ domain: "", version: 20 }]);
});

test("what is written is what was read", () => {
  for (let seed = 0; seed < 5; seed++) {
    const bytes = onnxBytes(randomModel(seed));
    assert.equal(writeOnnx(readOnnx(bytes, "x")), bytes);
  }
});

function zeros(graph: Graph): Map<string, HostTensor> {
  return new Map(
    Object.entries(graph.params).map(([name, { shape }]) => {
      return [name, { shape, data: new Float32Array(shape.reduce((size, d) => size * d, 1)) }];
    }),
  );
}

/** Largest difference of the outputs over their largest value. */
function difference(a: Model, b: Model, seed: number): number {
  const inputs = randomInputs(a.graph, seed);
  const [x, y] = [a, b].map((model) => referenceForward(model, inputs).get(model.graph.outputs[0])!);
  assert.equal(x.shape, y.shape);
  const largest = x.data.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-30);
  return x.data.reduce((most, v, i) => Math.max(most, Math.abs(v - y.data[i])), 0) / largest;
}

test.run();
