// y[f, pixel] = act(sum over a line's taps t of w[t,f] x[pixel + t] + bias[f] + residual): a convolution or a matrix product with
// a sparse weight whose lines of 4*FB filters each list the taps that they keep. Inputs, weights and lists are uniform
// arrays, which software adapters read several times faster than storage.
//
// x0 ... x3 are windows of the input; a line's taps are listed window by window, tap t of window i having its weights at
// wi[t*FB ...], fours of filters. table[l]: first tap of line l in each window, the ends of the last line following;
// table[33 + l/4][l%4]: its first filter; table[48 + 256*i + t/4][t%4]: where tap t of window i reads.
// CONV 0: x is packed in columns of 64 pixels, a tap is a column; pixel r, c of a tile is 4*r + c, and rows is a count of
// pixels. CONV 1: x is an image as it is; a tap is plane | (256 + row) << 14 | (256 + column) << 23, all relative, and what
// lies beyond the image's edge counts as zero.
// A thread makes 4*FB filters x 2 rows x 4 columns. ADD: y holds the sum over earlier windows. EDGES 0: every line and every
// tile is whole, so that nothing is asked before a store.
//
// Bindings: x0..x3, w0..w3, table uniform, bias, residual read (an unused one takes any buffer), y read_write.
// Grid: x one thread per tile, column tile fastest, then row tile, then image; y over lines.
const FB: u32 = 4u;
const CONV: u32 = 1u;
const ADD: u32 = 0u;
const EDGES: u32 = 1u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;
const ROWS_AT: u32 = 33u;
const TAPS_AT: u32 = 48u;

