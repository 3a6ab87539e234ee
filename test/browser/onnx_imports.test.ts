/** Networks as PyTorch exports them: ONNX Runtime, an independent judge, computes what our import and our export do. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import type { OnnxModel } from "../../src/formats/onnx/types.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import { convnext, decoder, deit, dense, forms, mobilenet, multihead } from "../formats/onnx-exports.ts";
import { randomInputs } from "../generate/graphs.ts";
import { runtime } from "./judges.ts";

const test = suite("onnx imports");

const EXPORTS: Readonly<
  Record<string, { readonly onnx: OnnxModel; readonly batch?: number; readonly has: Record<string, number> }>
> = {
  "DeiT, joint queries gathered": {
    onnx: deit("gather"),
    has: { Attention: 1, LayerNormalization: 3, Gelu: 1, Reshape: 5 },
  },
  "DeiT, joint queries split": { onnx: deit("split"), has: { Attention: 1, LayerNormalization: 3, Gelu: 1 } },
  "DeiT, scaled_dot_product_attention": { onnx: deit("sdpa"), has: { Attention: 1 } },
  "DeiT, scaled scores, a fixed batch": { onnx: deit("scores", 1), batch: 1, has: { Attention: 1 } },
  ...Object.fromEntries(
    (["bmm", "sdpa"] as const).flatMap((how) =>
      (["turned", "first"] as const).flatMap((tokens) =>
        (["batch", 1, 2] as const).map((batch) => [
          `MultiheadAttention by ${how}, tokens ${tokens}, of ${
            batch === "batch" ? "any batch" : `a batch of ${batch}`
          }`,
          {
            onnx: multihead(how, tokens, batch),
            ...batch === 1 && { batch },
            has: { Attention: 1, LayerNormalization: 3, Gelu: 1, Gemm: 1 },
          },
        ])
      )
    ),
  ),
  "ConvNeXt": { onnx: convnext(), has: { LayerNormalization: 2, Gelu: 1, GlobalAveragePool: 1 } },
  "ConvNeXt, GELU by tanh": { onnx: convnext("tanhGelu"), has: { Gelu: 1 } },
  "MobileNetV3": { onnx: mobilenet("whole"), has: { HardSwish: 1, HardSigmoid: 1, Clip: 1 } },
  "MobileNetV3, in parts": { onnx: mobilenet("apart"), has: { HardSwish: 1, HardSigmoid: 1, Clip: 1 } },
  "a dense block and much else": { onnx: dense(), has: { GroupNormalization: 1, Slice: 2, Resize: 1 } },
  "a decoder": { onnx: decoder(18), has: { Elu: 1, Mish: 1, Softplus: 1, Resize: 2, ReduceMax: 1 } },
  "a decoder, Mish in parts": { onnx: decoder(17), has: { Mish: 1, Softplus: 1, ReduceMax: 1 } },
  ...Object.fromEntries(
    [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21].map((
      opset,
    ) => [`forms of opset ${opset}`, { onnx: forms(opset), has: { Slice: 7 } }]),
  ),
};

for (const [name, { onnx, batch = 2, has }] of Object.entries(EXPORTS)) {
  test(name, async () => {
    const bytes = writeOnnx(onnx);
    const model = loadOnnx(bytes, name);
    for (const [op, count] of Object.entries(has)) {
      assert.is(
        model.graph.nodes.filter((node) => node.op === op).length,
        count,
        `${op} in ${model.graph.nodes.map((n) => n.op)}`,
      );
    }
    const { input } = randomInputs(model.graph, 7, batch);
    const judged = await runtime(bytes, input);
    const ours = referenceForward(model, { input }).get("output")!;
    assert.is(ours.data.length, judged.length);
    const gap = compareOutputs(ours.data, judged).maxRel;
    assert.ok(gap < 1e-4, `import: off by ${gap}`);
    const again = compareOutputs(ours.data, await runtime(onnxBytes(model), input)).maxRel;
    assert.ok(again < 1e-4, `export: off by ${again}`);
  });
}

test.run();
