// Concatenated to kernels/random/philox.wgsl: bits[i] = philox_bits(key, step, first + i), and the same as uniforms.
struct Params { key: vec2<u32>, step: u32, first: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> bits: array<u32>;
@group(0) @binding(2) var<storage, read_write> uniforms: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let b = philox_bits(p.key, p.step, p.first + gid.x);
  bits[gid.x] = b;
  uniforms[gid.x] = philox_uniform(b);
}
