// Computes the gradient of batch norm, where xhat = (x - mean) * invstd and m = elements per channel:
//   BATCH = 1 (batch statistics):    dx = gamma * invstd * (dy - dbeta / m - xhat * dgamma / m)
//   BATCH = 0 (running statistics):  dx = gamma * invstd * dy
// With ACTIVATION = 1 it is the gradient of the norm's positive part, and with 2 of that up to 6: where the norm's
// output, made again from x, is beyond, dy counts as 0.
//
// x, dy and dx are `count` items of V, laid out [outer, channels, inner]; statistics holds mean, then invstd.
// A workgroup of 64 threads makes 256 neighbouring items. The grid is (row, ceil(count / 256 / row), 1) workgroups.
// V is f32 where a map's size does not divide by 4.

alias V = vec4<f32>;
const BATCH: u32 = 1u;
const ACTIVATION: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  channels: u32,
  inner: u32,
  share: f32,   // It is 1 / m.
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read> statistics: array<f32>;
@group(0) @binding(4) var<storage, read> gamma: array<f32>;
@group(0) @binding(5) var<storage, read> beta: array<f32>;
@group(0) @binding(6) var<storage, read> dgamma: array<f32>;
@group(0) @binding(7) var<storage, read> dbeta: array<f32>;
@group(0) @binding(8) var<storage, read_write> dx: array<V>;

fn item(i: u32) {
  if (i >= p.count) { return; }
  let c = (i / p.inner) % p.channels;
  let invstd = statistics[p.channels + c];
  let factor = gamma[c] * invstd;
  var centred = V(0.0);
  if (BATCH == 1u || ACTIVATION > 0u) { centred = x[i] - V(statistics[c]); }
  var g = dy[i];
  if (ACTIVATION > 0u) {
    let made = centred * factor + V(beta[c]);
    g = select(g, V(0.0), made <= V(0.0));
    if (ACTIVATION == 2u) { g = select(g, V(0.0), made >= V(6.0)); }
  }
  if (BATCH == 1u) {
    let slope = invstd * dgamma[c] * p.share;
    g -= V(dbeta[c] * p.share) + centred * slope;
  }
  dx[i] = g * factor;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let i = (group.x + group.y * p.row) * 256u + local;
  item(i);
  item(i + 64u);
  item(i + 128u);
  item(i + 192u);
}
