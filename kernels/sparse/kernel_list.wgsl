// y[n,f,h,v] = act(sum over the kernels j of filter f's list, r and k of w[j,r,k] x[base(n,h,v) + kernel[j] + r*x_row + k]
// + bias[f] + residual): a convolution that visits only the kernels (f,c) that were kept, or only rows of them (KH = 1).
//
// x is in fours of columns (its rows are multiples of 4 long) and carries its zero halo: base = n*x_image + h*x_row + v/4;
// kernel[j] and the strides count vec4s. What lies beyond a row's end only reaches outputs that aren't stored.
// MASK0 … MASK7 are patterns: bit r*KW + k says that a kernel has tap (r,k). A list holds the kernels of pattern 0 first,
// then those of pattern 1, …, each in a loop of its own whose missing taps cost nothing; 0 is no pattern. Without PACKED there is one, of all taps.
// w has a vec4 per kernel row (KW <= 4), or, PACKED, one vec4 per kernel with the taps of its pattern in order.
// bounds[l*(patterns + 2) + i] is where pattern i of list l starts in `kernel` (i = patterns: where the last one ends), followed by the
// list's filter.
// A thread makes one filter x ROWS rows x 4*FOURS columns: every line of x that it loads serves all taps of a kernel in
// all of its rows (KH = 3 needs a row stride of one).
//
// Bindings: x, w, kernel, bounds, bias, residual read (an unused one takes any buffer), y read_write.
// Grid: x over tiles * lists, pixel tile fastest, rows of `row` threads folded into y.
const KH: u32 = 3u;
const KW: u32 = 3u;
const ROWS: u32 = 4u;
const FOURS: u32 = 2u;
const PACKED: u32 = 0u;
const MASK0: u32 = 0u;
const MASK1: u32 = 0u;
const MASK2: u32 = 0u;
const MASK3: u32 = 0u;
const MASK4: u32 = 0u;
const MASK5: u32 = 0u;
const MASK6: u32 = 0u;
const MASK7: u32 = 0u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;
const FIRST: u32 = select((1u << (KH * KW)) - 1u, MASK0, PACKED == 1u);

struct Params {
  lists: u32, patterns: u32, filters: u32, row: u32,
  rows: u32, cols: u32, tiles_h: u32, tiles_v: u32,
  tiles: u32, x_image: u32, x_row: u32,
}

// Columns 0 … 11 of a line of x.
struct Line { l: vec4<f32>, m: vec4<f32>, r: vec4<f32> }
struct Row { l: vec4<f32>, m: vec4<f32> }
struct Tile { c0: Row, c1: Row, c2: Row, c3: Row, c4: Row, c5: Row, c6: Row, c7: Row }
struct Kernel { r0: vec4<f32>, r1: vec4<f32>, r2: vec4<f32> }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> kernel: array<u32>;
@group(0) @binding(4) var<storage, read> bounds: array<u32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> residual: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

fn line_at(i: u32) -> Line {
  var t = Line();
  t.l = x[i];
  if (KW > 1u || FOURS > 1u) { t.m = x[i + 1u]; }
  if (KW > 1u && FOURS > 1u) { t.r = x[i + 2u]; }
  return t;
}

// `mask` is a constant wherever this is called, and indices made of it with it.
fn weights_at(mask: u32, j: u32) -> Kernel {
  var t = Kernel();
  if (PACKED == 0u) {
    t.r0 = w[j * KH];
    if (KH > 1u) { t.r1 = w[j * KH + 1u]; }
    if (KH > 2u) { t.r2 = w[j * KH + 2u]; }
    return t;
  }
  let v = w[j];
  t.r0 = unpacked(mask, v, 0u);
  t.r1 = unpacked(mask, v, KW);
  t.r2 = unpacked(mask, v, 2u * KW);
  return t;
}

fn unpacked(mask: u32, v: vec4<f32>, first: u32) -> vec4<f32> {
  let n = countOneBits(mask & ((1u << first) - 1u));
  let m = mask >> first;
  return vec4<f32>(
    v[min(n, 3u)], v[min(n + (m & 1u), 3u)], v[min(n + countOneBits(m & 3u), 3u)], v[min(n + countOneBits(m & 7u), 3u)]);
}

fn four(mask: u32, c: vec4<f32>, t: vec4<f32>, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  var s = c;
  if ((mask & 1u) != 0u) { s = fma(vec4<f32>(t.x), a, s); }
  if (KW > 1u && (mask & 2u) != 0u) { s = fma(vec4<f32>(t.y), vec4<f32>(a.yzw, b.x), s); }
  if (KW > 2u && (mask & 4u) != 0u) { s = fma(vec4<f32>(t.z), vec4<f32>(a.zw, b.xy), s); }
  if (KW > 3u && (mask & 8u) != 0u) { s = fma(vec4<f32>(t.w), vec4<f32>(a.w, b.xyz), s); }
  return s;
}

fn line(mask: u32, c: Row, t: vec4<f32>, v: Line) -> Row {
  var s = c;
  s.l = four(mask, c.l, t, v.l, v.m);
  if (FOURS > 1u) { s.m = four(mask, c.m, t, v.m, v.r); }
  return s;
}

