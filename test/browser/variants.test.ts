/**
 * What the planners can emit, on Tint: in the suite on Dawn's null device, which checks shaders and pipelines without a
 * driver; in the nightly in Chromium too, whose software adapter takes seconds to make machine code of a pipeline.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { create } from "webgpu";
import { openPage } from "../../bench/browser/page.ts";
import { variants } from "../../kernels/variants.ts";
import compile, { type Compiled, type Shader } from "../kernels/compile.ts";
import { combinations, shaders, storedShaders, texts } from "../kernels/shaders.ts";
import { onlyNightly } from "../long.ts";

const test = suite("variants on Tint");

test("every variant that the planners can emit compiles", async () => {
  const all = shaders(variants());
  assert.ok(all.length > 200, `only ${all.length} variants`);
  await compileAll(all);
});

test("so does each with its workgroup memory in a storage buffer", async () => {
  const all = storedShaders(variants());
  assert.ok(all.length > 30, `only ${all.length} variants`);
  await compileAll(all);
});

test("a shader that isn't valid is refused, and so is a pipeline that doesn't fit its layout", async () => {
  const wrong = { name: "wrong", code: "@compute @workgroup_size(1) fn main() { let x: u32 = 1.5; }", features: [] };
  const write = `@group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(1) fn main() { y[0] = 1; }`;
  const unfit: Shader = { name: "unfit", code: write, features: [], access: ["read"] };
  const { refusals } = await compile([wrong, unfit, { ...unfit, access: ["read_write"] }], dawn());
  assert.equal(refusals.map(({ name }) => name), ["wrong", "unfit"]);
});

onlyNightly(test)("all of them compile in Chromium, and combinations of their constants are valid there", async () => {
  const page = await openPage({ adapter: "software" });
  try {
    for (const all of [shaders(variants()), storedShaders(variants()), texts(combinations(variants(), 48))]) {
      const { refusals, compiled, lacking } = await page.call<Compiled>(inPage, all);
      assert.equal(refusals, []);
      assert.ok(compiled > all.length / 2, `only ${compiled} of ${all.length} were compiled`);
      for (const [feature, count] of Object.entries(lacking)) console.log(`  ${count} left out: no ${feature} here`);
    }
  } finally {
    await page.close();
  }
});

const inPage = `${import.meta.dirname}/../kernels/compile.ts`;

function dawn(): Pick<GPU, "requestAdapter"> {
  return create(["backend=null"]);
}

async function compileAll(all: readonly Shader[]): Promise<void> {
  const { refusals, compiled, lacking } = await compile(all, dawn());
  assert.equal(refusals, []);
  assert.equal([compiled, lacking], [all.length, {}]);
}

test.run();
