// Computes dx[o, m, i] = dy[o, i] / (how many n have x[o, n, i] = y[o, i]) where x[o, m, i] = y[o, i], else 0: the
// gradient of max_middle.wgsl, which equal maxima share evenly.
//
// x and dx are [outer, middle, inner] with `inner` items of V; y and dy are `count` = outer * inner items of V. The
// thread of an item of y counts, then writes its column. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64.
// V is f32 where `inner` does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  middle: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> y: array<V>;
@group(0) @binding(3) var<storage, read> dy: array<V>;
@group(0) @binding(4) var<storage, read_write> dx: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let item = (group.x + group.y * p.row) * 64u + local;
  if (item >= p.count) { return; }
  let first = item / p.inner * p.middle * p.inner + item % p.inner;
  let best = y[item];
  var equal = V(0.0);
  for (var m = 0u; m < p.middle; m++) { equal += select(V(0.0), V(1.0), x[first + m * p.inner] == best); }
  let share = dy[item] / max(equal, V(1.0));
  for (var m = 0u; m < p.middle; m++) {
    let at = first + m * p.inner;
    dx[at] = select(V(0.0), share, x[at] == best);
  }
}
