// Computes y[f, pixel] = act(sum over the taps t of f's line of w[t,f] x[pixel + t] + bias[f] + residual), for GPUs: a
// workgroup makes one line of filters of 64*PIXELS pixels. What depends on the line alone (taps and weights) is read
// at addresses that all threads of a workgroup share, which scalar units or caches serve in one go; neighbouring
// threads read neighbouring pixels.
//
// A line has 4*FB filters, or one where FB is 0. line[l] is its first filter, and its first and last-but-one four of
// taps; lines come longest first. tap[t] says how far the t-th four of taps reads from a pixel's place in x; weights are
// [taps][filters] in vec4, or a vec4 for each four of taps where FB is 0. Lists end with taps of weight 0.
// Pixel i of x lies at i/plane*x_image + r/cols*x_row + r%cols*x_col, where r = i%plane, and filter f of it in y at
// i/plane*y_image + r*y_pixel + f*y_filter: images with their padding, or panels of 64 rows of a matrix, column by column.
// With WIDE, y_filter is 1, and rows of y are in fours.
//
// The bindings are w, line, tap, x, bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid's x goes over groups of pixels, y over lines, z over splits: split z sums the z-th part of a line's taps and
// writes at y + z*size.
const FB: u32 = 4u;
const PIXELS: u32 = 2u;
const WIDE: u32 = 0u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  pixels: u32, plane: u32, cols: u32, filters: u32,
  x_image: u32, x_row: u32, x_col: u32,
  y_image: u32, y_pixel: u32, y_filter: u32,
  splits: u32, size: u32,
}
// Holds the sums of a pixel for the line's filters, in fours.
struct Sums { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32> }


@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> line: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> tap: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> x: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;

// Beyond the last pixel it is the last one's place.
fn place_in_x(pixel: u32) -> u32 {
  let i = min(pixel, p.pixels - 1u);
  let r = i % p.plane;
  return i / p.plane * p.x_image + r / p.cols * p.x_row + r % p.cols * p.x_col;
}

fn x_at(place: u32, taps: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(x[place + taps.x], x[place + taps.y], x[place + taps.z], x[place + taps.w]);
}

// Adds one tap.
fn add(c: Sums, v: f32, i: u32) -> Sums {
  var s = c;
  let u = vec4<f32>(v);
  s.a = fma(u, w[i], s.a);
  if (FB > 1u) { s.b = fma(u, w[i + 1u], s.b); }
  if (FB > 2u) {
    s.c = fma(u, w[i + 2u], s.c);
    s.d = fma(u, w[i + 3u], s.d);
  }
  return s;
}

// Adds four taps, of which the first has its weights at i.
fn add_four(c: Sums, v: vec4<f32>, i: u32) -> Sums {
  if (FB == 0u) {
    let u = w[i];
    var s = c;
    s.a.x = fma(v.w, u.w, fma(v.z, u.z, fma(v.y, u.y, fma(v.x, u.x, s.a.x))));
    return s;
  }
  return add(add(add(add(c, v.x, i), v.y, i + FB), v.z, i + 2u * FB), v.w, i + 3u * FB);
}

fn store_one(f: u32, sum: f32, at: u32) {
  if (f >= p.filters) { return; }
  let i = at + f * p.y_filter;
  var v = sum;
  if (BIAS == 1u) { v += bias[f]; }
  if (RESIDUAL == 1u) { v += residual[i >> 2u][i & 3u]; }
  if (ACTIVATION >= 1u) { v = select(v, 0.0, v <= 0.0); }
  if (ACTIVATION == 2u) { v = select(v, 6.0, v >= 6.0); }
  y[i >> 2u][i & 3u] = v;
}

fn store_four(f: u32, sum: vec4<f32>, at: u32) {
  if (WIDE == 1u) {
    if (f >= p.filters) { return; }
    let i = (at + f) >> 2u;
    var v = sum;
    if (BIAS == 1u) { v += vec4<f32>(bias[f], bias[f + 1u], bias[f + 2u], bias[f + 3u]); }
    if (RESIDUAL == 1u) { v += residual[i]; }
    if (ACTIVATION >= 1u) { v = select(v, vec4<f32>(0.0), v <= vec4<f32>(0.0)); }
    if (ACTIVATION == 2u) { v = select(v, vec4<f32>(6.0), v >= vec4<f32>(6.0)); }
    y[i] = v;
    return;
  }
  store_one(f, sum.x, at);
  store_one(f + 1u, sum.y, at);
  store_one(f + 2u, sum.z, at);
  store_one(f + 3u, sum.w, at);
}

fn store(pixel: u32, f: u32, c: Sums, split: u32) {
  if (pixel >= p.pixels) { return; }
  let at = split * p.size + pixel / p.plane * p.y_image + pixel % p.plane * p.y_pixel;
  if (FB == 0u) {
    store_one(f, c.a.x, at);
    return;
  }
  store_four(f, c.a, at);
  if (FB > 1u) { store_four(f + 4u, c.b, at); }
  if (FB > 2u) {
    store_four(f + 8u, c.c, at);
    store_four(f + 12u, c.d, at);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let pixel = group.x * (64u * PIXELS) + local;
  let l = line[group.y];
  let part = (l.z - l.y + p.splits - 1u) / p.splits;
  let first = min(l.z, l.y + group.z * part);
  let end = min(l.z, first + part);
  let p0 = place_in_x(pixel);
  let p1 = place_in_x(pixel + 64u);
  let p2 = place_in_x(pixel + 128u);
  let p3 = place_in_x(pixel + 192u);
  var c0 = Sums();
  var c1 = Sums();
  var c2 = Sums();
  var c3 = Sums();
  for (var t = first; t < end; t++) {
    let taps = tap[t];
    let i = t * max(1u, 4u * FB);
    c0 = add_four(c0, x_at(p0, taps), i);
    if (PIXELS > 1u) { c1 = add_four(c1, x_at(p1, taps), i); }
    if (PIXELS > 2u) {
      c2 = add_four(c2, x_at(p2, taps), i);
      c3 = add_four(c3, x_at(p3, taps), i);
    }
  }
  store(pixel, l.x, c0, group.z);
  if (PIXELS > 1u) { store(pixel + 64u, l.x, c1, group.z); }
  if (PIXELS > 2u) {
    store(pixel + 128u, l.x, c2, group.z);
    store(pixel + 192u, l.x, c3, group.z);
  }
}
