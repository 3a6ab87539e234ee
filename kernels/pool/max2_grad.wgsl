// Computes the gradient of max2.wgsl: dy goes to the first maximum of its 2x2 window, in row-major order, and 0 to the
// others.
//
// x and dx are [maps, h, w] as vec4; dy is [maps, h/2, w/2] as vec2. A thread makes two windows, so every dx is written
// once. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64, where count = maps * h/2 * w/4.

struct Params {
  count: u32,
  row: u32,
  w4: u32,      // It is w / 4.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

// Gives a window as (top left, top right, bottom left, bottom right).
fn route(v: vec4<f32>, g: f32) -> vec4<f32> {
  let m = max(max(v.x, v.y), max(v.z, v.w));
  let a = v.x == m;
  let b = !a && v.y == m;
  let c = !a && !b && v.z == m;
  let d = !a && !b && !c && v.w == m;
  return select(vec4<f32>(0.0), vec4<f32>(g), vec4<bool>(a, b, c, d));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.count) { return; }
  let upper = i / p.w4 * 2u * p.w4 + i % p.w4;
  let top = x[upper];
  let bottom = x[upper + p.w4];
  let g = dy[i];
  let left = route(vec4<f32>(top.xy, bottom.xy), g.x);
  let right = route(vec4<f32>(top.zw, bottom.zw), g.y);
  dx[upper] = vec4<f32>(left.xy, right.xy);
  dx[upper + p.w4] = vec4<f32>(left.zw, right.zw);
}
