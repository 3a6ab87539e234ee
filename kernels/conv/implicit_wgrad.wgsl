// Computes dw[f,c,t] = sum over images and pixels of dy[n,f,i,j] x[n,c,...], the weight gradient of a convolution, as a
// product of dy, A [filters, pixels], and of what each pixel sees of x, B [pixels, taps x channels]. Nothing is copied
// before: a thread that loads x tests for itself where the border is.
//
// Output (i, j) reads x[i*stride_h + r*dilation_h - top, j*stride_w + s*dilation_w - left] for tap t = r*taps_h + s, 0
// beyond the map. Four columns of B are four channels of one tap, which has `fours` of them. A step takes BK*SLICES
// pixels, image after image: neighbouring threads load neighbouring pixels. A thread counts on where its own pixel lies:
// by next_v and next_h of a map of end_v x end_h that tap (0, 0) walks over without padding, by dy_next and x_next in dy
// and x, by x_row_turn more at the end of a row, and by dy_turn and x_turn more at the end of an image.
//
// The bindings are x, dy (read), and dw (read_write). The grid's x goes over tiles of A (fastest) and of B, in rows of
// `row` workgroups folded into y; z over groups (fastest) and splits of the sum, which write their parts dw_split apart.
struct Params {
  rows: u32, channels: u32, fours: u32, columns: u32, groups: u32, splits: u32, tiles_a: u32, row: u32,
  pixels: u32, out_rows: u32, out_cols: u32, dy_image: u32,
  height: u32, width: u32, x_image: u32, taps: u32, taps_h: u32,
  stride_h: u32, stride_w: u32, dilation_h: u32, dilation_w: u32, top: u32, left: u32,
  next_v: u32, next_h: u32, end_v: u32, end_h: u32,
  dy_next: u32, dy_turn: u32, x_next: u32, x_row_turn: u32, x_turn: u32, dw_split: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

// Names a pixel, the k-th of all: where it lies in dy, and where in x it sees tap (0, 0) without padding, in row v and
// column h.
struct Pixel { k: u32, v: u32, h: u32, dy_at: u32, x_at: u32 }

// Names four channels of a tap: where pixel (0, 0) of the first image sees the first of them, and how far down and right
// that lies in the map.
struct Column { at: u32, v: u32, h: u32 }
struct Columns { c0: Column, c1: Column, c2: Column, c3: Column }

fn column_at(g: u32, four: u32) -> Column {
  let tap = four / p.fours;
  let v = tap / p.taps_h * p.dilation_h - p.top;
  let h = tap % p.taps_h * p.dilation_w - p.left;
  let c = g * p.channels + four % p.fours * 4u;
  return Column((c * p.height + v) * p.width + h, v, h);
}

// Goes BK*SLICES pixels further.
fn next_pixel(q: Pixel) -> Pixel {
  var n = Pixel(q.k + BK * SLICES, q.v + p.next_v, q.h + p.next_h, q.dy_at + p.dy_next, q.x_at + p.x_next);
  if (n.h >= p.end_h) {
    n.h -= p.end_h;
    n.v += p.stride_h;
    n.x_at += p.x_row_turn;
  }
  if (n.v >= p.end_v) {
    n.v -= p.end_v;
    n.dy_at += p.dy_turn;
    n.x_at += p.x_turn;
  }
  return n;
}

fn pixel_at(k: u32) -> Pixel {
  let plane = p.out_rows * p.out_cols;
  let n = k / plane;
  let v = k % plane / p.out_cols * p.stride_h;
  let h = k % p.out_cols * p.stride_w;
  return Pixel(k, v, h, n * p.dy_image + k % plane, n * p.x_image + v * p.width + h);
}

fn four_filters(i: u32, plane: u32) -> vec4<f32> {
  return vec4<f32>(dy[i], dy[i + plane], dy[i + 2u * plane], dy[i + 3u * plane]);
}

// Loads dy of a pixel for the thread's filters, from place `first` on.
fn load_filters(q: Pixel, first: u32) -> Fours {
  let plane = p.out_rows * p.out_cols;
  let i = first + q.dy_at;
  var a = Fours();
  a.v0 = four_filters(i, plane);
  if (A_PASSES > 1u) { a.v1 = four_filters(i + 32u * plane, plane); }
  return a;
}

fn four_channels(i: u32) -> vec4<f32> {
  let plane = p.height * p.width;
  return vec4<f32>(x[i], x[i + plane], x[i + 2u * plane], x[i + 3u * plane]);
}

// Loads what a pixel sees of x for the thread's columns.
fn load_columns(q: Pixel, c: Columns) -> Fours {
  var b = Fours();
  b.v0 = four_channels(q.x_at + c.c0.at);
  if (B_PASSES > 1u) { b.v1 = four_channels(q.x_at + c.c1.at); }
  if (B_PASSES > 2u) {
    b.v2 = four_channels(q.x_at + c.c2.at);
    b.v3 = four_channels(q.x_at + c.c3.at);
  }
  return b;
}

fn kept_filters(a: Fours, q: Pixel) -> Fours {
  let inside = q.k < p.pixels;
  var r = Fours();
  r.v0 = select(vec4<f32>(), a.v0, inside);
  if (A_PASSES > 1u) { r.v1 = select(vec4<f32>(), a.v1, inside); }
  return r;
}

fn bordered(four: vec4<f32>, q: Pixel, c: Column) -> vec4<f32> {
  return select(vec4<f32>(), four, q.k < p.pixels && q.v + c.v < p.height && q.h + c.h < p.width);
}

fn kept_columns(b: Fours, q: Pixel, c: Columns) -> Fours {
  var r = Fours();
  r.v0 = bordered(b.v0, q, c.c0);
  if (B_PASSES > 1u) { r.v1 = bordered(b.v1, q, c.c1); }
  if (B_PASSES > 2u) {
    r.v2 = bordered(b.v2, q, c.c2);
    r.v3 = bordered(b.v3, q, c.c3);
  }
  return r;
}

fn store_row(g: u32, f: u32, z: u32, four: u32, sums: vec4<f32>) {
  if (f >= p.rows || four >= p.columns) { return; }
  let c = four % p.fours * 4u;
  let i = z * p.dw_split + ((g * p.rows + f) * p.channels + c) * p.taps + four / p.fours;
  dw[i] = sums.x;
  if (c + 1u < p.channels) { dw[i + p.taps] = sums.y; }
  if (c + 2u < p.channels) { dw[i + 2u * p.taps] = sums.z; }
  if (c + 3u < p.channels) { dw[i + 3u * p.taps] = sums.w; }
}

// Stores a block; f and four are the first of the tile's outputs at such blocks. The slices add up their sums, and share
// out the rows to be stored.
fn finish(g: u32, f: u32, z: u32, four: u32, local: u32, c: mat4x4<f32>) {
  if (SLICES == 1u) {
    let row = f + 4u * (local / TX);
    store_row(g, row, z, four + local % TX, c[0]);
    store_row(g, row + 1u, z, four + local % TX, c[1]);
    store_row(g, row + 2u, z, four + local % TX, c[2]);
    store_row(g, row + 3u, z, four + local % TX, c[3]);
    return;
  }
  exchange_pair(c[0], c[1], 0u, local);
  if (AT_ONCE == 4u) { exchange_pair(c[2], c[3], 2u, local); }
  store_exchanged(g, f, z, four, local);
  if (AT_ONCE == 2u) {
    exchange_pair(c[2], c[3], 0u, local);
    store_exchanged(g, f + 2u, z, four, local);
  }
}

fn store_exchanged(g: u32, f: u32, z: u32, four: u32, local: u32) {
  workgroupBarrier();
  for (var i = local; i < AT_ONCE * LANES; i += GROUP) {
    let lane = i % LANES;
    store_row(g, f + 4u * (lane / TX) + i / LANES, z, four + lane % TX, sum_of(i));
  }
}

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tile = group.x + group.y * p.row;
  let g = group.z % p.groups;
  let z = group.z / p.groups;
  let first_row = tile % p.tiles_a * (4u * AQ);
  let first_four = tile / p.tiles_a * BQ;
  if (first_four >= p.columns) { return; }