struct Params {
  start0: u32, start1: u32, start2: u32, start3: u32,
  tiles: u32, tiles_h: u32, tiles_v: u32, filters: u32,
  rows: u32, cols: u32, height: u32, width: u32,
  stride_h: u32, stride_w: u32, x_image: u32, y_start: u32,
  y_image: u32, y_filter: u32, y_row: u32, y_col: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<uniform> x0: array<vec4<f32>, 4096>;
@group(0) @binding(2) var<uniform> x1: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<uniform> x2: array<vec4<f32>, 4096>;
@group(0) @binding(4) var<uniform> x3: array<vec4<f32>, 4096>;
@group(0) @binding(5) var<uniform> w0: array<vec4<f32>, 4096>;
@group(0) @binding(6) var<uniform> w1: array<vec4<f32>, 4096>;
@group(0) @binding(7) var<uniform> w2: array<vec4<f32>, 4096>;
@group(0) @binding(8) var<uniform> w3: array<vec4<f32>, 4096>;
@group(0) @binding(9) var<uniform> table: array<vec4<u32>, 1072>;
@group(0) @binding(10) var<storage, read> bias: array<f32>;
@group(0) @binding(11) var<storage, read> residual: array<f32>;
@group(0) @binding(12) var<storage, read_write> y: array<f32>;

// The tile's two rows of four pixels: of the input at a tap, of where they are, of sums for four filters each.
struct Patch { a: vec4<f32>, b: vec4<f32> }
struct Reach { a: vec4<u32>, b: vec4<u32>, in_a: vec4<bool>, in_b: vec4<bool> }
struct Sums { a: mat4x4<f32>, b: mat4x4<f32> }

// Where the tile's first pixel reads, before the tap is added.
struct Origin { tile: u32, image: u32, row: i32, cols: vec4<i32> }

fn reach(o: Origin, tap: u32, start: u32) -> Reach {
  let row = o.row + i32((tap >> 14u) & 511u) - 256;
  let below = row + i32(p.stride_h);
  let cols = o.cols + vec4<i32>(i32(tap >> 23u) - 256);
  let plane = i32(start + o.image + (tap & 16383u));
  let inside = vec4<u32>(cols) < vec4<u32>(p.width);
  return Reach(
    vec4<u32>(cols + vec4<i32>(plane + row * i32(p.width))),
    vec4<u32>(cols + vec4<i32>(plane + below * i32(p.width))),
    inside & vec4<bool>(u32(row) < p.height),
    inside & vec4<bool>(u32(below) < p.height));
}

fn four0(i: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(
    x0[i.x >> 2u][i.x & 3u], x0[i.y >> 2u][i.y & 3u], x0[i.z >> 2u][i.z & 3u], x0[i.w >> 2u][i.w & 3u]);
}

fn patch0(o: Origin, tap: u32) -> Patch {
  if (CONV == 0u) {
    let i = tap * 16u + o.tile * 2u;
    return Patch(x0[i], x0[i + 1u]);
  }
  let r = reach(o, tap, p.start0);
  return Patch(select(vec4<f32>(), four0(r.a), r.in_a), select(vec4<f32>(), four0(r.b), r.in_b));
}

fn four1(i: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(
    x1[i.x >> 2u][i.x & 3u], x1[i.y >> 2u][i.y & 3u], x1[i.z >> 2u][i.z & 3u], x1[i.w >> 2u][i.w & 3u]);
}

fn patch1(o: Origin, tap: u32) -> Patch {
  if (CONV == 0u) {
    let i = tap * 16u + o.tile * 2u;
    return Patch(x1[i], x1[i + 1u]);
  }
  let r = reach(o, tap, p.start1);
  return Patch(select(vec4<f32>(), four1(r.a), r.in_a), select(vec4<f32>(), four1(r.b), r.in_b));
}

fn four2(i: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(
    x2[i.x >> 2u][i.x & 3u], x2[i.y >> 2u][i.y & 3u], x2[i.z >> 2u][i.z & 3u], x2[i.w >> 2u][i.w & 3u]);
}

fn patch2(o: Origin, tap: u32) -> Patch {
  if (CONV == 0u) {
    let i = tap * 16u + o.tile * 2u;
    return Patch(x2[i], x2[i + 1u]);
  }
  let r = reach(o, tap, p.start2);
  return Patch(select(vec4<f32>(), four2(r.a), r.in_a), select(vec4<f32>(), four2(r.b), r.in_b));
}

fn four3(i: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(
    x3[i.x >> 2u][i.x & 3u], x3[i.y >> 2u][i.y & 3u], x3[i.z >> 2u][i.z & 3u], x3[i.w >> 2u][i.w & 3u]);
}

fn patch3(o: Origin, tap: u32) -> Patch {
  if (CONV == 0u) {
    let i = tap * 16u + o.tile * 2u;
    return Patch(x3[i], x3[i + 1u]);
  }
  let r = reach(o, tap, p.start3);
  return Patch(select(vec4<f32>(), four3(r.a), r.in_a), select(vec4<f32>(), four3(r.b), r.in_b));
}

fn row_sums(c: mat4x4<f32>, x: vec4<f32>, w: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    fma(vec4<f32>(x.x), w, c[0]), fma(vec4<f32>(x.y), w, c[1]), fma(vec4<f32>(x.z), w, c[2]), fma(vec4<f32>(x.w), w, c[3]));
}

fn add(c: Sums, x: Patch, w: vec4<f32>) -> Sums {
  return Sums(row_sums(c.a, x.a, w), row_sums(c.b, x.b, w));
}

fn store(f: u32, i: u32, sum: f32) {
  if (EDGES == 1u && f >= p.filters) { return; }
  var s = sum;
  if (ADD == 1u) { s += y[i]; }
  if (RESIDUAL == 1u) { s += residual[i]; }
  if (ACTIVATION >= 1u) { s = max(s, 0.0); }
  if (ACTIVATION == 2u) { s = min(s, 6.0); }
  y[i] = s;
}

fn is_beyond(h: u32, v: u32) -> bool {
  if (CONV == 0u) { return 4u * h + v >= p.rows; }
  return h >= p.rows || v >= p.cols;
}

fn store_pixel(f: u32, h: u32, v: u32, at: u32, s: vec4<f32>) {
  if (EDGES == 1u && is_beyond(h, v)) { return; }
  let i = at + f * p.y_filter + h * p.y_row + v * p.y_col;
  store(f, i, s.x);
  store(f + 1u, i + p.y_filter, s.y);
  store(f + 2u, i + 2u * p.y_filter, s.z);
  store(f + 3u, i + 3u * p.y_filter, s.w);
}

