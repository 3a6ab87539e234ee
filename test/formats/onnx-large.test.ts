/** Time and memory of a large file. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DATA_TYPE, type OnnxNode, type OnnxTensor } from "../../src/formats/onnx/types.ts";
import { readOnnx } from "../../src/formats/onnx/read.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import type { Taken } from "./onnx-large.ts";
import { model, node } from "./onnx-models.ts";

const test = suite("onnx large");

test("100 MB are imported in the time of a few plain passes over them and in 3 times their size in memory", async () => {
  const path = await Deno.makeTempFile({ suffix: ".onnx" });
  try {
    const bytes = writeOnnx(large());
    assert.ok(bytes.length > 100e6, `${bytes.length} bytes`);
    await Deno.writeFile(path, bytes);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--cached-only", `${import.meta.dirname}/onnx-large.ts`, path],
    }).output();
    assert.is(code, 0, new TextDecoder().decode(stderr));
    const { passes, memory, nodes }: Taken = JSON.parse(new TextDecoder().decode(stdout));
    assert.is(nodes, 22);
    assert.ok(passes < 20, `took as long as ${passes} passes over the file`);
    assert.ok(memory < 3, `took ${memory} times the file's size`);
  } finally {
    await Deno.remove(path);
  }
});

test("more nodes, messages or dimensions than any network has are refused before they fill the memory", () => {
  const refused = (bytes: Uint8Array) => {
    try {
      readOnnx(bytes, "net.onnx");
    } catch (error) {
      return (error as Error).message;
    }
  };
  const nodes = (count: number) => writeOnnx(model(Array<OnnxNode>(count).fill(node("Relu", ["x"]))));
  assert.is(refused(nodes(100_000)), undefined);
  assert.is(refused(nodes(100_001)), "net.onnx: has more than 100000 nodes");
  const attributes = { ...node("Relu", ["x"]), attributes: Array(2 ** 20).fill({ name: "", kind: "other", value: 0 }) };
  assert.match(
    refused(writeOnnx(model([attributes])))!,
    /^net\.onnx: has more than 1048576 nodes, tensors, attributes/,
  );
  const dims = { name: "w", dims: Array<number>(65).fill(1), dataType: DATA_TYPE.float, raw: new Uint8Array(4) };
  assert.is(
    refused(writeOnnx(model([], { initialisers: [dims] }))),
    "net.onnx: has a tensor of more than 64 dimensions",
  );
});

/** Convolutions, and a linear layer of 56 MB that has to be transposed. */
function large() {
  const tensor = (name: string, dims: readonly number[]): OnnxTensor => {
    const numbers = dims.reduce((size, d) => size * d, 1);
    return { name, dims, dataType: DATA_TYPE.float, raw: new Uint8Array(new Float32Array(numbers).fill(0.01).buffer) };
  };
  const nodes: OnnxNode[] = Array.from(
    { length: 20 },
    (_, i) =>
      node(
        "Conv",
        [i === 0 ? "x" : `c${i - 1}`, `layer${i}.weight`],
        `c${i}`,
        { pads: [1, 1, 1, 1] },
        `/layer${i}/Conv`,
      ),
  );
  nodes.push(node("Flatten", ["c19"], "flat"), node("MatMul", ["flat", "onnx::MatMul_7"]));
  const initialisers = Array.from({ length: 20 }, (_, i) => tensor(`layer${i}.weight`, [256, 256, 3, 3]));
  initialisers.push(tensor("onnx::MatMul_7", [256 * 64, 850]));
  return model(nodes, { input: ["N", 256, 8, 8], initialisers });
}

test.run();
