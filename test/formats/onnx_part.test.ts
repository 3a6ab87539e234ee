/** One output of several, and inputs that are always the same. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { importOnnx, type OnnxPart } from "../../src/formats/onnx/import.ts";
import type { OnnxModel } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { readGiven } from "../../src/models/given.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { float32, int64, model, node } from "./onnx-models.ts";
import { npy } from "./npy_file.ts";

const test = suite("onnx, a part of a file");

/** scores = sigmoid(2 · style) · x, and boxes, which takes an operator that isn't read. */
function detector(): OnnxModel {
  const { graph, ...rest } = model([
    node("Mul", ["style", "two"], "doubled"),
    node("Sigmoid", ["doubled"], "gate"),
    node("Mul", ["gate", "x"], "scores"),
    node("Reshape", ["x", "size"], "flat"),
    node("TopK", ["x", "k"], "boxes"),
  ], { initialisers: [float32("two", [], [2]), int64("k", [1])] });
  const value = (name: string, dataType: number, shape: readonly (number | string)[]) => ({ name, dataType, shape });
  return {
    ...rest,
    graph: {
      ...graph,
      inputs: [value("x", 1, ["N", 3]), value("style", 1, ["N", 3]), value("size", 7, [2])],
      outputs: ["scores", "boxes", "flat"].map((name) => ({ name, dataType: 1 })),
    },
  };
}

const STYLE = { type: "float", shape: [1, 3], data: [0, Math.log(3) / 2, -20] } as const;
const SIZE = { type: "integer", shape: [2], data: [-1, 3] } as const;

test("what only other outputs need isn't read, and what is given is a constant", () => {
  const constants = new Map<string, typeof STYLE | typeof SIZE>([["style", STYLE], ["size", SIZE]]);
  const { graph, params } = importOnnx(detector(), new Map(), { outputs: ["scores"], constants });
  assert.equal(graph.inputs, [{ name: "x", shape: ["N", 3] }]);
  assert.equal(graph.outputs, ["scores"]);
  assert.equal(graph.nodes.map(({ op }) => op), ["Mul"]);
  const scores = referenceForward({ graph, params }, { x: { shape: [2, 3], data: [4, 8, 16, 1, 2, 3] } }).get(
    "scores",
  )!;
  // σ(0) = 1/2, σ(log 3) = 3/4, σ(−40) is nothing.
  [2, 6, 0, 0.5, 1.5, 0].forEach((v, i) => assert.ok(Math.abs(scores.data[i] - v) < 1e-6, `${i}: ${scores.data[i]}`));
});

test("numbers of one sample may come without the axis of the batch", () => {
  const read = (shape: readonly number[]) =>
    importOnnx(detector(), new Map(), { outputs: ["scores"], constants: new Map([["style", { ...STYLE, shape }]]) });
  assert.equal(read([3]), read([1, 3]));
});

test("sizes of a constant input are computed with", () => {
  const { graph } = importOnnx(detector(), new Map(), { outputs: ["flat"], constants: new Map([["size", SIZE]]) });
  assert.equal(graph.inputs.map(({ name }) => name), ["x"]);
  assert.equal(graph.outputs, ["flat"]);
});

test("without a choice all inputs stay open, one that only another output needs too", () => {
  const { graph } = importOnnx(detector(), new Map(), { outputs: ["scores"] });
  assert.equal(graph.inputs.map(({ name }) => name), ["x", "style"]);
});

test("unknown names and shapes that don't fit are refused by name", () => {
  const refusal = (part: OnnxPart): string => {
    try {
      importOnnx(detector(), new Map(), part);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error("it was read");
  };
  assert.is(refusal({ outputs: ["logits"] }), 'it has no output "logits": known are "scores", "boxes", "flat"');
  const scores = { outputs: ["scores"] };
  assert.is(
    refusal({ ...scores, constants: new Map([["stile", STYLE]]) }),
    'it has no input "stile": known are "x", "style", "size"',
  );
  assert.is(
    refusal({ ...scores, constants: new Map([["style", { ...STYLE, shape: [2, 3] }]]) }),
    'input "style" is float [N,3], got float [2,3] for it: expected float [1,3] or [3], the numbers of one sample',
  );
  assert.is(
    refusal({ ...scores, constants: new Map([["size", { ...SIZE, type: "float" }]]) }),
    'input "size" is integer [2], got float [2] for it: expected integer [2]',
  );
});

test("a recipe's model names its output and the files of its constant inputs", async () => {
  const store = memoryStore();
  await store.write("net.onnx", writeOnnx(detector()));
  await store.write("style.npy", npy("<f4", "(1, 3)", Float32Array.from(STYLE.data)));
  const chosen = { name: "net.onnx", output: "scores", inputs: { style: "style.npy" } };
  const { model } = await readGiven({ model: chosen }, store);
  assert.equal(model!.graph.inputs.map(({ name }) => name), ["x"]);
  const refusal = async (model: Parameters<typeof readGiven>[0]["model"]) => {
    let message = "";
    await readGiven({ model }, store).catch((error) => message = error.message);
    return message;
  };
  assert.match(await refusal({ ...chosen, inputs: { style: "gone.npy" } }), /^gone.npy: no such file/);
  assert.match(await refusal({ name: "resnet20", output: "scores" }), /^model.output is for networks from files/);
  assert.match(await refusal({ name: "resnet20", inputs: {} }), /^model.inputs is for networks from files/);
  assert.match(await refusal({ ...chosen, output: "boxes" }), /TopK .*export the network up to its raw outputs/);
});

test.run();