fn store_row(f: u32, h: u32, v: u32, at: u32, b: vec4<f32>, c: mat4x4<f32>) {
  store_pixel(f, h, v, at, c[0] + b);
  store_pixel(f, h, v + 1u, at, c[1] + b);
  store_pixel(f, h, v + 2u, at, c[2] + b);
  store_pixel(f, h, v + 3u, at, c[3] + b);
}

fn biases(f: u32) -> vec4<f32> {
  if (BIAS == 0u) { return vec4<f32>(); }
  let i = min(vec4<u32>(f, f + 1u, f + 2u, f + 3u), vec4<u32>(p.filters - 1u));
  return vec4<f32>(bias[i.x], bias[i.y], bias[i.z], bias[i.w]);
}

fn store_sums(f: u32, h: u32, v: u32, at: u32, c: Sums) {
  let b = biases(f);
  store_row(f, h, v, at, b, c.a);
  store_row(f, h + 1u, v, at, b, c.b);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let tile = group.x * 8u + local.x;
  if (tile >= p.tiles) { return; }
  let v = tile % p.tiles_v * 4u;
  let h = tile / p.tiles_v % p.tiles_h * 2u;
  let n = tile / p.tiles_v / p.tiles_h;
  let cols = (vec4<i32>(i32(v)) + vec4<i32>(0, 1, 2, 3)) * i32(p.stride_w);
  let o = Origin(tile, n * p.x_image, i32(h * p.stride_h), cols);
  let first = table[group.y];
  let end = table[group.y + 1u];
  var c0 = Sums();
  var c1 = Sums();
  var c2 = Sums();
  var c3 = Sums();
  for (var t = first.x; t < end.x; t++) {
    let x = patch0(o, table[TAPS_AT + 0u + (t >> 2u)][t & 3u]);
    c0 = add(c0, x, w0[t * FB]);
    if (FB > 1u) { c1 = add(c1, x, w0[t * FB + 1u]); }
    if (FB > 2u) {
      c2 = add(c2, x, w0[t * FB + 2u]);
      c3 = add(c3, x, w0[t * FB + 3u]);
    }
  }
  for (var t = first.y; t < end.y; t++) {
    let x = patch1(o, table[TAPS_AT + 256u + (t >> 2u)][t & 3u]);
    c0 = add(c0, x, w1[t * FB]);
    if (FB > 1u) { c1 = add(c1, x, w1[t * FB + 1u]); }
    if (FB > 2u) {
      c2 = add(c2, x, w1[t * FB + 2u]);
      c3 = add(c3, x, w1[t * FB + 3u]);
    }
  }
  for (var t = first.z; t < end.z; t++) {
    let x = patch2(o, table[TAPS_AT + 512u + (t >> 2u)][t & 3u]);
    c0 = add(c0, x, w2[t * FB]);
    if (FB > 1u) { c1 = add(c1, x, w2[t * FB + 1u]); }
    if (FB > 2u) {
      c2 = add(c2, x, w2[t * FB + 2u]);
      c3 = add(c3, x, w2[t * FB + 3u]);
    }
  }
  for (var t = first.w; t < end.w; t++) {
    let x = patch3(o, table[TAPS_AT + 768u + (t >> 2u)][t & 3u]);
    c0 = add(c0, x, w3[t * FB]);
    if (FB > 1u) { c1 = add(c1, x, w3[t * FB + 1u]); }
    if (FB > 2u) {
      c2 = add(c2, x, w3[t * FB + 2u]);
      c3 = add(c3, x, w3[t * FB + 3u]);
    }
  }
  let f = table[ROWS_AT + (group.y >> 2u)][group.y & 3u];
  let at = p.y_start + n * p.y_image;
  store_sums(f, h, v, at, c0);
  if (FB > 1u) { store_sums(f + 4u, h, v, at, c1); }
  if (FB > 2u) {
    store_sums(f + 8u, h, v, at, c2);
    store_sums(f + 12u, h, v, at, c3);
  }
}
