// y[i] = act(sum_s partial[s*size + i] + bias[i / per % biases] + residual[i]), i < size, in the order of s.
// `per` consecutive elements share a bias. Bindings: partial, bias, residual read (an unused one takes any buffer),
// y read_write. Grid: one thread per element, rows of `row` threads.
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params { size: u32, row: u32, splits: u32, per: u32, biases: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.size) { return; }
  var v = 0.0;
  for (var s = 0u; s < p.splits; s++) { v += partial[s * p.size + i]; }
  if (BIAS == 1u) { v += bias[i / p.per % p.biases]; }
  if (RESIDUAL == 1u) { v += residual[i]; }
  if (ACTIVATION >= 1u) { v = max(v, 0.0); }
  if (ACTIVATION == 2u) { v = min(v, 6.0); }
  y[i] = v;
}
