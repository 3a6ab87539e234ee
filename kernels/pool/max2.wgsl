// Computes 2x2 maxima with stride 2 and no padding: y[m, i, j] = max of x[m, 2i…2i+1, 2j…2j+1].
//
// x is [maps, h, w] as vec4, so w divides by 4, and h is even; y is [maps, h/2, w/2] as vec2. A thread makes 2 outputs
// from 2 loads. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64, where count = maps * h/2 * w/4.

struct Params {
  count: u32,
  row: u32,
  w4: u32,      // It is w / 4.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec2<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.count) { return; }
  let upper = i / p.w4 * 2u * p.w4 + i % p.w4;
  let m = max(x[upper], x[upper + p.w4]);
  y[i] = vec2<f32>(max(m.x, m.y), max(m.z, m.w));
}
