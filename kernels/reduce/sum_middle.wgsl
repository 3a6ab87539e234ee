// Computes out[o, i] = scale * sum over m of x[o, m, i].
//
// x is [outer, middle, inner] with `inner` items of V; out is `count` = outer * inner items of V. The thread of an item
// of `out` adds four running sums, then those, which is a fixed order. The grid is (row, ceil(count / 64 / row), 1)
// workgroups of 64.
// V is f32 where `inner` does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  middle: u32,
  inner: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> out: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let item = (group.x + group.y * p.row) * 64u + local;
  if (item >= p.count) { return; }
  var at = item / p.inner * p.middle * p.inner + item % p.inner;
  var a = V(0.0);
  var b = V(0.0);
  var c = V(0.0);
  var d = V(0.0);
  var m = 0u;
  for (; m + 3u < p.middle; m += 4u) {
    a += x[at];
    b += x[at + p.inner];
    c += x[at + 2u * p.inner];
    d += x[at + 3u * p.inner];
    at += 4u * p.inner;
  }
  for (; m < p.middle; m += 1u) {
    a += x[at];
    at += p.inner;
  }
  out[item] = p.scale * ((a + b) + (c + d));
}
