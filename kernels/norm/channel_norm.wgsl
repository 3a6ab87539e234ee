// Computes a layer norm over the channels of each pixel, as they lie in images (never E[x^2] - mean^2):
//   y[n, c, i] = (x[n, c, i] - mean) * invstd * gamma[c] + beta[c],  mean over c,
//   invstd = 1 / sqrt(mean over c of (x - mean)^2 + epsilon)
//
// x and y are [outer, channels, inner] with `inner` items of V, neighbouring pixels; gamma and beta are [channels]. Each of
// the outer * inner items has a team of LANES threads, which share its channels; neighbouring threads read neighbouring
// items. The grid is (row, items of 64 / LANES / row, 1) workgroups of 64. V is f32 where `inner` does not divide by 4.

alias V = vec4<f32>;
const LANES: u32 = 64u;

struct Params {
  items: u32,
  row: u32,
  channels: u32,
  inner: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<V>;

const TEAMS: u32 = 64u / LANES;
var<workgroup> shared_values: array<V, 64>;

// Tells all of a team the sum of its values.
fn sum_of_team(local: u32, value: V) -> V {
  if (LANES == 1u) { return value; }
  workgroupBarrier();
  shared_values[local] = value;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (local / TEAMS < step) { shared_values[local] += shared_values[local + step * TEAMS]; }
    workgroupBarrier();
  }
  return shared_values[local % TEAMS];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let team = (group.x + group.y * p.row) * TEAMS + local % TEAMS;
  let lane = local / TEAMS;
  // Teams beyond the last item come along to the barriers.
  let there = team < p.items;
  let item = min(team, p.items - 1u);
  let base = item / p.inner * p.channels * p.inner + item % p.inner;
  let share = 1.0 / f32(p.channels);

  var sum = V(0.0);
  for (var c = lane; c < p.channels; c += LANES) { sum += x[base + c * p.inner]; }
  let mean = sum_of_team(local, sum) * share;

  var squares = V(0.0);
  for (var c = lane; c < p.channels; c += LANES) {
    let d = x[base + c * p.inner] - mean;
    squares += d * d;
  }
  let invstd = V(1.0) / sqrt(sum_of_team(local, squares) * share + V(p.epsilon));

  if (!there) { return; }
  for (var c = lane; c < p.channels; c += LANES) {
    y[base + c * p.inner] = (x[base + c * p.inner] - mean) * invstd * gamma[c] + V(beta[c]);
  }
}
