// Computes value[r] = max over k of x[r, k], index[r] = the first k that has it.
//
// x is [rows, length] floats. Each row has a thread. The grid is (row, ceil(rows / 64 / row), 1) workgroups of 64.

struct Params {
  rows: u32,
  length: u32,
  row: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> value: array<f32>;
@group(0) @binding(3) var<storage, read_write> index: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let r = (group.x + group.y * p.row) * 64u + local;
  if (r >= p.rows) { return; }
  let base = r * p.length;
  var best = x[base];
  var at = 0u;
  for (var k = 1u; k < p.length; k++) {
    let v = x[base + k];
    if (v > best) {
      best = v;
      at = k;
    }
  }
  value[r] = best;
  index[r] = at;
}
