// Computes index[m, i, j] = r * w + c of the first maximum, in row-major order, of window (i, j) of map m: the first
// half of max pooling's gradient. It is made anew in the backward pass, so that nothing is kept between the passes.
//
// x is [maps, h, w] and index is [maps, oh, ow]; windows are as in max.wgsl. Each output has a thread.
// The grid is (row, ceil(count / 64 / row), 1) workgroups of 64, where count = maps * oh * ow.

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
@group(0) @binding(2) var<storage, read_write> index: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let output = (group.x + group.y * p.row) * 64u + local;
  if (output >= p.count) { return; }
  let j = output % p.ow;
  let i = (output / p.ow) % p.oh;
  let map = output / (p.ow * p.oh) * p.h * p.w;
  // These are coordinates of the padded map, where windows never start below 0.
  let from_h = max(i * p.sh, p.top);
  let to_h = min(i * p.sh + p.kh, p.h + p.top);
  let from_w = max(j * p.sw, p.left);
  let to_w = min(j * p.sw + p.kw, p.w + p.left);
  var best = x[map + (from_h - p.top) * p.w + from_w - p.left];
  var at = (from_h - p.top) * p.w + from_w - p.left;
  for (var r = from_h; r < to_h; r++) {
    let line = (r - p.top) * p.w;
    for (var c = from_w; c < to_w; c++) {
      let here = line + c - p.left;
      let v = x[map + here];
      at = select(at, here, v > best);
      best = max(best, v);
    }
  }
  index[output] = at;
}
