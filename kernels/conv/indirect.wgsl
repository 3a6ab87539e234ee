// Computes y[f,q] = act(sum_k w[k,f] x[base(q) + tap[k]] + bias[f] + residual): a convolution as a GEMM whose second
// matrix is gathered through a table of tap offsets. Pixel q of N*rows*cols has base n*x_image + g*x_group + r*x_row +
// c*x_col, so stride, dilation, kernel, groups and missing columns are all in the strides and the table; x carries its
// zero halo.
//
// w is packed [groups, taps, packed] (pack.wgsl), where taps is a multiple of 4 (surplus ones have weight 0 and offset
// 0) and packed is filters rounded up to 4. Stores go to n*y_image + (g*filters + f)*y_plane + r*y_row + c*y_col +
// y_start.
// A thread makes 4*FB filters (FB is 1, 2 or 4) x 8 pixels.
//
// The bindings are x, w, tap, bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid's x goes over pixel tiles of 8 * filter tiles, pixel tile fastest, with rows of `row` threads folded into y;
// z over groups * splits; split s sums taps [s*chunk, (s+1)*chunk) (in fours) and writes at s*y_split.
const FB: u32 = 2u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  filters: u32, packed4: u32, taps4: u32, chunk: u32,
  pixels: u32, rows: u32, cols: u32, groups: u32,
  x_image: u32, x_group: u32, x_row: u32, x_col: u32,
  y_image: u32, y_plane: u32, y_row: u32, y_col: u32,
  y_start: u32, y_split: u32, tiles: u32, filter_tiles: u32,
  row: u32, first_tile: u32,
}

struct Tile {
  c0: vec4<f32>, c1: vec4<f32>, c2: vec4<f32>, c3: vec4<f32>,
  c4: vec4<f32>, c5: vec4<f32>, c6: vec4<f32>, c7: vec4<f32>,
}

