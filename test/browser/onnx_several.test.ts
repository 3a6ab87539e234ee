/** Networks of several inputs and outputs: read, run, inspected, pruned, compacted and written with all of them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import type { OnnxModel } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { assertEquivalent, compareWithReference, type InputNumbers, planOutputs } from "../../src/graph/equivalence.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { inspect } from "../../src/prune/inspect.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { float32, int64, model, node } from "../formats/onnx-models.ts";
import { randomInputs } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { sample } from "../oracle/samples.ts";
import { runtimeOutputs } from "./judges.ts";

const test = suite("onnx, several inputs and outputs");

const weight = (name: string, ...dims: number[]) => float32(name, dims, [...sample(name, ...dims).data]);

/** An image and a vector that gates it; logits of two heads, and the features that both read. */
function twoByThree(): OnnxModel {
  const { graph, ...rest } = model([
    node("Conv", ["image", "stem"], "c", { pads: [1, 1, 1, 1] }, "/stem/Conv"),
    node("Relu", ["c"], "r", {}, "/stem/Relu"),
    node("Gemm", ["vector", "gate"], "g", { transB: 1 }, "/gate/Gemm"),
    node("Sigmoid", ["g"], "s"),
    node("Unsqueeze", ["s", "axes"], "u"),
    node("Mul", ["r", "u"], "m"),
    node("Conv", ["m", "body"], "b", { pads: [1, 1, 1, 1] }, "/body/Conv"),
    node("Relu", ["b"], "features", {}, "/body/Relu"),
    node("GlobalAveragePool", ["features"], "p"),
    node("Flatten", ["p"], "f"),
    node("Gemm", ["f", "first"], "logits", { transB: 1 }, "/first/Gemm"),
    node("Conv", ["m", "second"], "map", {}, "/second/Conv"),
  ], {
    initialisers: [
      int64("axes", [2, 3]),
      weight("stem", 8, 3, 3, 3),
      weight("gate", 8, 5),
      weight("body", 6, 8, 3, 3),
      weight("first", 4, 6),
      weight("second", 2, 8, 1, 1),
    ],
    opset: 17,
  });
  const value = (name: string, shape?: readonly (number | string)[]) => ({ name, dataType: 1, ...shape && { shape } });
  return {
    ...rest,
    graph: {
      ...graph,
      inputs: [value("image", ["N", 3, 6, 7]), value("vector", ["N", 5])],
      outputs: [value("logits"), value("map"), value("features")],
    },
  };
}

const numbers = (inputs: Readonly<Record<string, HostTensor>>) =>
  Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, data]));

function exact(of: Model, inputs: Readonly<Record<string, HostTensor>>): Float64Array[] {
  const values = referenceForward(of, inputs);
  return of.graph.outputs.map((name) => values.get(name)!.data);
}

function near(expected: readonly Float64Array[], got: readonly (Float32Array | Float64Array)[], what: string): void {
  assert.is(got.length, expected.length, what);
  expected.forEach((output, i) => {
    const { maxRel } = compareOutputs(output, got[i]);
    assert.ok(maxRel <= 1e-5, `${what}, output ${i}: off by ${maxRel}`);
  });
}

test("all outputs are what ONNX Runtime computes, pruned and written too", async () => {
  const gpu = await testGpu();
  const bytes = writeOnnx(twoByThree());
  const read = loadOnnx(bytes, "two by three");
  const inputs = randomInputs(read.graph, 5);
  near(exact(read, inputs), await runtimeOutputs(bytes, inputs), "as it was read");
  near(exact(read, inputs), await planOutputs(gpu, read, numbers(inputs), 2), "plan");
  assert.ok((await compareWithReference(gpu, read, numbers(inputs), 2)).maxRel <= 1e-5);

  const { inputs: given, outputs, groups } = inspect(read.graph);
  assert.equal(given.map(({ name }) => name), ["image", "vector"]);
  assert.equal(outputs.map(({ name }) => name), ["logits", "map", "features"]);
  assert.equal(groups.find(({ layers }) => layers.some(({ name }) => name === "stem"))?.why, undefined);

  const masked = prune(read, { constraints: [{ granularity: "filter", keep: 0.5 }] }).model;
  const small = compact(masked).model;
  assert.equal(small.params.get("stem")!.shape, [4, 3, 3, 3]);
  assert.equal(small.params.get("gate")!.shape, [4, 5]);
  assert.equal(small.graph.outputs, read.graph.outputs);
  near(exact(masked, inputs), exact(small, inputs), "compact");
  const { maxRel } = await assertEquivalent(gpu, masked, small, numbers(inputs), 2);
  assert.ok(maxRel <= 1e-5);
  near(exact(masked, inputs), await runtimeOutputs(onnxBytes(small), inputs), "written");
});

test("an output that alone is wrong is found", async () => {
  const gpu = await testGpu();
  const read = loadOnnx(writeOnnx(twoByThree()), "two by three");
  const inputs = numbers(randomInputs(read.graph, 5));
  const { shape, data } = read.params.get("second")!;
  const other = { ...read, params: new Map([...read.params, ["second", { shape, data: data.map((v) => v + 0.1) }]]) };
  let message = "";
  await assertEquivalent(gpu, read, other, inputs, 2).catch((error) => message = error.message);
  assert.match(message, /differs from "hand" by/);
});

test("inputs are given by their names", async () => {
  const gpu = await testGpu();
  const read = loadOnnx(writeOnnx(twoByThree()), "two by three");
  const { image } = numbers(randomInputs(read.graph, 5));
  const refusal = async (inputs: InputNumbers) => {
    let message = "";
    await assertEquivalent(gpu, read, read, inputs, 2).catch((error) => message = error.message);
    return message;
  };
  assert.match(await refusal(image), /it has the inputs "image", "vector": give each of them by its name/);
  assert.match(await refusal({ image }), /got 0 numbers as 2 inputs, expected at least one input, of \[5\]/);
});

test.run();
