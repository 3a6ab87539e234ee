import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GpuError } from "../../src/gpu/errors.ts";
import { DEVICE_FEATURE } from "../../src/gpu/features.ts";
import type { Plan, Program } from "../../src/gpu/types.ts";
import { floats, openGpu, readFloats } from "./kernels.ts";

const test = suite("optional WGSL features");

/** y[i] = x[i] rounded to half precision. */
const rounding: Program = {
  name: "round to f16",
  source: `
struct Params { count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < p.count) { y[id.x] = f32(f16(x[id.x])); }
}
`,
  access: ["read", "read_write"],
  features: ["f16"],
};

/** y[i] = sum of x over the subgroup of lane i, all 64 lanes present. */
const adding: Program = {
  name: "add up",
  source: rounding.source.replace("f32(f16(x[id.x]))", "subgroupAdd(x[id.x])").replace("if (id.x < p.count)", ""),
  access: ["read", "read_write"],
  features: ["subgroups"],
};

function plan(program: Program, count: number): Plan {
  return { program, uniforms: [count], grid: [1, 1, 1] };
}

test("a program gets the features it names where the device has them, else a clear error", async () => {
  using gpu = await openGpu();
  const x = floats(gpu, 64), y = floats(gpu, 64);
  gpu.write(x, new Float32Array(64).fill(1 + 2 ** -12));
  for (const program of [rounding, adding]) {
    const feature = program.features![0];
    if (gpu.features.has(DEVICE_FEATURE[feature])) {
      gpu.run(plan(program, 64), [x, y]);
      const [values] = await readFloats(gpu, y);
      assert.ok(feature === "f16" ? values.every((v) => v === 1) : values.every((v) => v > 2), `${feature}: ${values}`);
    } else {assert.throws(() =>
        gpu.run(plan(program, 64), [x, y]), new RegExp(`uses ${feature}, which this device lacks`));}
  }
});

test("a device opened without a feature refuses its programs and goes on", async () => {
  using gpu = await openGpu({ without: Object.values(DEVICE_FEATURE) });
  const x = floats(gpu, 4), y = floats(gpu, 4);
  for (const program of [rounding, adding]) {
    assert.throws(() => gpu.run(plan(program, 4), [x, y]), (error: Error) => error instanceof GpuError);
  }
  gpu.write(x, Float32Array.of(1, 2, 3, 4));
  gpu.run(plan({ ...rounding, source: rounding.source.replace("f16", "f32"), features: [] }, 4), [x, y]);
  assert.equal(await readFloats(gpu, y), [[1, 2, 3, 4]]);
});

test.run();
