// Computes y[b, c, r] = x[b, r, c]: transpose_matrix.wgsl for sides that do not divide by 4.
//
// x is [batch, rows, columns] and y is [batch, columns, rows]. A thread turns a block of 4 x 4, less at the ends;
// neighbours lie along c. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64, where count = batch *
// ceil(rows / 4) * ceil(columns / 4).

struct Params {
  count: u32,
  row: u32,
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.count) { return; }
  let across = (p.columns + 3u) / 4u;
  let down = (p.rows + 3u) / 4u;
  let block = i / across;
  let c = 4u * (i % across);
  let r = 4u * (block % down);
  let base = block / down * p.rows * p.columns;
  for (var j = c; j < min(c + 4u, p.columns); j++) {
    let read = base + r * p.columns + j;
    let made = base + j * p.rows + r;
    y[made] = x[read];
    if (r + 1u < p.rows) { y[made + 1u] = x[read + p.columns]; }
    if (r + 2u < p.rows) { y[made + 2u] = x[read + 2u * p.columns]; }
    if (r + 3u < p.rows) { y[made + 3u] = x[read + 3u * p.columns]; }
  }
}
