// Finishes rows of four outputs for a body that has p.m and p.n: + bias + residual, the activation, and stores them. The
// bindings are bias and residual (read; an unused one takes any buffer), and y (read_write). With Y_FOURS, n is a multiple
// of 4. gelu.wgsl or no_gelu.wgsl stands before it.
const Y_FOURS: u32 = 1u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;

fn activated(four: vec4<f32>) -> vec4<f32> {
  var s = four;
  if (ACTIVATION == 1u || ACTIVATION == 2u) { s = select(s, vec4<f32>(), s <= vec4<f32>()); }
  if (ACTIVATION == 2u) { s = select(s, vec4<f32>(6.0), s >= vec4<f32>(6.0)); }
  if (ACTIVATION == 3u) { s = gelu(s); }
  if (ACTIVATION == 4u) { s = gelu_tanh(s); }
  return s;
}

fn finish(sum: f32, n: u32, at: u32) -> f32 {
  var v = sum;
  if (BIAS == 1u) { v += bias[n >> 2u][n & 3u]; }
  if (RESIDUAL == 1u) { v += residual[at >> 2u][at & 3u]; }
  return activated(vec4<f32>(v)).x;
}

fn store_one(n: u32, sum: f32, at: u32) {
  if (n < p.n) { y[at >> 2u][at & 3u] = finish(sum, n, at); }
}

fn store_row(m: u32, n: u32, sum: vec4<f32>, z: u32) {
  if (m >= p.m || n >= p.n) { return; }
  let at = (z * p.m + m) * p.n + n;
  if (Y_FOURS == 1u) {
    var v = sum;
    if (BIAS == 1u) { v += bias[n >> 2u]; }
    if (RESIDUAL == 1u) { v += residual[at >> 2u]; }
    y[at >> 2u] = activated(v);
    return;
  }
  store_one(n, sum.x, at);
  store_one(n + 1u, sum.y, at + 1u);
  store_one(n + 2u, sum.z, at + 2u);
  store_one(n + 3u, sum.w, at + 3u);
}
