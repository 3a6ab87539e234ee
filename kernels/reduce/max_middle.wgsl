// Computes y[o, i] = max over m of x[o, m, i].
//
// x is [outer, middle, inner] with `inner` items of V; y is `count` = outer * inner items of V. Each item of y has a
// thread. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64. V is f32 where `inner` does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  middle: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let item = (group.x + group.y * p.row) * 64u + local;
  if (item >= p.count) { return; }
  let first = item / p.inner * p.middle * p.inner + item % p.inner;
  var best = x[first];
  for (var m = 1u; m < p.middle; m++) {
    let v = x[first + m * p.inner];
    best = select(best, v, v > best);
  }
  y[item] = best;
}
