// This is what kernel_list.wgsl and kernel_list_uniform.wgsl share: a thread makes one filter x ROWS rows x 4*FOURS
// columns, and every line of x that it loads serves all taps of a kernel of KH x KW taps (KW <= 4) in all of its rows.
// KH is 1, or 2 or 3 with a row stride of one. With WIDE, y and residual are stored as vec4, cols being a multiple of
// 4.
// With ADD, y holds the sum of earlier dispatches.
const KH: u32 = 3u;
const KW: u32 = 3u;
const ROWS: u32 = 4u;
const FOURS: u32 = 2u;
const WIDE: u32 = 0u;
const ADD: u32 = 0u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

// Holds columns 0 ... 11 of a line of x.
struct Line { l: vec4<f32>, m: vec4<f32>, r: vec4<f32> }
struct Lines { l0: Line, l1: Line, l2: Line, l3: Line, l4: Line, l5: Line, l6: Line, l7: Line, l8: Line, l9: Line }
struct Row { l: vec4<f32>, m: vec4<f32> }
struct Tile { c0: Row, c1: Row, c2: Row, c3: Row, c4: Row, c5: Row, c6: Row, c7: Row }
// Holds a vec4 of taps for each row.
struct Kernel { r0: vec4<f32>, r1: vec4<f32>, r2: vec4<f32> }

// `mask` is a constant wherever this is called: bit r*KW + k says that the kernel has tap (r,k).
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

fn add_kernel(mask: u32, start: Tile, t: Kernel, x: Lines) -> Tile {
  var c = start;
  c.c0 = kernel_row(mask, c.c0, t, x.l0, x.l1, x.l2);
  if (ROWS > 1u) { c.c1 = kernel_row(mask, c.c1, t, x.l1, x.l2, x.l3); }
  if (ROWS > 2u) {
    c.c2 = kernel_row(mask, c.c2, t, x.l2, x.l3, x.l4);
    c.c3 = kernel_row(mask, c.c3, t, x.l3, x.l4, x.l5);
  }
  if (ROWS > 4u) {
    c.c4 = kernel_row(mask, c.c4, t, x.l4, x.l5, x.l6);
    c.c5 = kernel_row(mask, c.c5, t, x.l5, x.l6, x.l7);
    c.c6 = kernel_row(mask, c.c6, t, x.l6, x.l7, x.l8);
    c.c7 = kernel_row(mask, c.c7, t, x.l7, x.l8, x.l9);
  }
  return c;
}

fn store_one(i: u32, sum: f32) {
  let at = i >> 2u;
  let k = i & 3u;
  var s = sum;
  if (ADD == 1u) { s += y[at][k]; }
  if (RESIDUAL == 1u) { s += residual[at][k]; }
  if (ACTIVATION >= 1u) { s = select(s, 0.0, s <= 0.0); }
  if (ACTIVATION == 2u) { s = select(s, 6.0, s >= 6.0); }
  y[at][k] = s;
}

fn store_wide(at: u32, sum: vec4<f32>) {
  var s = sum;
  if (ADD == 1u) { s += y[at]; }
  if (RESIDUAL == 1u) { s += residual[at]; }
  if (ACTIVATION >= 1u) { s = select(s, vec4<f32>(0.0), s <= vec4<f32>(0.0)); }
  if (ACTIVATION == 2u) { s = select(s, vec4<f32>(6.0), s >= vec4<f32>(6.0)); }
  y[at] = s;
}

fn store_four(i: u32, v: u32, s: vec4<f32>) {
  if (v >= p.cols) { return; }
  if (WIDE == 1u) {
    store_wide((i + v) >> 2u, s);
    return;
  }
  store_one(i + v, s.x);
  if (v + 1u < p.cols) { store_one(i + v + 1u, s.y); }
  if (v + 2u < p.cols) { store_one(i + v + 2u, s.z); }
  if (v + 3u < p.cols) { store_one(i + v + 3u, s.w); }
}

fn store_row(plane: u32, h: u32, v: u32, b: f32, s: Row) {
  if (h >= p.rows) { return; }
  let i = (plane * p.rows + h) * p.cols;
  store_four(i, v, s.l + b);
  if (FOURS > 1u) { store_four(i, v + 4u, s.m + b); }
}

// Writes the tile of filter f in image n.
fn store_tile(n: u32, f: u32, h: u32, v: u32, c: Tile) {
  let plane = n * p.filters + f;
  var b = 0.0;
  if (BIAS == 1u) { b = bias[f]; }
  store_row(plane, h, v, b, c.c0);
  if (ROWS > 1u) { store_row(plane, h + 1u, v, b, c.c1); }
  if (ROWS > 2u) {
    store_row(plane, h + 2u, v, b, c.c2);
    store_row(plane, h + 3u, v, b, c.c3);
  }
  if (ROWS > 4u) {
    store_row(plane, h + 4u, v, b, c.c4);
    store_row(plane, h + 5u, v, b, c.c5);
    store_row(plane, h + 6u, v, b, c.c6);
    store_row(plane, h + 7u, v, b, c.c7);
  }
}
