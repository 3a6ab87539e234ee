// Computes y[i] = x[i]. The text copies; on buffers of f16 (src/gpu/half_storage.ts) it widens or rounds.
//
// x and y are `count` items of V. A workgroup of 64 threads makes 256 neighbouring items. The bindings are x and y.
// The grid is (row, ceil(count / 256 / row), 1) workgroups. V is f32 where the number of elements does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i < p.count) { y[i] = x[i]; }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 256u + local;
  item(i);
  item(i + 64u);
  item(i + 128u);
  item(i + 192u);
}
