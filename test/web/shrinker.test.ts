/** From an ONNX file and images without labels to a smaller file, as the page's worker does it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { blobFiles, type NamedBlob } from "../../src/data/blob_files.ts";
import { decodeImage } from "../../src/data/images/decode.ts";
import { readUnlabelled } from "../../src/data/images/unlabelled.ts";
import { UserError } from "../../src/errors.ts";
import { formatMetadata } from "../../src/formats/metadata.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { runPlan } from "../../src/graph/equivalence.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { recalibrate } from "../../src/train/recalibrate.ts";
import { createDevice, type Device } from "../../src/web/engine/device.ts";
import { chosenFor } from "../../src/web/shrink/depth.ts";
import { sameLargest } from "../../src/prune/reconstruct/output_loss.ts";
import { pixelsFor, prepared } from "../../src/web/shrink/pixels.ts";
import { createShrinker, type Shrinker } from "../../src/web/shrink/shrinker.ts";
import { lossWithout } from "../../src/web/shrink/width.ts";
import { residualBlock } from "../browser/small_networks.ts";
import { complaint, ramp } from "../data/fixtures.ts";
import { pngFile } from "../../scripts/png_file.ts";
import { onlyNightly } from "../long.ts";

const test = suite("shrinking without labels, as the page does");
prepareEnvironment();

const SIDE = 8;
const metadata = formatMetadata({ mean: [0.5], std: [0.25], classes: [..."0123456789"] });
const graph = residualBlock(SIDE);
/** Grey by their pixels; a PNG in colours is decoded as grey here, so that few helpers are needed. */
const decode: typeof decodeImage = async (bytes) => ({ ...await decodeImage(bytes), grey: true });
const blobs: NamedBlob[] = await Promise.all(Array.from({ length: 40 }, async (_, i) => ({
  path: `${i + 10}.png`,
  blob: new Blob([await pngFile(SIDE, SIDE, (row, column) => (37 * i + (i + 3) * row * column + 11 * row) % 256)]),
})));
const going = { signal: new AbortController().signal, progress: () => {} };

const device = createDevice();
test.after(() => device.close());
/** Batch norms that have seen the images, as those of a trained network have. */
const file = await device.use(async (gpu) => {
  const { data } = await readUnlabelled(blobFiles(blobs), { shape: [1, SIDE, SIDE], most: 40, least: 1, decode });
  const images = prepared(data, "file", { mean: [0.5], std: [0.25] });
  return onnxBytes(await recalibrate(gpu, { graph, params: initialise(graph, 1) }, images, 40), metadata);
});

async function ready(of: Pick<Device, "use" | "close"> = device): Promise<Shrinker> {
  const shrinker = createShrinker(of, decode);
  shrinker.network("block.onnx", file);
  await shrinker.images(blobs, going);
  return shrinker;
}

test("a file says what it takes and what can go, images are kept for judging", async () => {
  const shrinker = createShrinker(device, decode);
  const { input, cost, ways, pixels, notes } = shrinker.network("block.onnx", file);
  assert.equal([input, notes], [[1, SIDE, SIDE], []]);
  assert.equal(cost.macs, graphCost(graph).macs);
  assert.equal(ways, { width: { parts: 2 }, depth: { parts: 1 } });
  assert.equal(pixels, ["file", "measured", "unit", "symmetric"]);
  const { fitted, judged } = await shrinker.images(blobs, going);
  assert.equal([fitted, judged], [32, 8]);
});

for (const [way, removed] of [["width", 0.2], ["width", 0.45], ["depth", 0.05]] as const) {
  const look = removed === 0.45 ? onlyNightly(test) : test;
  look(
    `${way}, ${100 * removed} %: what is made is as predicted without the device, proved and written`,
    async () => {
      let uses = 0, passes = 0;
      const shrinker = await ready({ ...device, use: (work) => (uses++, device.use(work)) });
      const { most } = await shrinker.look(way, "file", going);
      assert.ok(most >= removed, `${most}`);
      const looked = uses;
      for (const other of [most / 8, most / 2]) shrinker.predict(way, other);
      const { before, after, parts } = shrinker.predict(way, removed);
      assert.ok(looked > 0 && uses === looked, "a prediction asks nothing of the device");
      assert.equal(before.macs, graphCost(graph).macs);
      assert.ok(after.macs <= (1 - removed) * before.macs);
      const saved = parts.reduce((sum, part) => sum + part.before.macs - part.after.macs, 0);
      assert.is(saved, before.macs - after.macs, "the parts say where it goes");

      const made = await shrinker.make(way, removed, { ...going, progress: () => passes++ });
      assert.ok(passes > 0);
      assert.equal([made.before, made.after], [before, after]);
      assert.ok(made.proof.maxRel <= 1e-5 && made.proof.inputs === 16, JSON.stringify(made.proof));
      assert.is(made.judged.images, 8);
      assert.ok(made.judged.agreement! >= 0 && made.judged.agreement! <= 1);
      assert.ok(made.judged.loss >= 0 && made.judged.loss < 1, `${made.judged.loss}`);

      const bytes = shrinker.file();
      assert.is(bytes.length, made.fileBytes.after);
      const again = createShrinker(device, decode).network("small.onnx", bytes);
      assert.is(again.pixels[0], "file", "the file says how pixels are prepared");
      const back = loadOnnx(bytes, "small.onnx");
      assert.equal(graphCost(back.graph).macs, after.macs);
      const x = Float32Array.from({ length: 2 * SIDE * SIDE }, (_, i) => Math.sin(i));
      await device.use(async (gpu) => {
        const [expected, got] = [await runPlan(gpu, shrinker.models().pruned, x, 2), await runPlan(gpu, back, x, 2)];
        got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-5));
      });
    },
  );
}

