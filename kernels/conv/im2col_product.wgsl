// Computes y[f,q] = act(sum_k w[f,k] columns[q,k] + bias[f] + residual): up to 256 filters x 256 pixels x 256 k of a
// convolution as a matrix product, both operands in blocks of 64 k x 256 (im2col.wgsl, weight_panel.wgsl) that are read
// through uniform bindings, which software adapters read several times faster than storage: w0..w3 and x0..x3, 64 k
// each.
//
// A thread makes 8 filters x 8 pixels, all terms of one in the order of k. With ADD, y holds the sum over the k before
// these. Stores go to n*y_image + f*plane + r, where pixel q = n*plane + r.
//
// The bindings are w0..w3 and x0..x3 (uniform; one beyond k takes any block), bias and residual (read; an unused one
// takes any buffer), and y (read_write). The grid has one thread per 8 x 8 tile from (first_filter, first_pixel) up to
// (filters, pixels), pixels fastest.
const ADD: u32 = 0u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  first_filter: u32, first_pixel: u32, filters: u32, pixels: u32,
  k: u32, plane: u32, y_image: u32, tiles_f: u32, tiles_q: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<uniform> w0: array<vec4<f32>, 4096>;
@group(0) @binding(2) var<uniform> w1: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<uniform> w2: array<vec4<f32>, 4096>;
@group(0) @binding(4) var<uniform> w3: array<vec4<f32>, 4096>;
@group(0) @binding(5) var<uniform> x0: array<vec4<f32>, 4096>;
@group(0) @binding(6) var<uniform> x1: array<vec4<f32>, 4096>;
@group(0) @binding(7) var<uniform> x2: array<vec4<f32>, 4096>;
@group(0) @binding(8) var<uniform> x3: array<vec4<f32>, 4096>;
@group(0) @binding(9) var<storage, read> bias: array<f32>;
@group(0) @binding(10) var<storage, read> residual: array<f32>;
@group(0) @binding(11) var<storage, read_write> y: array<f32>;

// Row holds eight pixels of a filter, and Tile those of eight filters.
struct Row { l: vec4<f32>, r: vec4<f32> }
struct Tile { f0: Row, f1: Row, f2: Row, f3: Row, f4: Row, f5: Row, f6: Row, f7: Row }

fn row(c: Row, w: f32, l: vec4<f32>, r: vec4<f32>) -> Row {
  return Row(fma(vec4<f32>(w), l, c.l), fma(vec4<f32>(w), r, c.r));
}

fn multiply(c: Tile, u: vec4<f32>, v: vec4<f32>, l: vec4<f32>, r: vec4<f32>) -> Tile {
  return Tile(
    row(c.f0, u.x, l, r), row(c.f1, u.y, l, r), row(c.f2, u.z, l, r), row(c.f3, u.w, l, r),
    row(c.f4, v.x, l, r), row(c.f5, v.y, l, r), row(c.f6, v.z, l, r), row(c.f7, v.w, l, r));
}

fn store(f: u32, q: u32, b: f32, sum: f32) {
  if (q >= p.pixels) { return; }
  let n = q / p.plane;
  let at = n * p.y_image + f * p.plane + q - n * p.plane;
  var s = sum + b;
  if (ADD == 1u) { s += y[at]; }
  if (RESIDUAL == 1u) { s += residual[at]; }
  if (ACTIVATION >= 1u) { s = select(s, 0.0, s <= 0.0); }
  if (ACTIVATION == 2u) { s = select(s, 6.0, s >= 6.0); }
  y[at] = s;
}

fn store_row(f: u32, q: u32, c: Row) {
  if (f >= p.filters) { return; }
  var b = 0.0;
  if (BIAS == 1u) { b = bias[f]; }
  store(f, q, b, c.l.x);
  store(f, q + 1u, b, c.l.y);
  store(f, q + 2u, b, c.l.z);
  store(f, q + 3u, b, c.l.w);
  store(f, q + 4u, b, c.r.x);
  store(f, q + 5u, b, c.r.y);
  store(f, q + 6u, b, c.r.z);
  store(f, q + 7u, b, c.r.w);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  if (gid.x >= p.tiles_f * p.tiles_q) { return; }
  let f = gid.x / p.tiles_q * 2u;
  let q = gid.x % p.tiles_q * 2u;
  var c = Tile();
  for (var k = 0u; k < min(p.k, 64u); k++) {
    let i = k * 64u;
    c = multiply(c, w0[i + f], w0[i + f + 1u], x0[i + q], x0[i + q + 1u]);
  }
  for (var k = 64u; k < min(p.k, 128u); k++) {
    let i = (k - 64u) * 64u;
    c = multiply(c, w1[i + f], w1[i + f + 1u], x1[i + q], x1[i + q + 1u]);
  }
  for (var k = 128u; k < min(p.k, 192u); k++) {
    let i = (k - 128u) * 64u;
    c = multiply(c, w2[i + f], w2[i + f + 1u], x2[i + q], x2[i + q + 1u]);
  }
  for (var k = 192u; k < min(p.k, 256u); k++) {
    let i = (k - 192u) * 64u;
    c = multiply(c, w3[i + f], w3[i + f + 1u], x3[i + q], x3[i + q + 1u]);
  }
  let first = p.first_filter + 4u * f;
  let pixel = p.first_pixel + 4u * q;
  store_row(first, pixel, c.f0);
  store_row(first + 1u, pixel, c.f1);
  store_row(first + 2u, pixel, c.f2);
  store_row(first + 3u, pixel, c.f3);
  store_row(first + 4u, pixel, c.f4);
  store_row(first + 5u, pixel, c.f5);
  store_row(first + 6u, pixel, c.f6);
  store_row(first + 7u, pixel, c.f7);
}
