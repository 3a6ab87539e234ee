/** Files that exporters have written: what PyTorch or ONNX Runtime computed for them comes out, of half of them too. */
import { suite } from "uvu";
import type { HostTensor } from "../../src/graph/types.ts";
import { readNpy } from "../formats/npy.ts";
import { testGpu } from "../gpu.ts";
import { type JudgedFile, judgeFile } from "./judged_file.ts";

const test = suite("onnx fixtures");

const FOLDER = new URL("../formats/fixtures/onnx/", import.meta.url);

/** With what differs from what every file has to stand. */
const FILES: Readonly<Record<string, Partial<JudgedFile>>> = {
  // Nearest upsampling with all attributes of a Resize.
  unet_nearest: {},
  // Each view a Reshape with allowzero.
  dynamo_view_allowzero1: {},
  // The weight of a convolution standardised in the file, of parameters alone.
  weight_standard: {},
  // A gate that is expanded to the shape of what it multiplies.
  expand_gate: {},
  // Half precision inside, which is float32 here: what it computed was rounded to 11 bits.
  fp16_keep_io: { limit: 1e-3 },
};

for (const [name, differs] of Object.entries(FILES)) {
  test(`${name} is read, agrees, is pruned to half, and agrees in ONNX Runtime`, async () => {
    const bytes = Deno.readFileSync(new URL(`${name}.onnx`, FOLDER));
    const given = (kind: "in" | "out"): HostTensor | undefined => {
      const file = new URL(`${name}.${kind}.npy`, FOLDER);
      return hasFile(file) ? readNpy(Deno.readFileSync(file)) : undefined;
    };
    await judgeFile(await testGpu(), name, { bytes, input: given("in"), expected: given("out")?.data, ...differs });
  });
}

function hasFile(url: URL): boolean {
  try {
    return Deno.statSync(url).isFile;
  } catch {
    return false;
  }
}

test.run();
