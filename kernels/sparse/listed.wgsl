// This is what listed_uniform.wgsl and listed_storage.wgsl share: tiles of ROWS rows x 4 columns of 4*FB filters (of
// one where FB is 0), four taps at a time, and their stores. With EDGES 0, every line and every tile is whole, so that
// nothing is asked before a store. With WIDE, y and residual are stored as vec4 along columns (CONV 1) or filters (CONV
// 0), whose count is a multiple of 4. With ADD, y holds the sum of earlier dispatches.
const FB: u32 = 4u;
const ROWS: u32 = 2u;
const CONV: u32 = 1u;
const ADD: u32 = 0u;
const EDGES: u32 = 1u;
const WIDE: u32 = 0u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;
const FILTERS_AT: u32 = 65u;
const TAPS_AT: u32 = 96u;
const REGION: u32 = min(992u, 1024u / max(FB, 1u));

// Each holds a tile's rows of four pixels: Patch of the input at a tap, Patches at four taps, and Sums of the sums for
// four filters (column i is pixel i).
struct Patch { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32> }
struct Patches { p0: Patch, p1: Patch, p2: Patch, p3: Patch }
struct Sums { a: mat4x4<f32>, b: mat4x4<f32>, c: mat4x4<f32>, d: mat4x4<f32> }

// Says where the tile's first pixel reads, before the tap is added: in vec4s of panels, in floats of images.
struct Origin { at: u32, row: i32, cols: vec4<i32> }
// Says where four pixels lie, and whether they are inside.
struct Place { at: vec4<u32>, inside: vec4<bool> }

// Gives the place of the tile's r-th row at a tap, which tables hold as channel | (256 + row) << 14 | (256 + column) <<
// 23.
fn place(o: Origin, tap: u32, start: u32, r: u32) -> Place {
  let row = o.row + i32((tap >> 14u) & 511u) - 256 + i32(r * p.stride_h);
  let cols = o.cols + vec4<i32>(i32(tap >> 23u) - 256);
  let plane = i32(start + o.at + (tap & 16383u) * (p.height * p.width));
  return Place(
    vec4<u32>(cols + vec4<i32>(plane + row * i32(p.width))),
    (vec4<u32>(cols) < vec4<u32>(p.width)) & vec4<bool>(u32(row) < p.height));
}

// Holds the row and column of a tile, its image (or panel), and where it reads.
struct Tile { h: u32, v: u32, n: u32, cols: vec4<i32> }

fn tile_at(i: u32) -> Tile {
  let v = i % p.tiles_v * 4u;
  let cols = (vec4<i32>(i32(v)) + vec4<i32>(0, 1, 2, 3)) * i32(p.stride_w);
  return Tile(i / p.tiles_v % p.tiles_h * ROWS, v, i / p.tiles_v / p.tiles_h, cols);
}

// An accumulator takes four taps in a row, while it is in a register.
fn four_taps(c: vec4<f32>, x: vec4<f32>, w: mat4x4<f32>) -> vec4<f32> {
  return fma(vec4<f32>(x.w), w[3], fma(vec4<f32>(x.z), w[2], fma(vec4<f32>(x.y), w[1], fma(vec4<f32>(x.x), w[0], c))));
}

fn row_sums(
  c: mat4x4<f32>, x0: vec4<f32>, x1: vec4<f32>, x2: vec4<f32>, x3: vec4<f32>, w: mat4x4<f32>,
) -> mat4x4<f32> {
  let x = transpose(mat4x4<f32>(x0, x1, x2, x3));
  return mat4x4<f32>(
    four_taps(c[0], x[0], w), four_taps(c[1], x[1], w), four_taps(c[2], x[2], w), four_taps(c[3], x[3], w));
}

fn add(c: Sums, x: Patches, w: mat4x4<f32>) -> Sums {
  var s = Sums();
  s.a = row_sums(c.a, x.p0.a, x.p1.a, x.p2.a, x.p3.a, w);
  s.b = row_sums(c.b, x.p0.b, x.p1.b, x.p2.b, x.p3.b, w);
  if (ROWS > 2u) {
    s.c = row_sums(c.c, x.p0.c, x.p1.c, x.p2.c, x.p3.c, w);
    s.d = row_sums(c.d, x.p0.d, x.p1.d, x.p2.d, x.p3.d, w);
  }
  return s;
}

// Adds a tap of one filter; column r is the tile's r-th row.
fn add_one(c: mat4x4<f32>, x: Patches, w: vec4<f32>) -> mat4x4<f32> {
  let t0 = mat4x4<f32>(x.p0.a, x.p0.b, x.p0.c, x.p0.d);
  let t1 = mat4x4<f32>(x.p1.a, x.p1.b, x.p1.c, x.p1.d);
  let t2 = mat4x4<f32>(x.p2.a, x.p2.b, x.p2.c, x.p2.d);
  let t3 = mat4x4<f32>(x.p3.a, x.p3.b, x.p3.c, x.p3.d);
  return mat4x4<f32>(
    four_taps(c[0], w, mat4x4<f32>(t0[0], t1[0], t2[0], t3[0])),
    four_taps(c[1], w, mat4x4<f32>(t0[1], t1[1], t2[1], t3[1])),
    four_taps(c[2], w, mat4x4<f32>(t0[2], t1[2], t2[2], t3[2])),
    four_taps(c[3], w, mat4x4<f32>(t0[3], t1[3], t2[3], t3[3])));
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
  let at = i >> 2u;
  let k = i & 3u;
  var s = sum;
  if (ADD == 1u) { s += y[at][k]; }
  if (RESIDUAL == 1u) { s += residual[at][k]; }
  if (ACTIVATION >= 1u) { s = select(s, 0.0, s <= 0.0); }
  if (ACTIVATION == 2u) { s = select(s, 6.0, s >= 6.0); }
  y[at][k] = s;
}

