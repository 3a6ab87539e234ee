// Computes y[n, c, h, w] = x[n, c0 + c*sc, h0 + h*sh, w0 + w*sw].
//
// x is [N, in_c, in_h, in_w] and y is [N, c, h, w], `count` elements. Each element of y has a thread.
// The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

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
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.count) { return; }
  let w = i % p.w;
  let h = (i / p.w) % p.h;
  let c = (i / (p.w * p.h)) % p.c;
  let n = i / (p.w * p.h * p.c);
  y[i] = x[((n * p.in_c + p.c0 + c * p.sc) * p.in_h + p.h0 + h * p.sh) * p.in_w + p.w0 + w * p.sw];
}
