/** What f16 changes, on networks that are committed: outputs near those in f32, and no accuracy lost. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PROFILES } from "../../kernels/device_profile.ts";
import { digitsSplits } from "../../src/data/digits.ts";
import { parseModel } from "../../src/formats/model_file.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { HALF_TOLERANCE } from "../../src/graph/compare.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { type HalfFigures, halfFigures } from "../../src/measure/half_figures.ts";
import { fasterProducts } from "../../src/measure/half_products.ts";
import { setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { testGpu } from "../gpu.ts";
import { nightly, onlyNightly } from "../long.ts";

const test = suite("what f16 changes");
const { test: images } = await digitsSplits(
  await Deno.readFile(new URL("../../src/data/digits/digits.csv.gz", import.meta.url)),
);
const results = `${import.meta.dirname}/../../docs/results`;

/** The committed networks that tell digits apart: a part of them here, all in the nightly. */
function* committed(): Generator<string> {
  yield "digits";
  yield "digits-resnet8";
  yield "depth/digits-deit-half-1";
  if (!nightly) return;
  for (const { name } of Deno.readDirSync(`${results}/depth`)) {
    if (/^digits-(?!deit-half-1$)/.test(name)) yield `depth/${name}`;
  }
}

for (const name of committed()) {
  test(`${name}: f16 is within ${HALF_TOLERANCE} of f32 and loses at most a tenth of a point`, async () => {
    const { model } = await parseModel(await Deno.readFile(`${results}/${name}/model.safetensors`), name);
    const found = await halfFigures(await testGpu(), model, images) as HalfFigures;
    console.log(`  ${name}: ${found.maxRel.toExponential(1)}, ${found.accuracy.f32} -> ${found.accuracy.f16}`);
    assert.is(found.images, images.count);
    assert.ok(found.maxRel > 0 && found.maxRel <= HALF_TOLERANCE, `${found.maxRel}`);
    assert.ok(found.accuracy.f16 >= found.accuracy.f32 - 0.001, JSON.stringify(found.accuracy));
    assert.ok(found.accuracy.f32 > 0.85 && found.sameClass >= 0.999, JSON.stringify(found));
  });
}

for (const name of ["digits", "digits-resnet8"]) {
  onlyNightly(test)(`${name}: products in f16 by the kernels for cards are as near`, async () => {
    const { model } = await parseModel(await Deno.readFile(`${results}/${name}/model.safetensors`), name);
    using gpu = await Gpu.open();
    setTuning(gpu, { ...tuningFor(gpu), profile: { ...PROFILES.desktop, waves: 1 } });
    const { products } = await fasterProducts(gpu, () => Promise.resolve([{ medianMs: 2 }, { medianMs: 1 }]));
    assert.is(products, "f16");
    const found = await halfFigures(gpu, model, images) as HalfFigures;
    console.log(`  ${name}: ${found.maxRel.toExponential(1)}, ${found.accuracy.f32} -> ${found.accuracy.f16}`);
    assert.ok(found.maxRel > 0 && found.maxRel <= HALF_TOLERANCE, `${found.maxRel}`);
    assert.ok(found.accuracy.f16 >= found.accuracy.f32 - 0.001, JSON.stringify(found.accuracy));
  });
}

test("a device without f16 is told of in a line, and refuses such a plan", async () => {
  const { model } = await parseModel(await Deno.readFile(`${results}/digits/model.safetensors`), "digits");
  await testGpu();
  using gpu = await Gpu.open({ without: ["shader-f16"] });
  const line = "this device doesn't offer shader-f16: its plans keep their numbers in f32";
  assert.equal(await halfFigures(gpu, model, images), { notMeasured: line });
  assert.throws(
    () => compilePlan(gpu, model, 1, { storage: "f16" }),
    (error: Error) => error.message === `f16: ${line}`,
  );
});

test.run();
