// dx[m, r, c] = sum of dy[m, i, j] over the windows (i, j) whose first maximum, in row-major order, stands at (r, c).
//
// x, dx: [maps, h, w]; y, dy: [maps, oh, ow]; windows as in max.wgsl. A thread per element of dx gathers, so the order is fixed.
// No indices are stored: an element that equals its window's maximum looks for an equal one before it.
// Grid: (row, ceil(count / 64 / row), 1) workgroups of 64, count = maps * h * w.

struct Params {
  count: u32,   // elements to make
  row: u32,
  h: u32,
  w: u32,
  oh: u32,
  ow: u32,
  kh: u32,
  kw: u32,
  sh: u32,
  sw: u32,
  top: u32,     // padding before the first row and column
  left: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// Is there a value of `best` in window (i, j) before (r, c) of the padded map?
fn seen_before(map: u32, i: u32, j: u32, r: u32, c: u32, best: f32) -> bool {
  let from_w = max(j * p.sw, p.left);
  let to_w = min(j * p.sw + p.kw, p.w + p.left);
  for (var a = max(i * p.sh, p.top); a <= r; a++) {
    let line = map + (a - p.top) * p.w;
    for (var b = from_w; b < to_w; b++) {
      if (a == r && b >= c) { break; }
      if (x[line + b - p.left] == best) { return true; }
    }
  }
  return false;
}

// The first window that reaches `at` (padded coordinate), for windows of `size` every `stride`.
fn first_window(at: u32, size: u32, stride: u32) -> u32 {
  return select(0u, (at + stride - size) / stride, at >= size);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let index = (group.x + group.y * p.row) * 64u + local;
  if (index >= p.count) { return; }
  let c = index % p.w + p.left;
  let r = (index / p.w) % p.h + p.top;
  let m = index / (p.w * p.h);
  let value = x[index];
  let end_i = min(r / p.sh + 1u, p.oh);
  let end_j = min(c / p.sw + 1u, p.ow);
  var sum = 0.0;
  for (var i = first_window(r, p.kh, p.sh); i < end_i; i++) {
    for (var j = first_window(c, p.kw, p.sw); j < end_j; j++) {
      let o = (m * p.oh + i) * p.ow + j;
      if (y[o] == value && !seen_before(m * p.h * p.w, i, j, r, c, value)) { sum += dy[o]; }
    }
  }
  dx[index] = sum;
}
