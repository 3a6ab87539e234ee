// Computes delta[r] = sum over i of y[r, i] * dy[r, i]: what softmax's gradient in attention_grad.wgsl takes off each
// row.
//
// y and dy are [rows, length] with `length` items of V. Each row has a thread. The grid is (row, ceil(rows / 64 / row),
// 1) workgroups of 64. V is f32 where a row does not divide by 4.

alias V = vec4<f32>;

struct Params {
  rows: u32,
  row: u32,
  length: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> y: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read_write> delta: array<f32>;

fn total(v: V) -> f32 { return (v.x + v.y) + (v.z + v.w); }

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let r = (group.x + group.y * p.row) * 64u + local;
  if (r >= p.rows) { return; }
  var sum = V(0.0);
  for (var i = r * p.length; i < (r + 1u) * p.length; i++) { sum += y[i] * dy[i]; }
  delta[r] = total(sum);
}
