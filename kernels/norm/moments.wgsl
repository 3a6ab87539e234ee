// Computes the mean and the sum of squared deviations of a slice of a channel (never E[x^2] - mean^2):
//   partial[s, c] = (m, sum of (x - m)^2),  m = mean of the slice
// x is read once: each part of a thread's V keeps its own moments (Welford 1962), which are put together at the end.
//
// x is [outer, channels, inner] with `inner` items of V. The outer * inner items of a channel are numbered n * inner +
// i and cut into slices of `per_slice`; batch_norm.wgsl puts them together. partial is [slices, channels] of vec2.
// Each slice and channel has a workgroup of 64 threads. The grid is (channels, slices, 1). V is f32 where `inner` does
// not divide by 4.

alias V = vec4<f32>;
const WIDTH: u32 = 4u;   // A V has so many elements.

struct Params {
  channels: u32,
  inner: u32,
  items: u32,      // It is outer * inner.
  per_slice: u32,
  step_n: u32,     // A thread strides by 8 / inner of n.
  step_i: u32,     // A thread strides by 8 % inner of i.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec2<f32>>;

var<workgroup> shared_sums: array<f32, 64>;

fn total(v: V) -> f32 { return (v.x + v.y) + (v.z + v.w); }

// Tells all threads the sum of their values.
fn sum_of_group(local: u32, value: f32) -> f32 {
  workgroupBarrier();
  shared_sums[local] = value;
  workgroupBarrier();
  if (local % 8u == 0u) {
    shared_sums[local] = ((shared_sums[local] + shared_sums[local + 1u]) + (shared_sums[local + 2u] + shared_sums[local + 3u])) +
      ((shared_sums[local + 4u] + shared_sums[local + 5u]) + (shared_sums[local + 6u] + shared_sums[local + 7u]));
  }
  workgroupBarrier();
  return ((shared_sums[0] + shared_sums[8]) + (shared_sums[16] + shared_sums[24])) +
    ((shared_sums[32] + shared_sums[40]) + (shared_sums[48] + shared_sums[56]));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let c = group.x;
  let start = group.y * p.per_slice;
  // Eight neighbours share a run of the slice: a processor, which takes them one after another, keeps it in its cache.
  let run = (p.per_slice + 63u) / 64u * 8u;
  let first = min(start + local / 8u * run, p.items) + local % 8u;
  let end = min(min(start + (local / 8u + 1u) * run, start + p.per_slice), p.items);
  var n = first / p.inner;
  var i = first % p.inner;
  var count = 0.0;
  var mean = V(0.0);
  var squares = V(0.0);
  for (var item = first; item < end; item += 8u) {
    let v = x[(n * p.channels + c) * p.inner + i];
    let d = v - mean;
    count += 1.0;
    mean += d / count;
    squares += d * (v - mean);
    n += p.step_n;
    i += p.step_i;
    if (i >= p.inner) {
      i -= p.inner;
      n += 1u;
    }
  }
  let m = sum_of_group(local, count * total(mean)) / f32((min(start + p.per_slice, p.items) - start) * WIDTH);
  let e = mean - V(m);
  let deviation = sum_of_group(local, total(squares) + count * total(e * e));
  if (local == 0u) { partials[group.y * p.channels + c] = vec2<f32>(m, deviation); }
}
