// Computes y[i0, i1, i2, i3, i4] = x[i0 * t0 + i1 * t1 + i2 * t2 + i3 * t3 + i4 * t4]: the axes in another order, where
// t are x's strides.
//
// y is [.., n1, n2, n3, n4], `count` items of V; n4 and the strides count items of V too. Each item of y has a thread.
// The grid is (row, ceil(count / 64 / row), 1) workgroups of 64. V is f32 unless the last axis stays the last and
// divides by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  n1: u32,
  n2: u32,
  n3: u32,
  n4: u32,
  t0: u32,
  t1: u32,
  t2: u32,
  t3: u32,
  t4: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 64u + local;
  if (i >= p.count) { return; }
  let i4 = i % p.n4;
  let i3 = (i / p.n4) % p.n3;
  let i2 = (i / (p.n4 * p.n3)) % p.n2;
  let i1 = (i / (p.n4 * p.n3 * p.n2)) % p.n1;
  let i0 = i / (p.n4 * p.n3 * p.n2 * p.n1);
  y[i] = x[i0 * p.t0 + i1 * p.t1 + i2 * p.t2 + i3 * p.t3 + i4 * p.t4];
}
