// Computes dx[m, r, c] = sum of dy[m, i, j] / D(i, j) over the windows (i, j) that hold (r, c), with D as in
// average.wgsl.
//
// dx is [maps, h, w]; dy is [maps, oh, ow]. A thread per element of dx gathers, so the order is fixed.
// The grid is (row, ceil(count / 64 / row), 1) workgroups of 64, where count = maps * h * w.

const INCLUDE_PAD: u32 = 0u;

struct Params {
  count: u32,   // So many elements are made.
  row: u32,
  h: u32,
  w: u32,
  oh: u32,
  ow: u32,
  kh: u32,
  kw: u32,
  sh: u32,
  sw: u32,
  top: u32,     // So much padding lies before the first row and column.
  left: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

// Gives the first window that reaches `at`, a padded coordinate, where windows of `size` begin every `stride`.
fn first_window(at: u32, size: u32, stride: u32) -> u32 {
  return select(0u, (at + stride - size) / stride, at >= size);
}

// Counts the taps of window k inside the map, along one axis.
fn inside(k: u32, stride: u32, size: u32, before: u32, length: u32) -> u32 {
  if (INCLUDE_PAD == 1u) { return size; }
  return min(k * stride + size, length + before) - max(k * stride, before);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let index = (group.x + group.y * p.row) * 64u + local;
  if (index >= p.count) { return; }
  let c = index % p.w + p.left;
  let r = (index / p.w) % p.h + p.top;
  let m = index / (p.w * p.h);
  let end_i = min(r / p.sh + 1u, p.oh);
  let end_j = min(c / p.sw + 1u, p.ow);
  var sum = 0.0;
  for (var i = first_window(r, p.kh, p.sh); i < end_i; i++) {
    let rows = inside(i, p.sh, p.kh, p.top, p.h);
    for (var j = first_window(c, p.kw, p.sw); j < end_j; j++) {
      sum += dy[(m * p.oh + i) * p.ow + j] / f32(rows * inside(j, p.sw, p.kw, p.left, p.w));
    }
  }
  dx[index] = sum;
}