struct Bases { b0: u32, b1: u32, b2: u32, b3: u32, b4: u32, b5: u32, b6: u32, b7: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> tap: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> residual: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

fn x_base(q: u32) -> u32 {
  let i = min(q, p.pixels - 1u);
  let line = i / p.cols;
  return line / p.rows * p.x_image + line % p.rows * p.x_row + i % p.cols * p.x_col;
}

fn y_base(q: u32) -> u32 {
  let line = q / p.cols;
  return line / p.rows * p.y_image + line % p.rows * p.y_row + q % p.cols * p.y_col;
}

// Holds the weights of four filters for four taps.
struct Four { k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32> }
// Values holds eight pixels at four taps: column i of l and r holds tap i of pixels 0 … 3 and 4 … 7.
struct Values { l: mat4x4<f32>, r: mat4x4<f32> }

fn weights(i: u32) -> Four {
  return Four(w[i], w[i + p.packed4], w[i + 2u * p.packed4], w[i + 3u * p.packed4]);
}

fn left(b: Bases, d: u32) -> vec4<f32> { return vec4<f32>(x[b.b0 + d], x[b.b1 + d], x[b.b2 + d], x[b.b3 + d]); }

fn right(b: Bases, d: u32) -> vec4<f32> { return vec4<f32>(x[b.b4 + d], x[b.b5 + d], x[b.b6 + d], x[b.b7 + d]); }

// An accumulator takes four terms while it is in a register.
fn pixel(c: vec4<f32>, t: Four, a: f32, b: f32, d: f32, e: f32) -> vec4<f32> {
  return fma(t.k3, vec4<f32>(e), fma(t.k2, vec4<f32>(d), fma(t.k1, vec4<f32>(b), fma(t.k0, vec4<f32>(a), c))));
}

fn add(c: Tile, t: Four, v: Values) -> Tile {
  return Tile(
    pixel(c.c0, t, v.l[0].x, v.l[1].x, v.l[2].x, v.l[3].x), pixel(c.c1, t, v.l[0].y, v.l[1].y, v.l[2].y, v.l[3].y),
    pixel(c.c2, t, v.l[0].z, v.l[1].z, v.l[2].z, v.l[3].z), pixel(c.c3, t, v.l[0].w, v.l[1].w, v.l[2].w, v.l[3].w),
    pixel(c.c4, t, v.r[0].x, v.r[1].x, v.r[2].x, v.r[3].x), pixel(c.c5, t, v.r[0].y, v.r[1].y, v.r[2].y, v.r[3].y),
    pixel(c.c6, t, v.r[0].z, v.r[1].z, v.r[2].z, v.r[3].z), pixel(c.c7, t, v.r[0].w, v.r[1].w, v.r[2].w, v.r[3].w));
}

fn store(f: u32, at: u32, sum: f32) {
  if (f >= p.filters) { return; }
  let i = at + f * p.y_plane;
  var v = sum;
  if (BIAS == 1u) { v += bias[(i - p.y_start) % p.y_image / p.y_plane]; }
  if (RESIDUAL == 1u) { v += residual[i]; }
  if (ACTIVATION >= 1u) { v = select(v, 0.0, v <= 0.0); }
  if (ACTIVATION == 2u) { v = select(v, 6.0, v >= 6.0); }
  y[i] = v;
}

fn store_pixel(f: u32, q: u32, start: u32, v: vec4<f32>) {
  if (q >= p.pixels) { return; }
  let at = y_base(q) + start;
  store(f, at, v.x);
  store(f + 1u, at, v.y);
  store(f + 2u, at, v.z);
  store(f + 3u, at, v.w);
}

fn store_tile(f: u32, q: u32, start: u32, t: Tile) {
  store_pixel(f, q, start, t.c0);
  store_pixel(f, q + 1u, start, t.c1);
  store_pixel(f, q + 2u, start, t.c2);
  store_pixel(f, q + 3u, start, t.c3);
  store_pixel(f, q + 4u, start, t.c4);
  store_pixel(f, q + 5u, start, t.c5);
  store_pixel(f, q + 6u, start, t.c6);
  store_pixel(f, q + 7u, start, t.c7);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles * p.filter_tiles) { return; }
  let q = tile % p.tiles * 8u;
  let f4 = tile / p.tiles * FB + p.first_tile;
  let g = gid.z % p.groups;
  let split = gid.z / p.groups;
  let x0 = g * p.x_group;
  let b = Bases(x_base(q) + x0, x_base(q + 1u) + x0, x_base(q + 2u) + x0, x_base(q + 3u) + x0,
    x_base(q + 4u) + x0, x_base(q + 5u) + x0, x_base(q + 6u) + x0, x_base(q + 7u) + x0);
  // Blocks beyond the packed width read the last one and store nothing.
  let last = p.packed4 - 1u;
  let w0 = min(f4, last);
  let w1 = min(f4 + 1u, last);
  let w2 = min(f4 + 2u, last);
  let w3 = min(f4 + 3u, last);
  var t0 = Tile();
  var t1 = Tile();
  var t2 = Tile();
  var t3 = Tile();
  let end = min(p.taps4, (split + 1u) * p.chunk);
  for (var k4 = split * p.chunk; k4 < end; k4++) {
    let o = tap[k4];
    let at = (g * p.taps4 + k4) * 4u * p.packed4;
    let v = Values(
      mat4x4<f32>(left(b, o.x), left(b, o.y), left(b, o.z), left(b, o.w)),
      mat4x4<f32>(right(b, o.x), right(b, o.y), right(b, o.z), right(b, o.w)));
    t0 = add(t0, weights(at + w0), v);
    if (FB > 1u) { t1 = add(t1, weights(at + w1), v); }
    if (FB > 2u) {
      t2 = add(t2, weights(at + w2), v);
      t3 = add(t3, weights(at + w3), v);
    }
  }
  let start = g * p.filters * p.y_plane + p.y_start + split * p.y_split;
  store_tile(f4 * 4u, q, start, t0);
  if (FB > 1u) { store_tile(f4 * 4u + 4u, q, start, t1); }
  if (FB > 2u) {
    store_tile(f4 * 4u + 8u, q, start, t2);
    store_tile(f4 * 4u + 12u, q, start, t3);
  }
}
