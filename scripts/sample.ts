/**
 * `deno task sample [folder]`: something to try the commands on for who has no network and images at hand. It writes the bundled
 * digits as PNG files in class folders, trains a small network on them, and puts it beside them as an ONNX file.
 */
import { systemIo } from "../src/cli/main.ts";
import { runProgram } from "../src/cli/program.ts";
import { digitsSplits } from "../src/data/digits.ts";
import { pngFile } from "./png_file.ts";

const SIDE = 8;
const EPOCHS = 16;

const folder = Deno.args[0] ?? "sample";
if (Deno.args.length > 1 || folder.startsWith("-")) {
  console.error(
    "Usage: deno task sample [folder]\n\nWrites digits as PNG files, and a network trained on them: sample/",
  );
  Deno.exit(folder === "--help" || folder === "-h" ? 0 : 2);
}
if (await exists(folder)) {
  console.error(`sample: ${folder} is there already: remove it, or name another folder`);
  Deno.exit(1);
}
const file = new URL("../src/data/digits/digits.csv.gz", import.meta.url);
const { train, validation, test } = await digitsSplits(await Deno.readFile(file), { validation: 0.15 });
const parts = { train: [train, validation], test: [test] };
for (const [part, sets] of Object.entries(parts)) {
  let written = 0;
  for (const { images, labels, count, normalization: { scale } } of sets) {
    for (let i = 0; i < count; i++) {
      const dir = `${folder}/images/${part}/${labels[i]}`;
      await Deno.mkdir(dir, { recursive: true });
      const pixels = images.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE);
      const png = await pngFile(SIDE, SIDE, (row, column) => Math.round(255 * pixels[row * SIDE + column] / scale), 1);
      await Deno.writeFile(`${dir}/${String(++written).padStart(4, "0")}.png`, png);
    }
  }
}
await Deno.writeTextFile(
  `${folder}/train.yaml`,
  `version: 1
name: sample
model: { name: resnet8, shortcut: projection, width: 0.5 }
data: folder:images
batch: 64
stages:
  - kind: train
    epochs: ${EPOCHS}
    optimizer: { kind: sgd, lr: 0.05, momentum: 0.9, weightDecay: 5e-4, nesterov: true }
    schedule: { kind: cosine, warmup: 1 }
`,
);
const code = await runProgram(["train", `${folder}/train.yaml`, "--out", `${folder}/run`], systemIo());
if (code !== 0) Deno.exit(code);
await Deno.copyFile(`${folder}/run/model.onnx`, `${folder}/net.onnx`);
console.log(`\nA network: ${folder}/net.onnx. Images: ${folder}/images. Make it smaller:\n
  deno task prune ${folder}/net.onnx --data folder:${folder}/images --macs 0.5`);
Deno.exit(0);

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