  let slice = local / 64u;
  let lane = local % 64u;
  let place = slice * ROW;
  let line = lane % BK;
  let own = lane / BK;
  let plane = p.out_rows * p.out_cols;
  let filters = (g * p.rows + first_row + 4u * own) * plane;
  let columns = Columns(
    column_at(g, first_four + own), column_at(g, first_four + own + 8u),
    column_at(g, first_four + own + 16u), column_at(g, first_four + own + 24u));

  let steps = (p.pixels + BK * SLICES - 1u) / (BK * SLICES);
  let chunk = (steps + p.splits - 1u) / p.splits;
  let start = z * chunk;
  let end = min(steps, start + chunk);
  var q = pixel_at((start * SLICES + slice) * BK + line);
  var a = load_filters(q, filters);
  var b = load_columns(q, columns);
  var sums = Sums();
  for (var t = start; t < end; t++) {
    let a_kept = kept_filters(a, q);
    let b_kept = kept_columns(b, q, columns);
    workgroupBarrier();
    if (AQ * BK >= 64u || lane < AQ * BK) { stage(a_kept, A_PASSES, line, 0u, place + own, 8u); }
    stage(b_kept, B_PASSES, line, 0u, place + AQ + own, 8u);
    workgroupBarrier();
    // What the next step needs is loaded while this one multiplies, and only looked at thereafter.
    if (t + 1u < end) {
      q = next_pixel(q);
      a = load_filters(q, filters);
      b = load_columns(q, columns);
    }
    sums = multiply_tiles(sums, place + lane / TX, place + AQ + lane % TX);
  }
  finish(g, first_row, z, first_four, local, sums.c00);
  if (NB > 1u) { finish(g, first_row, z, first_four + TX, local, sums.c01); }
  if (NB > 2u) {
    finish(g, first_row, z, first_four + 2u * TX, local, sums.c02);
    finish(g, first_row, z, first_four + 3u * TX, local, sums.c03);
  }
  if (MB > 1u) {
    let f = first_row + 4u * TY;
    finish(g, f, z, first_four, local, sums.c10);
    if (NB > 1u) { finish(g, f, z, first_four + TX, local, sums.c11); }
    if (NB > 2u) {
      finish(g, f, z, first_four + 2u * TX, local, sums.c12);
      finish(g, f, z, first_four + 3u * TX, local, sums.c13);
    }
  }
}
