// Computes the gradients of layer norm, where xhat = (x - mean) * invstd and g = gamma * dy:
//   dbeta[i], dgamma[i] = the slices' sums of layer_norm_sums.wgsl, added in order
//   dx[r, i] = invstd * (g[r, i] - mean over k of g[r, k] - xhat[r, i] * mean over k of g[r, k] * xhat[r, k])
//
// x, dy and dx are [rows, length] with `length` items of V; gamma is [length]. partials are [slices, columns] of
// vec2, a column being a number of a row, and then [rows] of (mean, invstd); all workgroups share the columns.
// Each row has a team of LANES threads. The grid is (row, teams of 64 / LANES rows / row, 1) workgroups of 64.
// V is f32 where a row does not divide by 4.
// It is put behind teams.wgsl.

const WIDTH: u32 = 4u;    // A V has so many elements.

struct Params {
  rows: u32,
  row: u32,
  length: u32,
  slices: u32,
  stride: u32,   // All workgroups have so many threads.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read> gamma: array<V>;
@group(0) @binding(4) var<storage, read> partials: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(6) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let number = group.x + group.y * p.row;
  let columns = p.length * WIDTH;
  for (var i = number * 64u + local; i < columns; i += p.stride) {
    var sum = vec2<f32>(0.0);
    for (var s = 0u; s < p.slices; s++) { sum += partials[s * columns + i]; }
    dbeta[i] = sum.x;
    dgamma[i] = sum.y;
  }

  let team = number * (64u / LANES) + local / LANES;
  let lane = local % LANES;
  // Teams beyond the last row come along to the barriers.
  let there = team < p.rows;
  let r = min(team, p.rows - 1u);
  let base = r * p.length;
  let statistics = partials[p.slices * columns + r];
  let mean = statistics.x;
  let invstd = statistics.y;

  var plain = V(0.0);
  var weighted = V(0.0);
  for (var i = lane; i < p.length; i += LANES) {
    let g = dy[base + i] * gamma[i];
    plain += g;
    weighted += g * (x[base + i] - V(mean));
  }
  let share = 1.0 / f32(p.length * WIDTH);
  let level = sum_of_team(local, total(plain)) * share;
  let slope = sum_of_team(local, total(weighted)) * share * invstd * invstd;

  if (!there) { return; }
  for (var i = lane; i < p.length; i += LANES) {
    let g = dy[base + i] * gamma[i];
    dx[base + i] = (g - V(level) - (x[base + i] - V(mean)) * slope) * invstd;
  }
}
