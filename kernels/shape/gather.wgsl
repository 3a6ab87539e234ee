// Computes y[n, j, i] = x[n, indices[j], i].
//
// x is [N, in_channels, inner] and y is [N, channels, inner], `count` items of V with `inner` of them per map; indices
// are u32 below in_channels. Each item has a thread. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64. V
// is f32 where a map's size does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  channels: u32,
  in_channels: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.x + group.y * p.row) * 64u + local;
  if (k >= p.count) { return; }
  let map = k / p.inner;
  let n = map / p.channels;
  y[k] = x[(n * p.in_channels + indices[map % p.channels]) * p.inner + k % p.inner];
}
