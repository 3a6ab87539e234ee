// Computes y[m, i, j] = 1/D * sum over (a, b) of x[m, i*sh - top + a, j*sw - left + b], a < kh, b < kw, where taps
// outside the map count 0. D is kh * kw with INCLUDE_PAD = 1, and the number of taps inside the map with INCLUDE_PAD =
// 0.
//
// x is [maps, h, w] and y is [maps, oh, ow]; maps = N * C. Each output has a thread. Every window must meet the map.
// The grid is (row, ceil(count / 64 / row), 1) workgroups of 64, where count = maps * oh * ow.

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
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let index = (group.x + group.y * p.row) * 64u + local;
  if (index >= p.count) { return; }
  let j = index % p.ow;
  let i = (index / p.ow) % p.oh;
  let map = index / (p.ow * p.oh) * p.h * p.w;
  // These are coordinates of the padded map, where windows never start below 0.
  let from_h = max(i * p.sh, p.top);
  let to_h = min(i * p.sh + p.kh, p.h + p.top);
  let from_w = max(j * p.sw, p.left);
  let to_w = min(j * p.sw + p.kw, p.w + p.left);
  var sum = 0.0;
  for (var r = from_h; r < to_h; r++) {
    let line = map + (r - p.top) * p.w;
    for (var c = from_w; c < to_w; c++) { sum += x[line + c - p.left]; }
  }
  var taps = p.kh * p.kw;
  if (INCLUDE_PAD == 0u) { taps = (to_h - from_h) * (to_w - from_w); }
  y[index] = sum / f32(taps);
}
