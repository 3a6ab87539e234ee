// y[m, i, j] = x[m, i / fh, j / fw]: nearest neighbours, enlarged by whole factors.
//
// x: [maps, h, w], y: [maps, h * fh, w * fw], `count` elements. A thread per element of y.
// Grid: (row, ceil(count / 64 / row), 1) workgroups of 64.

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
  // Rows of y over all maps, which x has 1/fh of.
  let row = at / (p.w * p.fw);
  let j = at % (p.w * p.fw);
  y[at] = x[row / p.fh * p.w + j / p.fw];
}
