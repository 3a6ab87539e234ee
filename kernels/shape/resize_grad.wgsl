// Computes dx[m, r, c] = sum of dy[m, r * fh + a, c * fw + b] over a < fh, b < fw: the gradient of resize.wgsl.
//
// dy is [maps, h * fh, w * fw] and dx is [maps, h, w], `count` elements. A thread per element of dx gathers, so the
// order is fixed. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  h: u32,
  w: u32,
  fh: u32,
  fw: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let at = (group.x + group.y * p.row) * 64u + local;
  if (at >= p.count) { return; }
  let row = at / p.w;
  let c = at % p.w;
  var sum = 0.0;
  for (var a = 0u; a < p.fh; a++) {
    let line = ((row * p.fh + a) * p.w + c) * p.fw;
    for (var b = 0u; b < p.fw; b++) { sum += dy[line + b]; }
  }
  dx[at] = sum;
}
