/** A kernel of a few lines for tests of the device layer: y[i] = FACTOR · x[i] + add. */
import { f32bits } from "../../kernels/bits.ts";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu, type GpuOptions, type Slice } from "../../src/gpu/gpu.ts";
import type { Plan, Program } from "../../src/gpu/types.ts";

const SOURCE = `
const FACTOR: f32 = 1.0;
struct Params { count: u32, add: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < p.count) { y[id.x] = FACTOR * x[id.x] + p.add; }
}
`;

export const affine: Program = { name: "affine", source: SOURCE, access: ["read", "read_write"] };

export function planAffine(count: number, add = 0, factor = 1): Plan {
  const program = factor === 1 ? affine : { ...affine, constants: { FACTOR: factor } };
  return { program, uniforms: [count, f32bits(add)], grid: [Math.ceil(count / 64), 1, 1] };
}

/** A device of the test's own, to be lost, broken or counted on. */
export function openGpu(options?: GpuOptions): Promise<Gpu> {
  prepareEnvironment();
  return Gpu.open(options);
}

/** A whole new buffer of `count` floats. */
export function floats(gpu: Gpu, count: number, label?: string): Slice {
  return { buffer: gpu.alloc(4 * count, label), byteOffset: 0, byteLength: 4 * count };
}

export async function readFloats(gpu: Gpu, ...slices: readonly Slice[]): Promise<number[][]> {
  return (await gpu.readMany(slices)).map((bytes) => [...new Float32Array(bytes)]);
}

/** The error that `action` ends in, thrown or rejected. */
export async function failure(action: () => unknown): Promise<Error> {
  try {
    await action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected an error");
}
