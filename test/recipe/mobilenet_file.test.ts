/** One's own MobileNetV2, a file as torchvision's users export it, on a folder of image files: blocks evolve, and are merged. */
import encodePng from "@jsquash/png/encode.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadDataset } from "../../src/data/deno.ts";
import type { Splits } from "../../src/data/types.ts";
import { findBlocks } from "../../src/depth/blocks/find_blocks.ts";
import { blockForms } from "../../src/depth/forms/form_cost.ts";
import { formSpace } from "../../src/depth/search/form_space.ts";
import { readModel } from "../../src/formats/model_file.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { parseRecipe } from "../../src/recipe/schema.ts";
import { memoryStore } from "../../src/store/memory.ts";
import { silentUi } from "../../src/ui.ts";
import { withFolder } from "../data/fixtures.ts";
import { LARGE, largeDigits } from "../data/large_digits.ts";
import { torchvisionMobileNetV2 } from "../formats/torchvision_mobilenet.ts";
import { onlyNightly } from "../long.ts";
import { DIR, prune, verify } from "./tiny.ts";

const test = suite("a MobileNetV2 of one's own");

const network = createModel("mobilenetv2", { size: LARGE, width: 0.25, classes: 10 });
const file = writeOnnx(torchvisionMobileNetV2({ graph: network, params: initialise(network, 1) }));

/** A folder for each class, with a PNG for each image. */
async function writePngs({ train: { images, labels, count } }: Splits, folder: string): Promise<void> {
  const plane = LARGE * LARGE;
  for (let i = 0; i < count; i++) {
    const pixels = images.subarray(i * 3 * plane, (i + 1) * 3 * plane);
    const rgba = Uint8ClampedArray.from(
      { length: 4 * plane },
      (_, at) => at % 4 === 3 ? 255 : pixels[at % 4 * plane + Math.floor(at / 4)],
    );
    const made = await encodePng(new ImageData(rgba, LARGE, LARGE));
    await Deno.mkdir(`${folder}/${labels[i]}`, { recursive: true });
    await Deno.writeFile(`${folder}/${labels[i]}/${i}.png`, new Uint8Array(made));
  }
}

test("its 17 blocks are found, and most could be one convolution", () => {
  const { graph } = loadOnnx(file, "mobilenet_v2.onnx");
  const found = findBlocks(graph);
  assert.equal(found.blocks.map(({ name }) => name), Array.from({ length: 17 }, (_, i) => `features.${i + 1}`));
  assert.equal(found.refused, []);
  const forms = blockForms(graph, found).map(({ offered }) => offered.map(({ form }) => form));
  // The first one doesn't expand: a dense 3×3 convolution takes more than it.
  assert.equal(forms[0], ["skip"]);
  for (const own of forms.slice(1)) assert.equal(own.slice(0, 2), ["identity", "linear"]);
});

test("a space of forms leaves out those that take more than their block, unless all are asked for", () => {
  const model = loadOnnx(file, "mobilenet_v2.onnx");
  const { blocks } = findBlocks(model.graph);
  const choices = (all: boolean) =>
    formSpace({ model, blocks, forms: ["linear"], unit: "macs", all }).choices.map((own) => own.length);
  assert.equal(choices(false), [1, ...new Array(16).fill(2)]);
  assert.equal(choices(true), new Array(17).fill(2));
});

onlyNightly(test)(
  "five epochs of progressive training on a folder of images, its norms put back meanwhile, and merged",
  () =>
    withFolder(async (dir) => {
      await writePngs(await largeDigits({ limit: 60 }), `${dir}/images`);
      const store = memoryStore();
      await store.write("mobilenet_v2.onnx", file);
      const recipe = parseRecipe({
        version: 1,
        name: "mobilenet",
        model: { name: "mobilenet_v2.onnx" },
        data: { name: `folder:${dir}/images` },
        preprocess: { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
        batch: 16,
        stages: [
          { kind: "search", gene: everySecond("identity"), images: 32 },
          { kind: "subnet", epochs: 5, images: 32, border: "auto" },
          { kind: "merge" },
          { kind: "compact" },
        ],
      }, "test");
      const notes: string[] = [];
      const { report } = await prune(recipe, {
        store,
        ui: { ...silentUi(), note: (text) => notes.push(text) },
        loadData: ({ name, ...options }) => loadDataset(name, { ...options, cacheDir: `${dir}/cache` }),
      });
      assert.ok(notes.some((note) => /^\d+ batch norms that change nothing are put behind convolutions/.test(note)));
      assert.equal(report.stages.map(({ name }) => name), ["given", "subnet", "merged", "compact"]);
      assert.ok(report.final.macs < 0.75 * report.baseline.macs, `${report.final.macs} of ${report.baseline.macs}`);
      assert.ok(report.depth!.merge!.maxRel <= 1e-4 && report.depth!.merge!.inputs > 0);
      const borders = report.depth!.blocks.filter(({ form }) => form === "identity").map(({ border }) => border);
      assert.ok(borders.length === 8 && borders.every((border) => border !== undefined), borders.join());
      const { model } = await readModel(store, DIR);
      const written = loadOnnx((await store.read(`${DIR}/model.onnx`))!, "model.onnx");
      assert.is(findBlocks(written.graph).blocks.length, 9);
      assert.is(findBlocks(model.graph).blocks.length, 9);
      assert.equal((await verify(store)).filter(({ verdict }) => verdict === "differs"), []);
    }),
);

function everySecond(form: string): string[] {
  return Array.from({ length: 17 }, (_, b) => b % 2 === 1 ? form : "keep");
}

test.run();