// Writes neighbours in y, of which the first `count` exist.
fn store_run(i: u32, count: u32, s: vec4<f32>) {
  if (WIDE == 1u) {
    y[i >> 2u] = finish(i >> 2u, s);
    return;
  }
  if (EDGES == 0u || count > 0u) { store_one(i, s.x); }
  if (EDGES == 0u || count > 1u) { store_one(i + 1u, s.y); }
  if (EDGES == 0u || count > 2u) { store_one(i + 2u, s.z); }
  if (EDGES == 0u || count > 3u) { store_one(i + 3u, s.w); }
}

// Writes four columns of filter f.
fn store_columns(f: u32, h: u32, v: u32, start: u32, s: vec4<f32>) {
  if (EDGES == 1u && (f >= p.filters || h >= p.rows)) { return; }
  store_run(start + f * p.y_filter + h * p.cols + v, p.cols - v, s + vec4<f32>(bias_at(f)));
}

// Writes four filters of row m of Y.
fn store_filters(f: u32, m: u32, start: u32, s: vec4<f32>) {
  if (EDGES == 1u && m >= p.rows) { return; }
  let b = vec4<f32>(bias_at(f), bias_at(f + 1u), bias_at(f + 2u), bias_at(f + 3u));
  store_run(start + m * p.filters + f, p.filters - f, s + b);
}

fn bias_at(f: u32) -> f32 {
  if (BIAS == 0u) { return 0.0; }
  return bias[min(f, p.filters - 1u)];
}

// Writes one filter of four rows of Y.
fn store_rows(f: u32, m: u32, start: u32, s: vec4<f32>) {
  let i = start + m * p.filters + f;
  let b = bias_at(f);
  if (EDGES == 0u || m < p.rows) { store_one(i, s.x + b); }
  if (EDGES == 0u || m + 1u < p.rows) { store_one(i + p.filters, s.y + b); }
  if (EDGES == 0u || m + 2u < p.rows) { store_one(i + 2u * p.filters, s.z + b); }
  if (EDGES == 0u || m + 3u < p.rows) { store_one(i + 3u * p.filters, s.w + b); }
}

// Writes four pixels of four filters: columns v ... of row h, or rows 4*h ... of Y.
fn store_four(f: u32, h: u32, v: u32, start: u32, c: mat4x4<f32>) {
  if (CONV == 0u) {
    store_filters(f, 4u * h, start, c[0]);
    store_filters(f, 4u * h + 1u, start, c[1]);
    store_filters(f, 4u * h + 2u, start, c[2]);
    store_filters(f, 4u * h + 3u, start, c[3]);
    return;
  }
  let s = transpose(c);
  store_columns(f, h, v, start, s[0]);
  store_columns(f + 1u, h, v, start, s[1]);
  store_columns(f + 2u, h, v, start, s[2]);
  store_columns(f + 3u, h, v, start, s[3]);
}

fn store_sums(f: u32, h: u32, v: u32, start: u32, c: Sums) {
  if (EDGES == 1u && f >= p.filters) { return; }
  store_four(f, h, v, start, c.a);
  store_four(f, h + 1u, v, start, c.b);
  if (ROWS > 2u) {
    store_four(f, h + 2u, v, start, c.c);
    store_four(f, h + 3u, v, start, c.d);
  }
}

fn store_pixels(f: u32, h: u32, v: u32, start: u32, s: vec4<f32>) {
  if (CONV == 0u) { store_rows(f, 4u * h, start, s); } else { store_columns(f, h, v, start, s); }
}

// Writes the pixels of one filter.
fn store_lone(f: u32, h: u32, v: u32, start: u32, c: mat4x4<f32>) {
  store_pixels(f, h, v, start, c[0]);
  store_pixels(f, h + 1u, v, start, c[1]);
  if (ROWS > 2u) {
    store_pixels(f, h + 2u, v, start, c[2]);
    store_pixels(f, h + 3u, v, start, c[3]);
  }
}

fn store_line(f: u32, tile: Tile, c0: Sums, c1: Sums, c2: Sums, c3: Sums) {
  let start = p.y_start + tile.n * p.y_image;
  let row = select(tile.h, tile.n * 16u + tile.h, CONV == 0u);
  if (FB == 0u) { store_lone(f, row, tile.v, start, c0.a); }
  if (FB > 0u) { store_sums(f, row, tile.v, start, c0); }
  if (FB > 1u) { store_sums(f + 4u, row, tile.v, start, c1); }
  if (FB > 2u) {
    store_sums(f + 8u, row, tile.v, start, c2);
    store_sums(f + 12u, row, tile.v, start, c3);
  }
}
