// Computes y[f,h,v] = act(sum over c, r < 3, q < 3 of w[c,3r+q,f] x[c,S*h+r,S*v+q] + bias[f] + residual): a 3x3
// convolution of stride S (STRIDE, 1 or 2), with the weights in a uniform array. Each input row that a thread loads
// serves up to three of its output rows and all of its filters, so there are few loads for many multiply-adds: made for
// adapters on which a load is dear.
//
// x is in fours of columns (its rows are multiples of 4 long) and carries its zero halo: what a pixel sees starts at
// x_start + n*x_image + S*h*x_row + v/4, channel c at c*x_plane more. With stride 2 columns are taken apart (pad.wgsl):
// the odd ones lie x_odd behind the even ones. What lies beyond a row's end only reaches outputs that aren't stored. w
// has PANEL fours, packed [channels, 9, BLOCKS] fours of filters (weight_panel.wgsl): the weights of this dispatch's
// filters and channels.
// Stores go to n*y_image + f*y_plane + h*cols + v, with f from first_filter on; y and residual are in fours of columns
// (cols is a multiple of 4), or single numbers where WIDE is 0.
// A thread makes 4*FB + REST filters x 4 rows x 4 columns. With ADD, y holds the sum over earlier channels.
//
// The bindings are x (read), w (uniform), bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid has one thread per 4x4 pixels, column tile fastest, then row tile, then image, with rows of `row` threads
// folded into y.
const FB: u32 = 4u;
const PANEL: u32 = 4096u;
const REST: u32 = 0u;
const STRIDE: u32 = 1u;
const ADD: u32 = 0u;
const WIDE: u32 = 1u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;
const BLOCKS: u32 = FB + min(REST, 1u);

