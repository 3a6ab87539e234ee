// Computes dtable[f, r, c] = sum of g[f, i, j] over the i with rows[i] = r and the j with cols[j] = c.
//
// g is [channels, h, w], the gradient of border.wgsl's y summed over the images; places holds h row indices, then w
// column indices. dtable is [channels, table_h, table_w], `count` elements, with a thread for each.
// The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.

struct Params {
  count: u32,
  row: u32,
  h: u32,
  w: u32,
  table_h: u32,
  table_w: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> places: array<u32>;
@group(0) @binding(3) var<storage, read_write> dtable: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.x + group.y * p.row) * 64u + local;
  if (k >= p.count) { return; }
  let c = k % p.table_w;
  let r = (k / p.table_w) % p.table_h;
  let f = k / (p.table_w * p.table_h);
  var sum = 0.0;
  for (var i = 0u; i < p.h; i++) {
    if (places[i] != r) { continue; }
    for (var j = 0u; j < p.w; j++) {
      if (places[p.h + j] == c) { sum += g[(f * p.h + i) * p.w + j]; }
    }
  }
  dtable[k] = sum;
}
