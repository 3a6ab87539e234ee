/** A MobileNetV2 from a file becomes one with linear layers, and what is written of it computes the same elsewhere. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { chosenBlocks, linearCandidates } from "../../src/depth/linearize/candidates.ts";
import { linearize } from "../../src/depth/linearize/linearize.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { foldBatchNorm } from "../../src/graph/fold.ts";
import type { Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { judgeFile } from "./judged_file.ts";

const test = suite("linear layers for blocks of onnx files");

const COUNT = 48;
/** Labels are left out: nothing reads them. */
const images = {
  name: "noise",
  classes: 10,
  shape: [3, 32, 32],
  count: COUNT,
  images: Uint8Array.from(
    random(7, "pixels").fillUniform(new Float64Array(COUNT * 3 * 32 * 32), 0),
    (v) => Math.floor(256 * v),
  ),
  normalization: { scale: 255, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
} as const;

/** torchvision's MobileNetV2 with its names, a quarter as wide, on small images. */
function mobilenet(): Model {
  const graph = createModel("mobilenetv2", { size: 32, width: 0.25, classes: 10 });
  return { graph, params: randomParams(graph, 3) };
}

for (const norms of ["with batch norms", "with batch norms folded"] as const) {
  test(`MobileNetV2 ${norms}: half of its blocks become linear layers, the same in ONNX Runtime`, async () => {
    const gpu = await testGpu();
    const original = norms === "with batch norms" ? mobilenet() : foldBatchNorm(mobilenet()).model;
    const model = loadOnnx(onnxBytes(original), norms);
    const candidates = linearCandidates(model.graph);
    // 17 blocks; the first one, which doesn't expand, has fewer MACs than a dense convolution.
    assert.is(candidates.blocks.length + candidates.costly.size, 17);
    assert.equal(candidates.refused.size, 0);
    const blocks = chosenBlocks(candidates, 8);
    const { rewrite } = await linearize({ gpu, model, blocks, images });
    assert.ok(graphCost(rewrite.model.graph).macs < graphCost(model.graph).macs);
    await judgeFile(gpu, norms, { bytes: onnxBytes(rewrite.model), macs: 1 });
  });
}

test.run();
