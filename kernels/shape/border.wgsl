// Computes y[n, f, i, j] = x[n, f, i, j] + table[f, rows[i], cols[j]]: a bias that knows where the border is
// (docs/pipeline.md).
//
// x and y are [N, channels, h, w], `count` elements; table is [channels, table_h, table_w]; places holds h row indices,
// then w column indices. Each element has a thread. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  channels: u32,
  h: u32,
  w: u32,
  table_h: u32,
  table_w: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read> places: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.x + group.y * p.row) * 64u + local;
  if (k >= p.count) { return; }
  let j = k % p.w;
  let i = (k / p.w) % p.h;
  let f = (k / (p.w * p.h)) % p.channels;
  y[k] = x[k] + table[(f * p.table_h + places[i]) * p.table_w + places[p.h + j]];
}
