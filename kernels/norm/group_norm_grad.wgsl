// Computes the gradients of group norm, where xhat = (x - mean) * invstd, m counts the elements of a group, and sums go
// over the group:
//   dbeta[c], dgamma[c] = the maps' sums of group_norm_sums.wgsl, added over n in order
//   dx = invstd * (gamma * dy - (sum of gamma * dy) / m - xhat * (sum of gamma * dy * xhat) / m)
//
// x, dy and dx are [N, channels, inner] with `inner` items of V, a row r = n * groups + g being the `span` channels of
// group g; gamma is [channels]; partials are [N, channels] of (sum of dy, sum of dy * xhat) over a map and its group's
// (mean, invstd), from group_norm_sums.wgsl; all workgroups share the channels. Each row has a team of LANES threads.
// The grid is (row, teams of 64 / LANES rows / row, 1) workgroups of 64. V is f32 where a map does not divide by 4.
// It is put behind teams.wgsl.

const WIDTH: u32 = 4u;    // A V has so many elements.

struct Params {
  rows: u32,
  row: u32,
  groups: u32,
  span: u32,     // A group has so many channels.
  inner: u32,
  batch: u32,    // It is N.
  stride: u32,   // All workgroups have so many threads.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(6) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let number = group.x + group.y * p.row;
  let channels = p.groups * p.span;
  for (var c = number * 64u + local; c < channels; c += p.stride) {
    var sum = vec2<f32>(0.0);
    for (var n = 0u; n < p.batch; n++) { sum += partials[n * channels + c].xy; }
    dbeta[c] = sum.x;
    dgamma[c] = sum.y;
  }

  let team = number * (64u / LANES) + local / LANES;
  let lane = local % LANES;
  // Teams beyond the last row come along to the barriers.
  let there = team < p.rows;
  let r = min(team, p.rows - 1u);
  let length = p.span * p.inner;
  let base = r * length;
  let statistics = partials[r * p.span].zw;
  let mean = statistics.x;
  let invstd = statistics.y;
  let first = r % p.groups * p.span;

  var sums = vec2<f32>(0.0);
  for (var j = lane; j < p.span; j += LANES) { sums += gamma[first + j] * partials[r * p.span + j].xy; }
  let share = 1.0 / f32(length * WIDTH);
  let level = sum_of_team(local, sums.x) * share;
  let slope = sum_of_team(local, sums.y) * share * invstd;

  if (!there) { return; }
  for (var i = lane; i < length; i += LANES) {
    let g = dy[base + i] * gamma[first + i / p.inner];
    dx[base + i] = (g - V(level) - (x[base + i] - V(mean)) * slope) * invstd;
  }
}
