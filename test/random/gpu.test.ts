import { suite } from "uvu";
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import fragment from "../../kernels/random/philox.wgsl" with { type: "text" };
import { testGpu } from "../gpu.ts";
import main from "./philox.wgsl" with { type: "text" };

const test = suite("philox on the GPU");

test("equals the host's bit for bit", async () => {
  const gpu = await testGpu();
  const count = 4096;
  const program = { name: "philox", source: fragment + main, access: ["read_write", "read_write"] as const };
  for (const [seed, step, first] of [[0, 0, 0], [2 ** 40 + 3, 0xfffffffe, 0xfffff000 - 2]]) {
    const rng = random(seed, "gpu");
    const slices = [0, 1].map(() => ({ buffer: gpu.alloc(4 * count), byteOffset: 0, byteLength: 4 * count }));
    gpu.run({ program, uniforms: [...rng.key, step, first], grid: [count / 64, 1, 1] }, slices);
    const [bits, uniforms] = await gpu.readMany(slices);
    slices.forEach(({ buffer }) => buffer.release());
    const indices = Array.from({ length: count }, (_, i) => first + i);
    assert.equal([...new Uint32Array(bits)], indices.map((i) => rng.bits(step, i)));
    assert.equal([...new Float32Array(uniforms)], indices.map((i) => rng.uniform(step, i)));
  }
});

test.run();