onlyNightly(test)("a device that is lost amid the work is opened again", async () => {
  let losses = 1;
  const losing = createDevice();
  const shrinker = await ready(losing);
  const lose = { ...going, progress: () => void (losses-- > 0 && current?.loseDevice()) };
  let current: Gpu | undefined;
  await losing.use((gpu) => Promise.resolve(current = gpu));
  const { most } = await shrinker.look("width", "file", lose);
  assert.ok(most > 0);
  losses = 1;
  await losing.use((gpu) => Promise.resolve(current = gpu));
  assert.ok((await shrinker.make("width", 0.1, lose)).after.macs > 0);
  losing.close();
});

test("looking and making leave nothing on the device", async () => {
  const shrinker = await ready();
  const round = async () => {
    await shrinker.look("width", "file", going);
    await shrinker.make("width", 0.2, going);
    return await device.use((gpu) => Promise.resolve(gpu.stats().liveBytes));
  };
  // The device keeps what it has once compiled.
  assert.is(await round(), await round());
});

test("what is no network, a stop and steps out of order are one line each", async () => {
  const shrinker = createShrinker(device, decode);
  const refused = (name: string, bytes: Uint8Array<ArrayBuffer>) => complaint(() => shrinker.network(name, bytes));
  assert.match(await refused("a.onnx", new Uint8Array()), /^a\.onnx: is no ONNX file/);
  assert.match(await refused("cut.onnx", file.slice(0, 900)), /^cut\.onnx: /);
  assert.match(await complaint(() => shrinker.images(blobs, going)), /^there is no network yet/);
  shrinker.network("block.onnx", file);
  assert.match(
    await complaint(() => shrinker.images(blobs.slice(0, 3), going)),
    /^found 3 images, expected 8 at least/,
  );
  const stopped = await ready().then((one) => one.look("width", "file", { ...going, signal: AbortSignal.abort() }))
    .then(() => undefined, (error) => error);
  assert.is(stopped?.name, "Interrupted");
  assert.not.instance(stopped, UserError);
});

test("the loss without groups is that of the lowest scores, summed over layers", () => {
  const scores = [Float64Array.of(5, 1, 2), Float64Array.of(0.5, 0.25)];
  assert.is(lossWithout(scores, [1, 2]), 3);
  assert.is(lossWithout(scores, [2, 1]), 1.25);
});

test("blocks go by how well a layer stands for them, until enough is saved", () => {
  const block = (r2: number, saved: number) => ({
    score: { block: "", r2, macs: { before: 0, after: 0 } },
    before: { macs: 100, params: 0, bytes: 0 },
    after: { macs: 100 - saved, params: 0, bytes: 0 },
  });
  const [a, b, c] = [block(0.7, 50), block(0.9, 10), block(0.8, 30)];
  assert.equal(chosenFor([a, b, c], 10), [b]);
  assert.equal(chosenFor([a, b, c], 11), [b, c]);
  assert.equal(chosenFor([a, b, c], 41), [a, b, c]);
  assert.equal(chosenFor([a, b, c], 1000), [a, b, c]);
});

test("agreement counts images whose largest output stays", () => {
  const before = Float32Array.of(1, 2, 3, /**/ 5, 1, 0, /**/ -3, -1, -2, /**/ 0, 0, 1);
  const after = Float32Array.of(0, 0, 9, /**/ 1, 5, 0, /**/ -9, -1, -2, /**/ 3, 0, 1);
  assert.is(sameLargest(before, after, 4), 0.5);
  assert.is(sameLargest(Float32Array.of(1, 2), Float32Array.of(1, 2), 2), undefined);
});

test("pixels are prepared as chosen", () => {
  assert.equal(pixelsFor({}, 3), ["measured", "imagenet", "unit", "symmetric"]);
  assert.equal(pixelsFor({ mean: [0] }, 1), ["measured", "unit", "symmetric"]);
  const data = {
    ...ramp(6),
    classes: 1,
    labels: new Uint16Array(6),
    normalization: { scale: 255, mean: [0], std: [1] },
  };
  const of = (name: Parameters<typeof prepared>[1]) => prepared(data, name, { mean: [0.1], std: [0.2] }).normalization;
  assert.equal(of("file"), { scale: 255, mean: [0.1], std: [0.2] });
  assert.equal(of("symmetric"), { scale: 255, mean: [0.5], std: [0.5] });
  const pixels = [...data.images].map((value) => value / 255);
  const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
  assert.ok(Math.abs(of("measured").mean[0] - mean) < 1e-12);
});

test.run();
