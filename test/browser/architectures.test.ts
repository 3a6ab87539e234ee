/** Networks of well-known structure: read, pruned to half of their multiply-adds, made small, written, and equal throughout. */
import { suite } from "uvu";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { ARCHITECTURES } from "../formats/architectures.ts";
import { testGpu } from "../gpu.ts";
import { onlyNightly } from "../long.ts";
import { judgeFile } from "./judged_file.ts";

const test = suite("architectures");

/** Each has an operator or a way of joining that the others lack. */
const SUITE = ["vit_b_16", "efficientnet_b0", "shufflenet_v2", "U-Net", "YOLO"];

for (const [name, make] of Object.entries(ARCHITECTURES)) {
  const look = SUITE.includes(name) ? test : onlyNightly(test);
  look(`half of ${name} computes what its masked form does, here and in ONNX Runtime`, async () => {
    await judgeFile(await testGpu(), name, { bytes: writeOnnx(make()) });
  });
}

test.run();
