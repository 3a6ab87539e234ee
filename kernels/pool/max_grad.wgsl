// Computes dx[m, r, c] = sum of dy[m, i, j] over the windows (i, j) with index[m, i, j] = r * w + c: the second half of
// max pooling's gradient.
//
// index (from max_index.wgsl) and dy are [maps, oh, ow]; dx is [maps, h, w]. A thread per element of dx gathers, so the
// order is fixed. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64, where count = maps * h * w.

// It is 2 where at most two windows per axis hold an element (kernel <= 2 strides), so that no loop is needed, and 0
// for any number.
const OVERLAP: u32 = 2u;

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
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

// Gives the first window that reaches `at`, a padded coordinate, where windows of `size` begin every `stride`.
fn first_window(at: u32, size: u32, stride: u32) -> u32 {
  return select(0u, (at + stride - size) / stride, at >= size);
}

fn routed(m: u32, i: u32, j: u32, here: u32) -> f32 {
  let o = (m * p.oh + i) * p.ow + j;
  return select(0.0, dy[o], index[o] == here);
}

// Does window k, if it exists, reach as far as `at` (padded coordinate)? k may have wrapped below 0.
fn reaches(k: u32, windows: u32, at: u32, size: u32, stride: u32) -> bool {
  return k < windows && k * stride + size > at;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let element = (group.x + group.y * p.row) * 64u + local;
  if (element >= p.count) { return; }
  let m = element / (p.h * p.w);
  let here = element - m * (p.h * p.w);
  let line = here / p.w;
  let r = line + p.top;
  let c = here - line * p.w + p.left;
  let last_i = r / p.sh;
  let last_j = c / p.sw;
  var sum = 0.0;
  if (OVERLAP == 2u) {
    let upper = reaches(last_i - 1u, p.oh, r, p.kh, p.sh);
    let lower = reaches(last_i, p.oh, r, p.kh, p.sh);
    let left = reaches(last_j - 1u, p.ow, c, p.kw, p.sw);
    let right = reaches(last_j, p.ow, c, p.kw, p.sw);
    if (upper && left) { sum += routed(m, last_i - 1u, last_j - 1u, here); }
    if (upper && right) { sum += routed(m, last_i - 1u, last_j, here); }
    if (lower && left) { sum += routed(m, last_i, last_j - 1u, here); }
    if (lower && right) { sum += routed(m, last_i, last_j, here); }
  } else {
    let end_i = min(last_i + 1u, p.oh);
    let end_j = min(last_j + 1u, p.ow);
    for (var i = first_window(r, p.kh, p.sh); i < end_i; i++) {
      for (var j = first_window(c, p.kw, p.sw); j < end_j; j++) { sum += routed(m, i, j, here); }
    }
  }
  dx[element] = sum;
}
