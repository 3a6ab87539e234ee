// Computes dx[m, r, c] = sum of dy[m, i, j] times the share that x[m, r, c] has in y[m, i, j]: the gradient of
// bilinear.wgsl.
//
// dy is [maps, oh, ow] and dx is [maps, h, w], `count` elements. lines is as in bilinear.wgsl. spans holds for each row
// of x, then for each column, the first line of y in which it has a share, and the one behind the last. A thread per
// element of dx gathers, so the order is fixed. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  h: u32,
  w: u32,
  oh: u32,
  ow: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> lines: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> spans: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// Gives the share of line `wanted` in a line of y.
fn share(line: vec2<u32>, wanted: u32) -> f32 {
  let f = bitcast<f32>(line.y);
  return select(f, 1.0 - f, line.x == wanted);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let at = (group.x + group.y * p.row) * 64u + local;
  if (at >= p.count) { return; }
  let c = at % p.w;
  let r = at / p.w % p.h;
  let map = at / p.w / p.h * p.oh;
  let rows = spans[r];
  let columns = spans[p.h + c];
  var sum = 0.0;
  for (var i = rows.x; i < rows.y; i++) {
    var along = 0.0;
    for (var j = columns.x; j < columns.y; j++) { along += share(lines[p.oh + j], c) * dy[(map + i) * p.ow + j]; }
    sum += share(lines[i], r) * along;
  }
  dx[at] = sum;
}
