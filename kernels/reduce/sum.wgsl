// Computes out[slice, c] = scale * sum over the slice's part of x[:, c, :].
//
// x is [outer, channels, inner] with `inner` items of V. The outer * inner items of a channel are numbered n * inner +
// i and cut into slices of `per_slice`; partial sums of several slices are summed by a second run with x = [slices,
// channels, 1].
// This one kernel sums bias gradients (per channel), rows (outer = 1), columns (inner = 1) and everything (channels =
// 1).
//
// LANES threads (1, 8 or 64) share a channel; a workgroup of 64 makes 64 / LANES channels of one slice. The order is
// fixed, so the sum is deterministic. The grid is (row, ceil(channels * LANES / 64 / row), slices) workgroups. V is f32
// where `inner` does not divide by 4.

alias V = vec4<f32>;
const LANES: u32 = 64u;

struct Params {
  channels: u32,
  inner: u32,
  items: u32,      // It is outer * inner.
  per_slice: u32,
  step_n: u32,     // A thread strides by LANES / inner of n.
  step_i: u32,     // A thread strides by LANES % inner of i.
  row: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

var<workgroup> shared_sums: array<f32, 64>;

fn total(v: V) -> f32 { return (v.x + v.y) + (v.z + v.w); }

// Gives a thread's sum over items first, first + LANES, … < end of channel c.
fn strided_sum(c: u32, first: u32, end: u32) -> f32 {
  var n = first / p.inner;
  var i = first % p.inner;
  var sum = V(0.0);
  for (var item = first; item < end; item += LANES) {
    sum += x[(n * p.channels + c) * p.inner + i];
    n += p.step_n;
    i += p.step_i;
    if (i >= p.inner) {
      i -= p.inner;
      n += 1u;
    }
  }
  return total(sum);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let lane = local % LANES;
  let c = (group.x + group.y * p.row) * (64u / LANES) + local / LANES;
  let start = group.z * p.per_slice;
  var sum = 0.0;
  if (c < p.channels) { sum = strided_sum(c, start + lane, min(start + p.per_slice, p.items)); }
  if (LANES > 1u) {
    shared_sums[local] = sum;
    workgroupBarrier();
    if (local % 8u == 0u) {
      sum = ((shared_sums[local] + shared_sums[local + 1u]) + (shared_sums[local + 2u] + shared_sums[local + 3u])) +
        ((shared_sums[local + 4u] + shared_sums[local + 5u]) + (shared_sums[local + 6u] + shared_sums[local + 7u]));
      shared_sums[local] = sum;
    }
    workgroupBarrier();
    if (LANES == 64u && local == 0u) {
      sum = ((shared_sums[0] + shared_sums[8]) + (shared_sums[16] + shared_sums[24])) +
        ((shared_sums[32] + shared_sums[40]) + (shared_sums[48] + shared_sums[56]));
    }
  }
  if (lane == 0u && c < p.channels) { out[group.z * p.channels + c] = p.scale * sum; }
}
