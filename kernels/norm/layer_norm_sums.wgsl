// Computes the sums of the gradients of layer norm's gamma and beta over a slice of the rows, where xhat = (x - mean) *
// invstd:
//   partials[s, i] = (sum over r of dy[r, i], sum over r of dy[r, i] * xhat[r, i])
//
// x and dy are [rows, length] floats; statistics are [rows] of (mean, invstd); partials are [slices, length] of vec2, and
// then the statistics once more, so that layer_norm_grad.wgsl, which adds the slices up, has a binding to spare. Each
// column and slice of `per_slice` rows has a thread.
// The grid is (ceil(length / 64), slices, 1) workgroups of 64.

struct Params {
  rows: u32,
  length: u32,
  per_slice: u32,
  first: u32,      // The statistics begin here: it is slices * length.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> partials: array<vec2<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = group.x * 64u + local;
  let start = group.y * p.per_slice;
  let end = min(start + p.per_slice, p.rows);
  if (group.x == 0u) {
    for (var r = start + local; r < end; r += 64u) { partials[p.first + r] = statistics[r]; }
  }
  if (i >= p.length) { return; }
  var plain = 0.0;
  var weighted = 0.0;
  for (var r = start; r < end; r++) {
    let row = statistics[r];
    let g = dy[r * p.length + i];
    plain += g;
    weighted += g * ((x[r * p.length + i] - row.x) * row.y);
  }
  partials[group.y * p.length + i] = vec2<f32>(plain, weighted);
}
