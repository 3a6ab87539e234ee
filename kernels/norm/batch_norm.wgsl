// Computes y[n, c, i] = (x[n, c, i] - mean[c]) * (gamma[c] * invstd[c]) + beta[c], which then goes through the function
// of ACTIVATION:
// 0 changes nothing, 1 takes the positive part, and 2 takes the positive part up to 6.
//
// x and y are `count` items of V, laid out [outer, channels, inner] with `inner` items of V per map; statistics holds
// mean [channels], then invstd [channels]. A workgroup of 64 threads makes 256 neighbouring items.
// The grid is (row, ceil(count / 256 / row), 1) workgroups. V is f32 where a map's size does not divide by 4.

alias V = vec4<f32>;
const ACTIVATION: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  channels: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i >= p.count) { return; }
  let c = (i / p.inner) % p.channels;
  var v = (x[i] - V(statistics[c])) * (gamma[c] * statistics[p.channels + c]) + V(beta[c]);
  if (ACTIVATION > 0u) { v = select(v, V(0.0), v <= V(0.0)); }
  if (ACTIVATION == 2u) { v = select(v, V(6.0), v >= V(6.0)); }
  y[i] = v;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 256u + local;
  item(i);
  item(i + 64u);
  item(i + 128u);
  item(i + 192u);
}
