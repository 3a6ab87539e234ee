// Computes the sums of group norm's gradients over one map, where xhat = (x - mean) * invstd:
//   partials[n, c] = (sum over i of dy[n, c, i], sum over i of dy[n, c, i] * xhat[n, c, i], mean, invstd)
//
// x and dy are [rows, inner] with `inner` items of V and a row r = n * channels + c; statistics holds (mean, invstd) of
// each group, whose `span` rows lie together; partials are [N, channels] of vec4. group_norm_grad.wgsl adds them
// over n to the gradients of beta and gamma. Each row has a team of LANES threads. The grid is (row, teams of 64 /
// LANES rows / row, 1) workgroups of 64.
// V is f32 where a map does not divide by 4.
// It is put behind teams.wgsl.

struct Params {
  rows: u32,
  row: u32,
  span: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> partials: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let team = (group.x + group.y * p.row) * (64u / LANES) + local / LANES;
  let lane = local % LANES;
  // Teams beyond the last row come along to the barriers.
  let r = min(team, p.rows - 1u);
  let base = r * p.inner;
  let mean = statistics[r / p.span].x;
  let invstd = statistics[r / p.span].y;
  var plain = V(0.0);
  var weighted = V(0.0);
  for (var i = lane; i < p.inner; i += LANES) {
    let g = dy[base + i];
    plain += g;
    weighted += g * (x[base + i] - V(mean));
  }
  let first = sum_of_team(local, total(plain));
  let second = sum_of_team(local, total(weighted)) * invstd;
  if (team < p.rows && lane == 0u) { partials[r] = vec4<f32>(first, second, mean, invstd); }
}
