/** Networks as tf2onnx writes those of Keras: pruned as they are, and with their channels first and without Transposes. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { channelsFirst, channelsLast } from "../../src/graph/rewrite/channels_first.ts";
import { inspect } from "../../src/prune/inspect.ts";
import { keras } from "../formats/keras_exports.ts";
import { randomInputs } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";
import { judgeFile } from "./judged_file.ts";
import { runtime } from "./judges.ts";

const test = suite("keras");

for (
  const [head, transposes] of [
    ["flattened", "everywhere"],
    ["averaged", "optimised"],
    ["largest", "everywhere"],
  ] as const
) {
  test(`${head} features, Transposes ${transposes}`, async () => {
    const bytes = writeOnnx(keras(head, transposes));
    const model = await judgeFile(await testGpu(), head, { bytes });
    const groups = inspect(model.graph).groups;
    // Gates tie the stream's filters and those joined to it: 8 and 6.
    assert.equal(groups.map(({ size, why }) => why === undefined ? size : 0), [14, 12, 4, 10, 16, 0]);
    const { model: first } = channelsFirst(model);
    assert.not(first.graph.nodes.some(({ op }) => op === "Transpose"), `${first.graph.nodes.map(({ op }) => op)}`);
    assert.equal(inspect(first.graph).groups.map(({ size }) => size), groups.map(({ size }) => size));
    const { input } = randomInputs(model.graph, 1);
    const again = await runtime(onnxBytes(channelsLast(first)), input);
    assert.ok(compareOutputs(await runtime(bytes, input), again).maxRel <= 1e-5);
  });
}

test.run();
