/**
 * What computes or is kept in f16, on Tint as it is. SwiftShader, which Chromium runs on without a GPU, has no f16: Dawn's
 * null device has it, and checks shaders by the same Tint without a driver.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { create } from "webgpu";
import { variants } from "../../kernels/variants.ts";
import compile, { type Shader } from "../kernels/compile.ts";
import { halfPrograms, shaders, texts } from "../kernels/shaders.ts";

const test = suite("variants in f16 on Tint");
const dawn: Pick<GPU, "requestAdapter"> = create(["backend=null"]);

test("every variant that computes in f16 compiles", async () => {
  const all = shaders(variants().filter(({ features = [] }) => features.includes("f16")));
  assert.ok(all.length > 20, `only ${all.length} variants`);
  await compileAll(all);
});

test("so does every variant with f16 in its buffers", async () => {
  const all = texts(halfPrograms(variants()));
  assert.ok(all.length > variants().length, `only ${all.length}`);
  await compileAll(all);
});

test("what mixes f16 with f32 is refused there", async () => {
  const code = "@compute @workgroup_size(1) fn main() { var x: vec4<f16> = vec4<f32>(); _ = x; }";
  const { refusals } = await compile([{ name: "mixed", code, features: ["f16"] }], dawn);
  assert.match(refusals[0].message, /vec4<f16>/);
});

async function compileAll(all: readonly Shader[]): Promise<void> {
  const { refusals, compiled, lacking } = await compile(all, dawn);
  assert.equal(refusals, []);
  assert.equal([compiled, lacking], [all.length, {}]);
}

test.run();
