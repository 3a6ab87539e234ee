/** Networks of well-known structure: read, pruned to half of their multiply-adds, made small, written, and equal throughout. */
import { suite } from "uvu";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { ARCHITECTURES } from "../formats/architectures.ts";
import { testGpu } from "../gpu.ts";
import { judgeFile } from "./judged_file.ts";

const test = suite("architectures");

for (const [name, make] of Object.entries(ARCHITECTURES)) {
  test(`half of ${name} computes what its masked form does, here and in ONNX Runtime`, async () => {
    await judgeFile(await testGpu(), name, { bytes: writeOnnx(make()) });
  });
}

test.run();
