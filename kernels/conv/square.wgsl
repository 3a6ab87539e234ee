// y[f,h,v] = act(sum over c, r < 3, q < 3 of w[c,3r+q,f] x[c,h+r,v+q] + bias[f] + residual): a 3x3 convolution of stride 1,
// with the weights in a uniform array. Each input row that a thread loads serves three of its output rows and all of its
// filters, so there are few loads for many multiply-adds: made for adapters on which a load is dear.
//
// x is in fours of columns (its rows are multiples of 4 long) and carries its zero halo: a pixel's window starts at
// x_start + n*x_image + h*x_row + v/4, channel c at c*x_plane more.
// w is packed [channels, 9, FB] fours of filters (square_pack.wgsl): the weights of this dispatch's filters and channels.
// Stores go to n*y_image + f*y_plane + h*cols + v, f from first_filter on; y and residual are in fours of columns (cols is a
// multiple of 4), or single numbers where WIDE is 0.
// A thread makes 4*FB filters x 4 rows x 4 columns. ADD: y holds the sum over earlier channels.
//
// Bindings: x read, w uniform, bias, residual read (an unused one takes any buffer), y read_write.
// Grid: one thread per 4x4 pixels, column tile fastest, then row tile, then image; rows of `row` threads folded into y.
const FB: u32 = 4u;
const ADD: u32 = 0u;
const WIDE: u32 = 1u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  channels: u32, filters: u32, first_filter: u32, rows: u32,
  cols: u32, x_start: u32, x_image: u32, x_plane: u32,
  x_row: u32, y_image: u32, y_plane: u32, tiles_h: u32,
  tiles_v: u32, tiles: u32, row: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> w: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;

// Columns 0 ... 5 of a row.
struct Line { l: vec4<f32>, m: vec2<f32> }
// Four filters' weights for a row of the kernel.
struct Taps { k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32> }

fn line_at(i: u32) -> Line { return Line(x[i], x[i + 1u].xy); }

fn taps_at(i: u32) -> Taps { return Taps(w[i], w[i + FB], w[i + 2u * FB]); }

fn pixel(c: vec4<f32>, t: Taps, a: f32, b: f32, d: f32) -> vec4<f32> {
  return fma(t.k2, vec4<f32>(d), fma(t.k1, vec4<f32>(b), fma(t.k0, vec4<f32>(a), c)));
}

// Four filters x four columns; column i of the matrix is image column i.
fn piece(c: mat4x4<f32>, t: Taps, x: Line) -> mat4x4<f32> {
  return mat4x4<f32>(
    pixel(c[0], t, x.l.x, x.l.y, x.l.z),
    pixel(c[1], t, x.l.y, x.l.z, x.l.w),
    pixel(c[2], t, x.l.z, x.l.w, x.m.x),
    pixel(c[3], t, x.l.w, x.m.x, x.m.y));
}

fn nine(c: mat4x4<f32>, t0: Taps, t1: Taps, t2: Taps, a: Line, b: Line, d: Line) -> mat4x4<f32> {
  return piece(piece(piece(c, t0, a), t1, b), t2, d);
}

fn finish(i: u32, sum: vec4<f32>) -> vec4<f32> {
  var s = sum;
  if (ADD == 1u) { s += y[i]; }
  if (RESIDUAL == 1u) { s += residual[i]; }
  if (ACTIVATION >= 1u) { s = max(s, vec4<f32>(0.0)); }
  if (ACTIVATION == 2u) { s = min(s, vec4<f32>(6.0)); }
  return s;
}

fn store_one(i: u32, sum: f32) {
  var s = sum;
  let at = i >> 2u;
  let k = i & 3u;
  if (ADD == 1u) { s += y[at][k]; }
  if (RESIDUAL == 1u) { s += residual[at][k]; }
  if (ACTIVATION >= 1u) { s = max(s, 0.0); }
  if (ACTIVATION == 2u) { s = min(s, 6.0); }
  y[at][k] = s;
}

// Four columns of one filter.
fn store_four(i: u32, v: u32, s: vec4<f32>) {
  if (WIDE == 1u) {
    y[i >> 2u] = finish(i >> 2u, s);
    return;
  }
  store_one(i, s.x);
  if (v + 1u < p.cols) { store_one(i + 1u, s.y); }
  if (v + 2u < p.cols) { store_one(i + 2u, s.z); }
  if (v + 3u < p.cols) { store_one(i + 3u, s.w); }
}

