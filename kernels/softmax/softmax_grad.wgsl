// Computes the gradient of softmax from its output: dx[r, i] = y[r, i] * (dy[r, i] - sum over k of dy[r, k] * y[r, k]).
//
// y, dy and dx are [rows, length] with `length` items of V. Each row has a team of LANES threads. The grid is (row,
// teams of 64 / LANES rows / row, 1) workgroups of 64. V is f32 where a row does not divide by 4.
// It is put behind teams.wgsl.

struct Params {
  rows: u32,
  row: u32,
  length: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> y: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read_write> dx: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let team = (group.x + group.y * p.row) * (64u / LANES) + local / LANES;
  let lane = local % LANES;
  // Teams beyond the last row come along to the barriers.
  let there = team < p.rows;
  let base = min(team, p.rows - 1u) * p.length;
  var sum = V(0.0);
  for (var i = lane; i < p.length; i += LANES) { sum += dy[base + i] * y[base + i]; }
  let level = sum_of_team(local, total(sum));
  if (!there) { return; }
  for (var i = lane; i < p.length; i += LANES) { dx[base + i] = y[base + i] * (dy[base + i] - V(level)); }
}
