// Computes the softmax of rows, with the running maximum and sum of one pass (Milakov and Gimelshein, arXiv
// 1805.02867):
//   y[r, i] = exp(x[r, i] - max over k of x[r, k]) / sum over k of exp(x[r, k] - the same)
//
// x and y are [rows, length] with `length` items of V. Each row has a team of LANES threads. The grid is (row, teams of
// 64 / LANES rows / row, 1) workgroups of 64. V is f32 where a row does not divide by 4.
// It is put behind teams.wgsl.

const LOWEST: f32 = -3.0e38;

struct Params {
  rows: u32,
  row: u32,
  length: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

fn largest(v: V) -> f32 { return max(max(v.x, v.y), max(v.z, v.w)); }

// Tells all of a team the largest of its values.
fn max_of_team(local: u32, value: f32) -> f32 {
  if (LANES == 1u) { return value; }
  workgroupBarrier();
  shared_values[local] = value;
  workgroupBarrier();
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    if (local % LANES < step) { shared_values[local] = max(shared_values[local], shared_values[local + step]); }
    workgroupBarrier();
  }
  return shared_values[local / LANES * LANES];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let team = (group.x + group.y * p.row) * (64u / LANES) + local / LANES;
  let lane = local % LANES;
  // Teams beyond the last row come along to the barriers.
  let there = team < p.rows;
  let base = min(team, p.rows - 1u) * p.length;

  var high = V(LOWEST);
  var sum = V(0.0);
  for (var i = lane; i < p.length; i += LANES) {
    let v = x[base + i];
    let higher = max(high, v);
    sum = sum * exp(high - higher) + exp(v - higher);
    high = higher;
  }
  let top = max_of_team(local, largest(high));
  let factor = 1.0 / sum_of_team(local, total(sum * exp(high - V(top))));

  if (!there) { return; }
  for (var i = lane; i < p.length; i += LANES) { y[base + i] = exp(x[base + i] - V(top)) * factor; }
}
