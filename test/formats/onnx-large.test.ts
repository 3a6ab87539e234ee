/** Time and memory of a large file. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DATA_TYPE, type OnnxNode, type OnnxTensor } from "../../src/formats/onnx/types.ts";
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