// An accumulator takes all taps of a kernel while it is in a register.
fn kernel_row(mask: u32, c: Row, t: Kernel, a: Line, b: Line, d: Line) -> Row {
  var s = line(mask, c, t.r0, a);
  if (KH > 1u) { s = line(mask >> KW, s, t.r1, b); }
  if (KH > 2u) { s = line(mask >> (2u * KW), s, t.r2, d); }
  return s;
}

fn sum(mask: u32, start: Tile, x0: u32, first: u32, end: u32) -> Tile {
  var c = start;
  for (var j = first; j < end; j++) {
    let t = weights_at(mask, j);
    let i = x0 + kernel[j];
    let l0 = line_at(i);
    var l1 = Line();
    var l2 = Line();
    if (ROWS + KH > 2u) { l1 = line_at(i + p.x_row); }
    if (ROWS + KH > 3u) { l2 = line_at(i + 2u * p.x_row); }
    c.c0 = kernel_row(mask, c.c0, t, l0, l1, l2);
    if (ROWS > 1u) {
      var l3 = Line();
      var l4 = Line();
      var l5 = Line();
      l3 = line_at(i + 3u * p.x_row);
      if (ROWS + KH > 5u) { l4 = line_at(i + 4u * p.x_row); }
      if (ROWS + KH > 6u) { l5 = line_at(i + 5u * p.x_row); }
      c.c1 = kernel_row(mask, c.c1, t, l1, l2, l3);
      c.c2 = kernel_row(mask, c.c2, t, l2, l3, l4);
      c.c3 = kernel_row(mask, c.c3, t, l3, l4, l5);
      if (ROWS > 4u) {
        let l6 = line_at(i + 6u * p.x_row);
        let l7 = line_at(i + 7u * p.x_row);
        var l8 = Line();
        var l9 = Line();
        if (KH > 1u) { l8 = line_at(i + 8u * p.x_row); }
        if (KH > 2u) { l9 = line_at(i + 9u * p.x_row); }
        c.c4 = kernel_row(mask, c.c4, t, l4, l5, l6);
        c.c5 = kernel_row(mask, c.c5, t, l5, l6, l7);
        c.c6 = kernel_row(mask, c.c6, t, l6, l7, l8);
        c.c7 = kernel_row(mask, c.c7, t, l7, l8, l9);
      }
    }
  }
  return c;
}

fn store(i: u32, v: u32, sum: f32) {
  if (v >= p.cols) { return; }
  var s = sum;
  if (RESIDUAL == 1u) { s += residual[i + v]; }
  if (ACTIVATION >= 1u) { s = max(s, 0.0); }
  if (ACTIVATION == 2u) { s = min(s, 6.0); }
  y[i + v] = s;
}

fn store_four(i: u32, v: u32, s: vec4<f32>) {
  store(i, v, s.x);
  store(i, v + 1u, s.y);
  store(i, v + 2u, s.z);
  store(i, v + 3u, s.w);
}

fn store_row(plane: u32, h: u32, v: u32, b: f32, s: Row) {
  if (h >= p.rows) { return; }
  let i = (plane * p.rows + h) * p.cols;
  store_four(i, v, s.l + b);
  if (FOURS > 1u) { store_four(i, v + 4u, s.m + b); }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles * p.lists) { return; }
  let q = tile % p.tiles;
  let v = q % p.tiles_v * 4u * FOURS;
  let h = q / p.tiles_v % p.tiles_h * ROWS;
  let n = q / p.tiles_v / p.tiles_h;
  let x0 = n * p.x_image + h * p.x_row + v / 4u;
  let b = tile / p.tiles * (p.patterns + 2u);
  var c = sum(FIRST, Tile(), x0, bounds[b], bounds[b + 1u]);
  if (MASK1 != 0u) { c = sum(MASK1, c, x0, bounds[b + 1u], bounds[b + 2u]); }
  if (MASK2 != 0u) { c = sum(MASK2, c, x0, bounds[b + 2u], bounds[b + 3u]); }
  if (MASK3 != 0u) { c = sum(MASK3, c, x0, bounds[b + 3u], bounds[b + 4u]); }
  if (MASK4 != 0u) { c = sum(MASK4, c, x0, bounds[b + 4u], bounds[b + 5u]); }
  if (MASK5 != 0u) { c = sum(MASK5, c, x0, bounds[b + 5u], bounds[b + 6u]); }
  if (MASK6 != 0u) { c = sum(MASK6, c, x0, bounds[b + 6u], bounds[b + 7u]); }
  if (MASK7 != 0u) { c = sum(MASK7, c, x0, bounds[b + 7u], bounds[b + 8u]); }
  let f = bounds[b + p.patterns + 1u];
  let plane = n * p.filters + f;
  var d = 0.0;
  if (BIAS == 1u) { d = bias[f]; }
  store_row(plane, h, v, d, c.c0);
  if (ROWS > 1u) {
    store_row(plane, h + 1u, v, d, c.c1);
    store_row(plane, h + 2u, v, d, c.c2);
    store_row(plane, h + 3u, v, d, c.c3);
  }
  if (ROWS > 4u) {
    store_row(plane, h + 4u, v, d, c.c4);
    store_row(plane, h + 5u, v, d, c.c5);
    store_row(plane, h + 6u, v, d, c.c6);
    store_row(plane, h + 7u, v, d, c.c7);
  }
}
