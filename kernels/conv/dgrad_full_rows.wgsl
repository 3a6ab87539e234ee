// Computes dx[n,c,h,v] = sum over f, r, q of w[f,c,r,q] dy[n,f,h+top-r,v+left-q]: the data gradient of a convolution of
// stride 1 whose dy has at most 8 columns. A thread makes 4 rows of all of dx's columns for 4 channels, so that it
// meets only columns of dy that there are, where a padded dy is mostly zeros on a small map; rows of the kernel that
// meet no row of dy are left out. Going down the kernel it keeps the rows of dy that it has loaded: each row of the
// kernel asks for one more.
//
// dy is in fours of columns, FOURS to a row: [batch, filters, rows, FOURS]. w is packed [filters, kernel_rows, KW]
// fours of channels, channels4 of them. dx is [batch, channels, height, width]. The bindings are dy and w (read), and
// dx (read_write). The grid has one thread per image, 4 rows and 4 channels, image fastest, in rows of `row`.
const KW: u32 = 5u;
const FOURS: u32 = 2u;

struct Params {
  threads: u32, row: u32, batch: u32, filters: u32,
  channels: u32, channels4: u32, rows: u32, kernel_rows: u32,
  tiles: u32, height: u32, width: u32, top: u32, left: u32,
}

struct Line { l: vec4<f32>, m: vec4<f32> }
// Holds four channels' weights of a row of the kernel.
struct Taps { k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>, k4: vec4<f32> }
// This has four channels at each column of dx, counted from `left` columns before its first.
struct Row {
  c0: vec4<f32>, c1: vec4<f32>, c2: vec4<f32>, c3: vec4<f32>,
  c4: vec4<f32>, c5: vec4<f32>, c6: vec4<f32>, c7: vec4<f32>,
  c8: vec4<f32>, c9: vec4<f32>, c10: vec4<f32>, c11: vec4<f32>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

// Above dy the difference wraps to a huge number.
fn line_at(plane: u32, h: u32) -> Line {
  let i = (plane + min(h, p.rows - 1u)) * FOURS;
  let inside = vec4<bool>(h < p.rows);
  var t = Line();
  t.l = select(vec4<f32>(), dy[i], inside);
  if (FOURS > 1u) { t.m = select(vec4<f32>(), dy[i + 1u], inside); }
  return t;
}

fn taps_at(i: u32) -> Taps {
  var t = Taps();
  t.k0 = w[i];
  if (KW > 1u) { t.k1 = w[i + p.channels4]; }
  if (KW > 2u) { t.k2 = w[i + 2u * p.channels4]; }
  if (KW > 3u) { t.k3 = w[i + 3u * p.channels4]; }
  if (KW > 4u) { t.k4 = w[i + 4u * p.channels4]; }
  return t;
}

fn times(c: vec4<f32>, k: vec4<f32>, x: f32) -> vec4<f32> { return fma(k, vec4<f32>(x), c); }

// Column i sees column i - q of dy through tap q; these are the columns i, i - 1, …, i - 4.
fn column(c: vec4<f32>, t: Taps, x: vec4<f32>, e: f32) -> vec4<f32> {
  var s = times(c, t.k0, x.x);
  if (KW > 1u) { s = times(s, t.k1, x.y); }
  if (KW > 2u) { s = times(s, t.k2, x.z); }
  if (KW > 3u) { s = times(s, t.k3, x.w); }
  if (KW > 4u) { s = times(s, t.k4, e); }
  return s;
}

// Sums the last columns, of which some taps see nothing.
fn columns_behind(c: Row, t: Taps, m: vec4<f32>) -> Row {
  var s = c;
  if (KW > 1u) { s.c8 = times(s.c8, t.k1, m.w); }
  if (KW > 2u) { s.c8 = times(s.c8, t.k2, m.z); s.c9 = times(s.c9, t.k2, m.w); }
  if (KW > 3u) { s.c8 = times(s.c8, t.k3, m.y); s.c9 = times(s.c9, t.k3, m.z); s.c10 = times(s.c10, t.k3, m.w); }
  if (KW > 4u) {
    s.c8 = times(s.c8, t.k4, m.x);
    s.c9 = times(s.c9, t.k4, m.y);
    s.c10 = times(s.c10, t.k4, m.z);
    s.c11 = times(s.c11, t.k4, m.w);
  }
  return s;
}

fn columns_before(c: Row, t: Taps, l: vec4<f32>) -> Row {
  var s = c;
  s.c0 = times(s.c0, t.k0, l.x);
  s.c1 = times(s.c1, t.k0, l.y);
  if (KW > 1u) { s.c1 = times(s.c1, t.k1, l.x); }
  s.c2 = times(s.c2, t.k0, l.z);
  if (KW > 1u) { s.c2 = times(s.c2, t.k1, l.y); }
  if (KW > 2u) { s.c2 = times(s.c2, t.k2, l.x); }
  s.c3 = times(s.c3, t.k0, l.w);
  if (KW > 1u) { s.c3 = times(s.c3, t.k1, l.z); }
  if (KW > 2u) { s.c3 = times(s.c3, t.k2, l.y); }
  if (KW > 3u) { s.c3 = times(s.c3, t.k3, l.x); }
  return s;
}

fn add(c: Row, t: Taps, x: Line) -> Row {
  var s = columns_before(c, t, x.l);
  s.c4 = column(s.c4, t, vec4<f32>(x.m.x, x.l.wzy), x.l.x);
  s.c5 = column(s.c5, t, vec4<f32>(x.m.yx, x.l.wz), x.l.y);
  s.c6 = column(s.c6, t, vec4<f32>(x.m.zyx, x.l.w), x.l.z);
  s.c7 = column(s.c7, t, x.m.wzyx, x.l.w);
  if (FOURS == 1u) { return s; }
  return columns_behind(s, t, x.m);
}

fn store_column(at: u32, c: u32, i: u32, s: vec4<f32>) {
  let v = i - p.left;
  if (v >= p.width) { return; }
  let plane = p.height * p.width;
  dx[at + v] = s.x;
  if (c + 1u < p.channels) { dx[at + plane + v] = s.y; }
  if (c + 2u < p.channels) { dx[at + 2u * plane + v] = s.z; }
  if (c + 3u < p.channels) { dx[at + 3u * plane + v] = s.w; }
}

fn store(n: u32, c: u32, h: u32, s: Row) {
  if (h >= p.height) { return; }
  let at = ((n * p.channels + c) * p.height + h) * p.width;
  store_column(at, c, 0u, s.c0);
  store_column(at, c, 1u, s.c1);
  store_column(at, c, 2u, s.c2);
  store_column(at, c, 3u, s.c3);
  store_column(at, c, 4u, s.c4);
  store_column(at, c, 5u, s.c5);
  store_column(at, c, 6u, s.c6);
  store_column(at, c, 7u, s.c7);
  store_column(at, c, 8u, s.c8);
  store_column(at, c, 9u, s.c9);
  store_column(at, c, 10u, s.c10);
  store_column(at, c, 11u, s.c11);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let thread = gid.x + gid.y * p.row;
  if (thread >= p.threads) { return; }
  let n = thread % p.batch;
  let h = thread / p.batch % p.tiles * 4u;
  let c4 = thread / p.batch / p.tiles;
  let first = h + p.top;
  let from_row = first - min(first, p.rows - 1u);
  let to_row = min(p.kernel_rows, first + 4u);
  var s0 = Row();
  var s1 = Row();
  var s2 = Row();
  var s3 = Row();
  for (var f = 0u; f < p.filters; f++) {
    let plane = (n * p.filters + f) * p.rows;
    var x1 = line_at(plane, first + 1u - from_row);
    var x2 = line_at(plane, first + 2u - from_row);
    var x3 = line_at(plane, first + 3u - from_row);
    for (var r = from_row; r < to_row; r++) {
      let x0 = line_at(plane, first - r);
      let t = taps_at((f * p.kernel_rows + r) * KW * p.channels4 + c4);
      s0 = add(s0, t, x0);
      s1 = add(s1, t, x1);
      s2 = add(s2, t, x2);
      s3 = add(s3, t, x3);
      x3 = x2;
      x2 = x1;
      x1 = x0;
    }
  }
  let c = 4u * c4;
  store(n, c, h, s0);
  store(n, c, h + 1u, s1);
  store(n, c, h + 2u, s2);
  store(n, c, h + 3u, s3);
}
