// Computes y[i] = act(sum_s partial[s*part + at(i)] + bias[i / per % biases] + residual[i]), i < size, in the order of
// s.
// A part lies as y does (at(i) = i), or with PADDED in rows of `row` numbers, `stride` apart, with a bias for each
// column. `per` consecutive elements share a bias.
// The bindings are partial, bias and residual (read; an unused one takes any buffer), and y (read_write).
// gelu.wgsl or no_gelu.wgsl stands before it.
// The grid has one thread per element, in rows of `row` threads (with PADDED each y and z of the grid has
// a row of y).
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;
const PADDED: u32 = 0u;

struct Params { size: u32, row: u32, splits: u32, per: u32, biases: u32, part: u32, stride: u32, layers: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let line = gid.y + gid.z * p.layers;
  let i = gid.x + line * p.row;
  if (i >= p.size) { return; }
  var at = i;
  if (PADDED == 1u) {
    if (gid.x >= p.row) { return; }
    at = gid.x + line * p.stride;
  }
  var v = 0.0;
  for (var s = 0u; s < p.splits; s++) { v += partial[s * p.part + at]; }
  if (BIAS == 1u) {
    if (PADDED == 1u) { v += bias[gid.x]; } else { v += bias[i / p.per % p.biases]; }
  }
  if (RESIDUAL == 1u) { v += residual[i]; }
  if (ACTIVATION == 1u || ACTIVATION == 2u) { v = select(v, 0.0, v <= 0.0); }
  if (ACTIVATION == 2u) { v = select(v, 6.0, v >= 6.0); }
  if (ACTIVATION == 3u) { v = gelu(V(v)).x; }
  if (ACTIVATION == 4u) { v = gelu_tanh(V(v)).x; }
  y[i] = v;
}