struct Params {
  channels: u32, filters: u32, first_filter: u32, rows: u32,
  cols: u32, x_start: u32, x_image: u32, x_plane: u32,
  x_row: u32, x_odd: u32, y_image: u32, y_plane: u32,
  tiles_h: u32, tiles_v: u32, tiles: u32, row: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> w: array<vec4<f32>, PANEL>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;

// Line holds what four neighbouring outputs see of an input row, by the kernel's columns.
struct Line { a: vec4<f32>, b: vec4<f32>, d: vec4<f32> }
// Holds the input rows of four output rows; with stride 1 they are the first six.
struct Lines { l0: Line, l1: Line, l2: Line, l3: Line, l4: Line, l5: Line, l6: Line, l7: Line, l8: Line }
// Taps holds four filters' weights for a row of the kernel, and Kernel those for the whole kernel.
struct Taps { k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32> }
struct Kernel { r0: Taps, r1: Taps, r2: Taps }
// Holds four output rows.
struct Block { h0: mat4x4<f32>, h1: mat4x4<f32>, h2: mat4x4<f32>, h3: mat4x4<f32> }

fn line_at(i: u32) -> Line {
  let l = x[i];
  let m = x[i + 1u].xy;
  if (STRIDE == 1u) { return Line(l, vec4<f32>(l.yzw, m.x), vec4<f32>(l.zw, m)); }
  return Line(l, x[i + p.x_odd], vec4<f32>(l.yzw, m.x));
}

fn lines_at(i: u32) -> Lines {
  var t = Lines();
  t.l0 = line_at(i);
  t.l1 = line_at(i + p.x_row);
  t.l2 = line_at(i + 2u * p.x_row);
  t.l3 = line_at(i + 3u * p.x_row);
  t.l4 = line_at(i + 4u * p.x_row);
  t.l5 = line_at(i + 5u * p.x_row);
  if (STRIDE == 2u) {
    t.l6 = line_at(i + 6u * p.x_row);
    t.l7 = line_at(i + 7u * p.x_row);
    t.l8 = line_at(i + 8u * p.x_row);
  }
  return t;
}

fn taps_at(i: u32) -> Taps { return Taps(w[i], w[i + BLOCKS], w[i + 2u * BLOCKS]); }

fn kernel_at(i: u32) -> Kernel { return Kernel(taps_at(i), taps_at(i + 3u * BLOCKS), taps_at(i + 6u * BLOCKS)); }

fn pixel(c: vec4<f32>, t: Taps, a: f32, b: f32, d: f32) -> vec4<f32> {
  return fma(t.k2, vec4<f32>(d), fma(t.k1, vec4<f32>(b), fma(t.k0, vec4<f32>(a), c)));
}

fn piece(c: mat4x4<f32>, t: Taps, x: Line) -> mat4x4<f32> {
  return mat4x4<f32>(
    pixel(c[0], t, x.a.x, x.b.x, x.d.x),
    pixel(c[1], t, x.a.y, x.b.y, x.d.y),
    pixel(c[2], t, x.a.z, x.b.z, x.d.z),
    pixel(c[3], t, x.a.w, x.b.w, x.d.w));
}

fn nine(c: mat4x4<f32>, k: Kernel, a: Line, b: Line, d: Line) -> mat4x4<f32> {
  return piece(piece(piece(c, k.r0, a), k.r1, b), k.r2, d);
}

// Makes four filters; column i of a row's matrix is image column i.
fn block(c: Block, k: Kernel, x: Lines) -> Block {
  if (STRIDE == 1u) {
    return Block(
      nine(c.h0, k, x.l0, x.l1, x.l2), nine(c.h1, k, x.l1, x.l2, x.l3),
      nine(c.h2, k, x.l2, x.l3, x.l4), nine(c.h3, k, x.l3, x.l4, x.l5));
  }
  return Block(
    nine(c.h0, k, x.l0, x.l1, x.l2), nine(c.h1, k, x.l2, x.l3, x.l4),
    nine(c.h2, k, x.l4, x.l5, x.l6), nine(c.h3, k, x.l6, x.l7, x.l8));
}

fn lone_row(c: vec4<f32>, t: Taps, i: u32, x: Line) -> vec4<f32> {
  return fma(vec4<f32>(t.k2[i]), x.d, fma(vec4<f32>(t.k1[i]), x.b, fma(vec4<f32>(t.k0[i]), x.a, c)));
}

fn lone_nine(c: vec4<f32>, k: Kernel, i: u32, a: Line, b: Line, d: Line) -> vec4<f32> {
  return lone_row(lone_row(lone_row(c, k.r0, i, a), k.r1, i, b), k.r2, i, d);
}

// Makes one filter, the i-th of a four; a column of the matrix is an output row.
fn lone(c: mat4x4<f32>, k: Kernel, i: u32, x: Lines) -> mat4x4<f32> {
  if (STRIDE == 1u) {
    return mat4x4<f32>(
      lone_nine(c[0], k, i, x.l0, x.l1, x.l2), lone_nine(c[1], k, i, x.l1, x.l2, x.l3),
      lone_nine(c[2], k, i, x.l2, x.l3, x.l4), lone_nine(c[3], k, i, x.l3, x.l4, x.l5));
  }
  return mat4x4<f32>(
    lone_nine(c[0], k, i, x.l0, x.l1, x.l2), lone_nine(c[1], k, i, x.l2, x.l3, x.l4),
    lone_nine(c[2], k, i, x.l4, x.l5, x.l6), lone_nine(c[3], k, i, x.l6, x.l7, x.l8));
}

fn finish(i: u32, sum: vec4<f32>) -> vec4<f32> {
  var s = sum;
  if (ADD == 1u) { s += y[i]; }
  if (RESIDUAL == 1u) { s += residual[i]; }
  if (ACTIVATION >= 1u) { s = select(s, vec4<f32>(0.0), s <= vec4<f32>(0.0)); }
  if (ACTIVATION == 2u) { s = select(s, vec4<f32>(6.0), s >= vec4<f32>(6.0)); }
  return s;
}

fn store_one(i: u32, sum: f32) {
  var s = sum;
  let at = i >> 2u;
  let k = i & 3u;
  if (ADD == 1u) { s += y[at][k]; }
  if (RESIDUAL == 1u) { s += residual[at][k]; }
  if (ACTIVATION >= 1u) { s = select(s, 0.0, s <= 0.0); }
  if (ACTIVATION == 2u) { s = select(s, 6.0, s >= 6.0); }
  y[at][k] = s;
}

// Writes four columns of one filter.
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

fn store_block(n: u32, f: u32, h: u32, v: u32, c: Block) {
  if (f >= p.filters) { return; }
  let b = biases(f);
  store_row(n, f, h, v, b, c.h0);
  store_row(n, f, h + 1u, v, b, c.h1);
  store_row(n, f, h + 2u, v, b, c.h2);
  store_row(n, f, h + 3u, v, b, c.h3);
}

fn store_lone(n: u32, f: u32, h: u32, v: u32, c: mat4x4<f32>) {
  var b = vec4<f32>();
  if (BIAS == 1u) { b = vec4<f32>(bias[f]); }
  let at = n * p.y_image + f * p.y_plane + h * p.cols + v;
  store_four(at, v, c[0] + b);
  if (h + 1u < p.rows) { store_four(at + p.cols, v, c[1] + b); }
  if (h + 2u < p.rows) { store_four(at + 2u * p.cols, v, c[2] + b); }
  if (h + 3u < p.rows) { store_four(at + 3u * p.cols, v, c[3] + b); }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles) { return; }
  let v = tile % p.tiles_v * 4u;
  let h = tile / p.tiles_v % p.tiles_h * 4u;
  let n = tile / p.tiles_v / p.tiles_h;
  var i = p.x_start + n * p.x_image + STRIDE * h * p.x_row + v / 4u;
  var c0 = Block();
  var c1 = Block();
  var c2 = Block();
  var c3 = Block();
  var d0 = mat4x4<f32>();
  var d1 = mat4x4<f32>();
  var d2 = mat4x4<f32>();
  for (var c = 0u; c < p.channels; c++) {
    let l = lines_at(i);
    i += p.x_plane;
    let j = c * 9u * BLOCKS;
    if (FB > 0u) { c0 = block(c0, kernel_at(j), l); }
    if (FB > 1u) { c1 = block(c1, kernel_at(j + 1u), l); }
    if (FB > 2u) { c2 = block(c2, kernel_at(j + 2u), l); }
    if (FB > 3u) { c3 = block(c3, kernel_at(j + 3u), l); }
    if (REST > 0u) {
      let k = kernel_at(j + FB);
      d0 = lone(d0, k, 0u, l);
      if (REST > 1u) { d1 = lone(d1, k, 1u, l); }
      if (REST > 2u) { d2 = lone(d2, k, 2u, l); }
    }
  }
  let f = p.first_filter;
  if (FB > 0u) { store_block(n, f, h, v, c0); }
  if (FB > 1u) { store_block(n, f + 4u, h, v, c1); }
  if (FB > 2u) { store_block(n, f + 8u, h, v, c2); }
  if (FB > 3u) { store_block(n, f + 12u, h, v, c3); }
  let rest = f + 4u * FB;
  if (REST > 0u) { store_lone(n, rest, h, v, d0); }
  if (REST > 1u) { store_lone(n, rest + 1u, h, v, d1); }
  if (REST > 2u) { store_lone(n, rest + 2u, h, v, d2); }
}