fn store_row(n: u32, f: u32, h: u32, v: u32, b: vec4<f32>, c: mat4x4<f32>) {
  if (h >= p.rows) { return; }
  let at = n * p.y_image + f * p.y_plane + h * p.cols + v;
  let t = transpose(c);
  store_four(at, v, t[0] + vec4<f32>(b.x));
  if (f + 1u < p.filters) { store_four(at + p.y_plane, v, t[1] + vec4<f32>(b.y)); }
  if (f + 2u < p.filters) { store_four(at + 2u * p.y_plane, v, t[2] + vec4<f32>(b.z)); }
  if (f + 3u < p.filters) { store_four(at + 3u * p.y_plane, v, t[3] + vec4<f32>(b.w)); }
}

fn biases(f: u32) -> vec4<f32> {
  if (BIAS == 0u) { return vec4<f32>(); }
  let last = p.filters - 1u;
  return vec4<f32>(bias[f], bias[min(f + 1u, last)], bias[min(f + 2u, last)], bias[min(f + 3u, last)]);
}

fn store_block(n: u32, f: u32, h: u32, v: u32, c0: mat4x4<f32>, c1: mat4x4<f32>, c2: mat4x4<f32>, c3: mat4x4<f32>) {
  if (f >= p.filters) { return; }
  let b = biases(f);
  store_row(n, f, h, v, b, c0);
  store_row(n, f, h + 1u, v, b, c1);
  store_row(n, f, h + 2u, v, b, c2);
  store_row(n, f, h + 3u, v, b, c3);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles) { return; }
  let v = tile % p.tiles_v * 4u;
  let h = tile / p.tiles_v % p.tiles_h * 4u;
  let n = tile / p.tiles_v / p.tiles_h;
  var i = p.x_start + n * p.x_image + h * p.x_row + v / 4u;
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c02 = mat4x4<f32>();
  var c03 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  var c12 = mat4x4<f32>();
  var c13 = mat4x4<f32>();
  var c20 = mat4x4<f32>();
  var c21 = mat4x4<f32>();
  var c22 = mat4x4<f32>();
  var c23 = mat4x4<f32>();
  var c30 = mat4x4<f32>();
  var c31 = mat4x4<f32>();
  var c32 = mat4x4<f32>();
  var c33 = mat4x4<f32>();
  for (var c = 0u; c < p.channels; c++) {
    let a = line_at(i);
    let b = line_at(i + p.x_row);
    let d = line_at(i + 2u * p.x_row);
    let e = line_at(i + 3u * p.x_row);
    let g = line_at(i + 4u * p.x_row);
    let l = line_at(i + 5u * p.x_row);
    i += p.x_plane;
    let j = c * 9u * FB;
    let t0 = taps_at(j);
    let t1 = taps_at(j + 3u * FB);
    let t2 = taps_at(j + 6u * FB);
    c00 = nine(c00, t0, t1, t2, a, b, d);
    c01 = nine(c01, t0, t1, t2, b, d, e);
    c02 = nine(c02, t0, t1, t2, d, e, g);
    c03 = nine(c03, t0, t1, t2, e, g, l);
    if (FB > 1u) {
      let u0 = taps_at(j + 1u);
      let u1 = taps_at(j + 1u + 3u * FB);
      let u2 = taps_at(j + 1u + 6u * FB);
      c10 = nine(c10, u0, u1, u2, a, b, d);
      c11 = nine(c11, u0, u1, u2, b, d, e);
      c12 = nine(c12, u0, u1, u2, d, e, g);
      c13 = nine(c13, u0, u1, u2, e, g, l);
    }
    if (FB > 2u) {
      let q0 = taps_at(j + 2u);
      let q1 = taps_at(j + 2u + 3u * FB);
      let q2 = taps_at(j + 2u + 6u * FB);
      c20 = nine(c20, q0, q1, q2, a, b, d);
      c21 = nine(c21, q0, q1, q2, b, d, e);
      c22 = nine(c22, q0, q1, q2, d, e, g);
      c23 = nine(c23, q0, q1, q2, e, g, l);
    }
    if (FB > 3u) {
      let s0 = taps_at(j + 3u);
      let s1 = taps_at(j + 3u + 3u * FB);
      let s2 = taps_at(j + 3u + 6u * FB);
      c30 = nine(c30, s0, s1, s2, a, b, d);
      c31 = nine(c31, s0, s1, s2, b, d, e);
      c32 = nine(c32, s0, s1, s2, d, e, g);
      c33 = nine(c33, s0, s1, s2, e, g, l);
    }
  }
  let f = p.first_filter;
  store_block(n, f, h, v, c00, c01, c02, c03);
  if (FB > 1u) { store_block(n, f + 4u, h, v, c10, c11, c12, c13); }
  if (FB > 2u) { store_block(n, f + 8u, h, v, c20, c21, c22, c23); }
  if (FB > 3u) { store_block(n, f + 12u, h, v, c30, c31, c32, c33); }
}
