// Computes dx[n, c, i] = sum over the j with indices[j] = c, in their order, of dy[n, j, i].
//
// dx is [N, channels, inner] and dy is [N, out_channels, inner], `count` items of V. inverse holds channels + 1 offsets
// into itself, then the j's: those of c stand at inverse[c] … inverse[c + 1] - 1. A thread per item of dx gathers, so
// equal indices need no atomics. The grid is (row, ceil(count / 64 / row), 1) workgroups of 64. V is f32 where a map's
// size does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  channels: u32,
  out_channels: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<V>;
@group(0) @binding(2) var<storage, read> inverse: array<u32>;
@group(0) @binding(3) var<storage, read_write> dx: array<V>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.x + group.y * p.row) * 64u + local;
  if (k >= p.count) { return; }
  let map = k / p.inner;
  let n = map / p.channels;
  let c = map % p.channels;
  let end = inverse[c + 1u];
  var sum = V(0.0);
  for (var at = inverse[c]; at < end; at++) { sum += dy[(n * p.out_channels + inverse[at]) * p.inner + k % p.inner]; }
  dx[k] = sum;
}
