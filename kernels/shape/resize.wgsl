// Computes y[m, i, j] = x[m, i / fh, j / fw]: nearest neighbours, enlarged by whole factors.
//
// x is [maps, h, w] and y is [maps, h * fh, w * fw], `count` elements. Each element of y has a thread.
// The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  h: u32,
  w: u32,
  fh: u32,
  fw: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let at = (group.x + group.y * p.row) * 64u + local;
  if (at >= p.count) { return; }
  // It counts rows of y over all maps, of which x has 1/fh.
  let row = at / (p.w * p.fw);
  let j = at % (p.w * p.fw);
  y[at] = x[row / p.fh * p.w + j / p.fw];
}
