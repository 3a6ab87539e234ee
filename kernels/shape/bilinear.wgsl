// Computes y[m, i, j] = the bilinear mean of the four pixels of x[m] around the place where (i, j) lies in x.
//
// x is [maps, h, w] and y is [maps, oh, ow], `count` elements. lines holds for each row of y, then for each column, the
// index l of the line of x at or before it and the bits of the share f of line l + 1; line l has 1 - f. Each element of
// y has a thread. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  h: u32,
  w: u32,
  oh: u32,
  ow: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> lines: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let at = (group.x + group.y * p.row) * 64u + local;
  if (at >= p.count) { return; }
  let line = at / p.ow;
  let vertical = lines[line % p.oh];
  let horizontal = lines[p.oh + at % p.ow];
  let map = line / p.oh * p.h;
  let above = (map + vertical.x) * p.w;
  let below = (map + min(vertical.x + 1u, p.h - 1u)) * p.w;
  let left = horizontal.x;
  let right = min(left + 1u, p.w - 1u);
  let f = bitcast<f32>(horizontal.y);
  let g = bitcast<f32>(vertical.y);
  let upper = (1.0 - f) * x[above + left] + f * x[above + right];
  let lower = (1.0 - f) * x[below + left] + f * x[below + right];
  y[at] = (1.0 - g) * upper + g * lower;
}
