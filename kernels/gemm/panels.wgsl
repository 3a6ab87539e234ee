// Computes Y[m,n] = act(sum_k A(m,k) B(n,k) + bias[n] + residual[m,n]), f32, for up to 256 x 256 of Y and 256 of k,
// with A and B packed by pack.wgsl and read through uniform bindings: four blocks of 64 k each, a0..a3 and b0..b3 (in
// vec4). Software adapters read a uniform array several times faster than storage.
//
// A thread makes 8 x 8 outputs in named accumulators (cij is row i, columns 4j..4j+3), all terms of one in the order of
// k. With ADD, Y holds the sum over the k before these. BIAS, RESIDUAL and ACTIVATION come only with the last of k.
//
// The bindings are a0..a3 and b0..b3 (uniform; one beyond k takes any block), bias and residual (read; an unused one
// takes any buffer), and y [.., n] (read_write). The grid has one thread per 8 x 8 tile from (m0,n0) up to (m,n),
// tile_n fastest.
const ADD: u32 = 0u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params { m0: u32, n0: u32, m: u32, n: u32, stride: u32, k: u32, tiles_m: u32, tiles_n: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<uniform> a0: array<vec4<f32>, 4096>;
@group(0) @binding(2) var<uniform> a1: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<uniform> a2: array<vec4<f32>, 4096>;
@group(0) @binding(4) var<uniform> a3: array<vec4<f32>, 4096>;
@group(0) @binding(5) var<uniform> b0: array<vec4<f32>, 4096>;
@group(0) @binding(6) var<uniform> b1: array<vec4<f32>, 4096>;
@group(0) @binding(7) var<uniform> b2: array<vec4<f32>, 4096>;
@group(0) @binding(8) var<uniform> b3: array<vec4<f32>, 4096>;
@group(0) @binding(9) var<storage, read> bias: array<f32>;
@group(0) @binding(10) var<storage, read> residual: array<f32>;
@group(0) @binding(11) var<storage, read_write> y: array<f32>;

fn store(m: u32, n: u32, sum: f32) {
  if (m >= p.m || n >= p.n) { return; }
  let at = m * p.stride + n;
  var v = sum;
  if (ADD == 1u) { v += y[at]; }
  if (BIAS == 1u) { v += bias[n]; }
  if (RESIDUAL == 1u) { v += residual[at]; }
  if (ACTIVATION >= 1u) { v = select(v, 0.0, v <= 0.0); }
  if (ACTIVATION == 2u) { v = select(v, 6.0, v >= 6.0); }
  y[at] = v;
}

fn store_row(m: u32, n: u32, c0: vec4<f32>, c1: vec4<f32>) {
  store(m, n, c0.x);
  store(m, n + 1u, c0.y);
  store(m, n + 2u, c0.z);
  store(m, n + 3u, c0.w);
  store(m, n + 4u, c1.x);
  store(m, n + 5u, c1.y);
  store(m, n + 6u, c1.z);
  store(m, n + 7u, c1.w);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  if (gid.x >= p.tiles_m * p.tiles_n) { return; }
  let tile_m = gid.x / p.tiles_n;
  let tile_n = gid.x % p.tiles_n;
  var c00 = vec4<f32>();
  var c01 = vec4<f32>();
  var c10 = vec4<f32>();
  var c11 = vec4<f32>();
  var c20 = vec4<f32>();
  var c21 = vec4<f32>();
  var c30 = vec4<f32>();
  var c31 = vec4<f32>();
  var c40 = vec4<f32>();
  var c41 = vec4<f32>();
  var c50 = vec4<f32>();
  var c51 = vec4<f32>();
  var c60 = vec4<f32>();
  var c61 = vec4<f32>();
  var c70 = vec4<f32>();
  var c71 = vec4<f32>();
  for (var k = 0u; k < min(p.k, 64u); k++) {
    let i = k * 64u + tile_m * 2u;
    let j = k * 64u + tile_n * 2u;
    let u = a0[i];
    let v = a0[i + 1u];
    let s = b0[j];
    let t = b0[j + 1u];
    c00 = fma(vec4<f32>(u.x), s, c00);
    c01 = fma(vec4<f32>(u.x), t, c01);
    c10 = fma(vec4<f32>(u.y), s, c10);
    c11 = fma(vec4<f32>(u.y), t, c11);
    c20 = fma(vec4<f32>(u.z), s, c20);
    c21 = fma(vec4<f32>(u.z), t, c21);
    c30 = fma(vec4<f32>(u.w), s, c30);
    c31 = fma(vec4<f32>(u.w), t, c31);
    c40 = fma(vec4<f32>(v.x), s, c40);
    c41 = fma(vec4<f32>(v.x), t, c41);
    c50 = fma(vec4<f32>(v.y), s, c50);
    c51 = fma(vec4<f32>(v.y), t, c51);
    c60 = fma(vec4<f32>(v.z), s, c60);
    c61 = fma(vec4<f32>(v.z), t, c61);
    c70 = fma(vec4<f32>(v.w), s, c70);
    c71 = fma(vec4<f32>(v.w), t, c71);
  }
  for (var k = 64u; k < min(p.k, 128u); k++) {
    let i = (k - 64u) * 64u + tile_m * 2u;
    let j = (k - 64u) * 64u + tile_n * 2u;
    let u = a1[i];
    let v = a1[i + 1u];
    let s = b1[j];
    let t = b1[j + 1u];
    c00 = fma(vec4<f32>(u.x), s, c00);
    c01 = fma(vec4<f32>(u.x), t, c01);
    c10 = fma(vec4<f32>(u.y), s, c10);
    c11 = fma(vec4<f32>(u.y), t, c11);
    c20 = fma(vec4<f32>(u.z), s, c20);
    c21 = fma(vec4<f32>(u.z), t, c21);
    c30 = fma(vec4<f32>(u.w), s, c30);
    c31 = fma(vec4<f32>(u.w), t, c31);
    c40 = fma(vec4<f32>(v.x), s, c40);
    c41 = fma(vec4<f32>(v.x), t, c41);
    c50 = fma(vec4<f32>(v.y), s, c50);
    c51 = fma(vec4<f32>(v.y), t, c51);
    c60 = fma(vec4<f32>(v.z), s, c60);
    c61 = fma(vec4<f32>(v.z), t, c61);
    c70 = fma(vec4<f32>(v.w), s, c70);
    c71 = fma(vec4<f32>(v.w), t, c71);
  }
  for (var k = 128u; k < min(p.k, 192u); k++) {
    let i = (k - 128u) * 64u + tile_m * 2u;
    let j = (k - 128u) * 64u + tile_n * 2u;
    let u = a2[i];
    let v = a2[i + 1u];
    let s = b2[j];
    let t = b2[j + 1u];
    c00 = fma(vec4<f32>(u.x), s, c00);
    c01 = fma(vec4<f32>(u.x), t, c01);
    c10 = fma(vec4<f32>(u.y), s, c10);
    c11 = fma(vec4<f32>(u.y), t, c11);
    c20 = fma(vec4<f32>(u.z), s, c20);
    c21 = fma(vec4<f32>(u.z), t, c21);
    c30 = fma(vec4<f32>(u.w), s, c30);
    c31 = fma(vec4<f32>(u.w), t, c31);
    c40 = fma(vec4<f32>(v.x), s, c40);
    c41 = fma(vec4<f32>(v.x), t, c41);
    c50 = fma(vec4<f32>(v.y), s, c50);
    c51 = fma(vec4<f32>(v.y), t, c51);
    c60 = fma(vec4<f32>(v.z), s, c60);
    c61 = fma(vec4<f32>(v.z), t, c61);
    c70 = fma(vec4<f32>(v.w), s, c70);
    c71 = fma(vec4<f32>(v.w), t, c71);
  }
  for (var k = 192u; k < min(p.k, 256u); k++) {
    let i = (k - 192u) * 64u + tile_m * 2u;
    let j = (k - 192u) * 64u + tile_n * 2u;
    let u = a3[i];
    let v = a3[i + 1u];
    let s = b3[j];
    let t = b3[j + 1u];
    c00 = fma(vec4<f32>(u.x), s, c00);
    c01 = fma(vec4<f32>(u.x), t, c01);
    c10 = fma(vec4<f32>(u.y), s, c10);
    c11 = fma(vec4<f32>(u.y), t, c11);
    c20 = fma(vec4<f32>(u.z), s, c20);
    c21 = fma(vec4<f32>(u.z), t, c21);
    c30 = fma(vec4<f32>(u.w), s, c30);
    c31 = fma(vec4<f32>(u.w), t, c31);
    c40 = fma(vec4<f32>(v.x), s, c40);
    c41 = fma(vec4<f32>(v.x), t, c41);
    c50 = fma(vec4<f32>(v.y), s, c50);
    c51 = fma(vec4<f32>(v.y), t, c51);
    c60 = fma(vec4<f32>(v.z), s, c60);
    c61 = fma(vec4<f32>(v.z), t, c61);
    c70 = fma(vec4<f32>(v.w), s, c70);
    c71 = fma(vec4<f32>(v.w), t, c71);
  }
  let m = p.m0 + tile_m * 8u;
  let n = p.n0 + tile_n * 8u;
  store_row(m, n, c00, c01);
  store_row(m + 1u, n, c10, c11);
  store_row(m + 2u, n, c20, c21);
  store_row(m + 3u, n, c30, c31);
  store_row(m + 4u, n, c40, c41);
  store_row(m + 5u, n, c50, c51);
  store_row(m + 6u, n, c60, c61);
  store_row(m + 7u, n, c70, c71);
}
