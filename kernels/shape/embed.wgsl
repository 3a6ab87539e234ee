// Computes y[n, c0 + c*sc, h0 + h*sh, w0 + w*sw] = x[n, c, h, w], and `value` everywhere else: padding, and the
// gradient of slice.wgsl.
//
// x is [N, in_c, in_h, in_w] and y is [N, c, h, w], `count` elements. Each element of y has a thread, which looks where
// it comes from. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  c: u32,
  h: u32,
  w: u32,
  in_c: u32,
  in_h: u32,
  in_w: u32,
  c0: u32,
  h0: u32,
  w0: u32,
  sc: u32,
  sh: u32,
  sw: u32,
  value: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Gives the source of coordinate `at` along an axis; 0xffffffff where it has none.
fn origin(at: u32, first: u32, step: u32, length: u32) -> u32 {
  if (at < first) { return 0xffffffffu; }
  let k = (at - first) / step;
  return select(0xffffffffu, k, k < length && k * step == at - first);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.count) { return; }
  let w = origin(i % p.w, p.w0, p.sw, p.in_w);
  let h = origin((i / p.w) % p.h, p.h0, p.sh, p.in_h);
  let c = origin((i / (p.w * p.h)) % p.c, p.c0, p.sc, p.in_c);
  let n = i / (p.w * p.h * p.c);
  var v = p.value;
  if (max(w, max(h, c)) != 0xffffffffu) { v = x[((n * p.in_c + c) * p.in_h + h) * p.in_w + w]; }
  y[i] = v;
}
