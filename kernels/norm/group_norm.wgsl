// Computes group norm in two passes (never E[x^2] - mean^2), where a row r = n * groups + g is the `span` channels of
// group g:
//   y[n, c, i] = (x[n, c, i] - mean[r]) * invstd[r] * gamma[c] + beta[c],
//   mean over the row,  invstd = 1 / sqrt(mean of (x - mean)^2 + epsilon)
//
// x and y are [N, channels, inner] with `inner` items of V; gamma and beta are [channels]; statistics are [rows] of
// (mean, invstd), for the gradient. Each row has a team of LANES threads. The grid is (row, teams of 64 / LANES rows /
// row, 1) workgroups of 64.
// V is f32 where a map does not divide by 4.
// It is put behind teams.wgsl.

const WIDTH: u32 = 4u;    // A V has so many elements.

struct Params {
  rows: u32,
  row: u32,
  groups: u32,
  span: u32,     // A group has so many channels.
  inner: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> statistics: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let team = (group.x + group.y * p.row) * (64u / LANES) + local / LANES;
  let lane = local % LANES;
  // Teams beyond the last row come along to the barriers.
  let there = team < p.rows;
  let r = min(team, p.rows - 1u);
  let length = p.span * p.inner;
  let base = r * length;
  let share = 1.0 / f32(length * WIDTH);

  var sum = V(0.0);
  for (var i = lane; i < length; i += LANES) { sum += x[base + i]; }
  let mean = sum_of_team(local, total(sum)) * share;

  var squares = V(0.0);
  for (var i = lane; i < length; i += LANES) {
    let d = x[base + i] - V(mean);
    squares += d * d;
  }
  let invstd = 1.0 / sqrt(sum_of_team(local, total(squares)) * share + p.epsilon);

  if (!there) { return; }
  if (lane == 0u) { statistics[r] = vec2<f32>(mean, invstd); }
  let first = r % p.groups * p.span;
  for (var i = lane; i < length; i += LANES) {
    let c = first + i / p.inner;
    y[base + i] = (x[base + i] - V(mean)) * (invstd * gamma[c]) + V(beta[c]);
  }
}
