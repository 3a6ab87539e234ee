/**
 * Networks in the form in which current exporters write them: read, computed as ONNX Runtime computes them, pruned to half,
 * written, and still what they were.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readExternal } from "../../src/formats/onnx/external.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { encoder } from "../formats/exporters/jax_flax.ts";
import { decoder } from "../formats/exporters/onnxscript_functions.ts";
import { mobilenet as paddleMobilenet } from "../formats/exporters/paddle.ts";
import { resnet, transformer } from "../formats/exporters/pytorch_dynamo.ts";
import { convnext, mobilenet as kerasMobilenet } from "../formats/exporters/tf2onnx_keras.ts";
import { withExternalData, type WrittenFile } from "../formats/exporters/written_graph.ts";
import { testGpu } from "../gpu.ts";
import { judgeFile } from "./judged_file.ts";

const test = suite("onnx exporters");

interface Exporter {
  readonly write: (opset: number) => WrittenFile;
  readonly opsets: readonly number[];
  /** How many of some operators the network has once it is read. */
  readonly has: Readonly<Record<string, number>>;
  /** Names of parameters that stay what they were. */
  readonly params: readonly string[];
  readonly limit?: number;
}

const EXPORTERS: Readonly<Record<string, Exporter>> = {
  "PyTorch dynamo: a residual network": {
    write: resnet,
    opsets: [22, 24],
    has: { Conv: 3, BatchNormalization: 3, Gemm: 1 },
    params: ["layer1.0.conv2.weight", "layer1.0.bn2.running_var", "fc.weight"],
  },
  "PyTorch dynamo: a transformer": {
    write: transformer,
    opsets: [18, 20, 23],
    has: { Attention: 1, LayerNormalization: 3, Gelu: 1 },
    params: ["blocks.0.norm1.weight", "pos_embed"],
  },
  "onnxscript: a decoder": {
    write: decoder,
    opsets: [18],
    has: { GroupNormalization: 1, ConvTranspose: 1, DepthToSpace: 1 },
    params: ["stem.weight", "up.weight", "norm.bias"],
  },
  "tf2onnx: MobileNet": { write: kerasMobilenet, opsets: [17], has: { Conv: 2, Clip: 2 }, params: [] },
  "tf2onnx: ConvNeXt": { write: convnext, opsets: [18], has: { LayerNormalization: 2, Gelu: 1 }, params: [] },
  "JAX: an encoder": {
    write: encoder,
    opsets: [21],
    has: { Attention: 1, LayerNormalization: 2, Gelu: 1 },
    params: ["embedding.kernel", "pos_embedding"],
  },
  "PaddlePaddle: MobileNetV3": {
    write: paddleMobilenet,
    opsets: [19],
    has: { HardSwish: 1, HardSigmoid: 1, Resize: 1 },
    params: ["conv2d_1.w_0", "batch_norm_2.w_2"],
  },
};

for (const [name, { write, opsets, has, params, limit }] of Object.entries(EXPORTERS)) {
  for (const opset of opsets) {
    test(`${name}, opset ${opset}`, async () => {
      const { onnx } = write(opset);
      const { graph } = await judgeFile(await testGpu(), name, { bytes: writeOnnx(onnx), limit });
      for (const [op, count] of Object.entries(has)) {
        assert.is(graph.nodes.filter((node) => node.op === op).length, count, `${op}: ${graph.nodes.map((n) => n.op)}`);
      }
      for (const param of params) assert.ok(graph.params[param], `${param} isn't among ${Object.keys(graph.params)}`);
    });
  }
}

test("with their numbers in a file beside them they are the same networks", async () => {
  for (const { write, opsets: [opset] } of Object.values(EXPORTERS)) {
    const inside = write(opset);
    const { onnx, external } = withExternalData(inside, "model.onnx.data");
    const bytes = writeOnnx(onnx);
    const store = memoryStore();
    for (const [location, numbers] of external!) await store.write(`some/${location}`, numbers);
    const files = await readExternal(bytes, "some/model.onnx", store);
    assert.equal(loadOnnx(bytes, "model.onnx", files), loadOnnx(writeOnnx(inside.onnx), "model.onnx"));
  }
});

test.run();
