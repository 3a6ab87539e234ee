// Computes y = act(sum over c and taps of w x + bias + residual): convolutions and their data gradients as products of
// weights, A [M filters, C channels x taps], and of what the pixels see of x, B [C x taps, pixels]. Nothing is copied
// before: a thread that loads x tests for itself where the border is.
//
// A phase is a part of the outputs that meets the same taps, a rectangle of taps_v x taps_h of them; a convolution has
// one. Output (i, j) of a phase reads x[i*step_h + from_v + r*step_v, j*step_w + from_h + s*step_h] for tap (r, s), 0
// beyond the map, and lies at y_start + i*y_row + j*y_col. Four pixels are four neighbours of a phase's outputs in an
// image, row after row; the last of an image may reach beyond.
//
// A step takes BK*SLICES channels of one tap, or with FLAT (few channels) as many weights of a filter in the order in
// which they lie. LINEAR says that four pixels lie one after another in x, and 2, that they start at a multiple of four; BORDER, that taps may lie beyond the map: 1
// compares rows and columns in each step, 2 (up to 32 taps, without FLAT) keeps a bit for each tap; TAIL, that a step may have too many channels; PLAIN, that y has no gaps; WIDE, that fours of pixels don't end beyond
// an image either; ALONG_K, that threads with neighbouring channels load neighbouring weights, else those with
// neighbouring rows of A.
//
// The bindings are x, x again as fours, w, phases, bias and residual (read; an unused one takes any buffer), and y
// (read_write), the last two as fours. The
// grid's x goes over tiles of A (fastest) and of pixels, in rows of `row` workgroups folded into y; z over groups
// (fastest), phases and splits of the sum, which write their parts y_split apart.
const FLAT: u32 = 0u;
const LINEAR: u32 = 0u;
const BORDER: u32 = 1u;
const TAIL: u32 = 1u;
const PLAIN: u32 = 1u;
const WIDE: u32 = 0u;
const ALONG_K: u32 = 1u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  rows: u32, depth: u32, images: u32, groups: u32, phases: u32, splits: u32, tiles_a: u32, row: u32,
  height: u32, width: u32, x_image: u32, x_group: u32, x_plane: u32, step_h: u32, step_w: u32,
  w_group: u32, w_row: u32, w_depth: u32,
  y_image: u32, y_group: u32, y_plane: u32, y_row: u32, y_col: u32, y_split: u32,
}

// Has the fields of a phase as they lie in the table.
struct Phase {
  rows: u32, cols: u32, fours: u32, taps_v: u32,
  taps_h: u32, w_start: u32, w_v: u32, w_h: u32,
  from_v: u32, step_v: u32, from_h: u32, step_h: u32,
  y_start: u32, next_c: u32, next_r: u32, next_s: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> w: array<f32>;
@group(0) @binding(4) var<storage, read> phases: array<Phase>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;

// Holds where four pixels start in x, and their rows and columns there, before any tap is added.
// The bits of `inside` say for each tap whether it lies in the map.
struct Pixels { at: vec4<u32>, v: vec4<u32>, h: vec4<u32>, inside: vec4<i32> }

// Names a channel and a tap of it.
struct Tap { c: u32, r: u32, s: u32 }

fn pixels_at(ph: Phase, four: u32) -> Pixels {
  let n = four / ph.fours;
  let i = vec4<u32>(four % ph.fours * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
  let v = i / ph.cols * p.step_h;
  let h = i % ph.cols * p.step_w;
  var inside = vec4<i32>();
  if (BORDER == 2u) {
    var bit = 1i;
    for (var r = 0u; r < ph.taps_v; r++) {
      let in_rows = v + ph.from_v + r * ph.step_v < vec4<u32>(p.height);
      for (var s = 0u; s < ph.taps_h; s++) {
        let in_columns = h + ph.from_h + s * ph.step_h < vec4<u32>(p.width);
        inside |= select(vec4<i32>(), vec4<i32>(bit), in_rows & in_columns);
        bit <<= 1u;
      }
    }
  }
  return Pixels(n * p.x_image + v * p.width + h, v, h, inside);
}

// Loads the four pixels for a tap; `behind` is the channel counted from where they start.
fn four_pixels(q: Pixels, ph: Phase, t: Tap, behind: u32) -> vec4<f32> {
  let offset = behind * p.x_plane + (ph.from_v + t.r * ph.step_v) * p.width + ph.from_h + t.s * ph.step_h;
  if (LINEAR == 2u) { return x4[(q.at.x + offset) / 4u]; }
  if (LINEAR == 1u) {
    let i = q.at.x + offset;
    return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
  }
  let i = q.at + offset;
  return vec4<f32>(x[i.x], x[i.y], x[i.z], x[i.w]);
}

// Gives 0 for pixels that lie beyond the map, and for a channel c beyond the last.
fn bordered(four: vec4<f32>, q: Pixels, ph: Phase, t: Tap, c: u32) -> vec4<f32> {
  var f = four;
  if (BORDER == 1u) {
    let rows = q.v + (ph.from_v + t.r * ph.step_v) < vec4<u32>(p.height);
    let columns = q.h + (ph.from_h + t.s * ph.step_h) < vec4<u32>(p.width);
    f = select(vec4<f32>(), f, rows & columns);
  }
  if (BORDER == 2u) {
    let inside = extractBits(q.inside, t.r * ph.taps_h + t.s, 1u);
    f = bitcast<vec4<f32>>(bitcast<vec4<i32>>(f) & inside);
  }
  if (TAIL == 1u) { f = select(vec4<f32>(), f, c < p.depth); }
  return f;
}

fn four_rows(i: u32) -> vec4<f32> {
  return vec4<f32>(w[i], w[i + p.w_row], w[i + 2u * p.w_row], w[i + 3u * p.w_row]);
}

// Loads the rows of the next tiles from weight i on.
fn load_rows(i: u32, next: u32) -> Fours {
  var a = Fours();
  a.v0 = four_rows(i);
  if (A_PASSES > 1u) { a.v1 = four_rows(i + next); }
  if (A_PASSES > 2u) {
    a.v2 = four_rows(i + 2u * next);
    a.v3 = four_rows(i + 3u * next);
  }
  return a;
}

// Gives 0 for rows of a channel (or with FLAT, a weight) k that `all` doesn't have.
fn kept_rows(a: Fours, k: u32, down: u32, all: u32) -> Fours {
  if (TAIL == 0u) { return a; }
  var r = Fours();
  r.v0 = select(vec4<f32>(), a.v0, k < all);
  if (A_PASSES > 1u) { r.v1 = select(vec4<f32>(), a.v1, k + down < all); }
  if (A_PASSES > 2u) {
    r.v2 = select(vec4<f32>(), a.v2, k + 2u * down < all);
    r.v3 = select(vec4<f32>(), a.v3, k + 3u * down < all);
  }
  return r;
}

// Names the taps of a thread's passes with FLAT.
struct Taps { t0: Tap, t1: Tap, t2: Tap, t3: Tap }

const B_DOWN: u32 = LANES / BQ;

// Loads the pixels of the next tiles for a tap.
fn load_pixels(q: Pixels, ph: Phase, t: Tap, each: Taps) -> Fours {
  var b = Fours();
  if (FLAT == 1u) {
    b.v0 = four_pixels(q, ph, each.t0, each.t0.c);
    if (B_PASSES > 1u) { b.v1 = four_pixels(q, ph, each.t1, each.t1.c); }
    if (B_PASSES > 2u) {
      b.v2 = four_pixels(q, ph, each.t2, each.t2.c);
      b.v3 = four_pixels(q, ph, each.t3, each.t3.c);
    }
    return b;
  }
  b.v0 = four_pixels(q, ph, t, t.c);
  if (B_PASSES > 1u) { b.v1 = four_pixels(q, ph, t, t.c + B_DOWN); }
  if (B_PASSES > 2u) {
    b.v2 = four_pixels(q, ph, t, t.c + 2u * B_DOWN);
    b.v3 = four_pixels(q, ph, t, t.c + 3u * B_DOWN);
  }
  return b;
}

// Gives 0 for what lies beyond the map; the thread's first channel is k behind the tap's.
fn kept_pixels(b: Fours, q: Pixels, ph: Phase, t: Tap, k: u32, each: Taps) -> Fours {
  var r = Fours();
  if (FLAT == 1u) {
    r.v0 = bordered(b.v0, q, ph, each.t0, each.t0.c);
    if (B_PASSES > 1u) { r.v1 = bordered(b.v1, q, ph, each.t1, each.t1.c); }
    if (B_PASSES > 2u) {
      r.v2 = bordered(b.v2, q, ph, each.t2, each.t2.c);
      r.v3 = bordered(b.v3, q, ph, each.t3, each.t3.c);
    }
    return r;
  }
  r.v0 = bordered(b.v0, q, ph, t, t.c + k);
  if (B_PASSES > 1u) { r.v1 = bordered(b.v1, q, ph, t, t.c + k + B_DOWN); }
  if (B_PASSES > 2u) {
    r.v2 = bordered(b.v2, q, ph, t, t.c + k + 2u * B_DOWN);
    r.v3 = bordered(b.v3, q, ph, t, t.c + k + 3u * B_DOWN);
  }
  return r;
}

// Counts from the first weight of a thread to that of a tap, or with FLAT to weight k.
fn weight_of(t: Tap, k: u32, ph: Phase) -> u32 {
  if (FLAT == 1u) { return k; }
  return t.c * p.w_depth + t.r * ph.w_v + t.s * ph.w_h;
}

fn next_tap(t: Tap, ph: Phase) -> Tap {
  var n = Tap(t.c, t.r, t.s + 1u);
  if (n.s == ph.taps_h) {
    n.s = 0u;
    n.r += 1u;
    if (n.r == ph.taps_v) {
      n.r = 0u;
      n.c += BK * SLICES;
    }
  }
  return n;
}

// Goes BK*SLICES weights further.
fn next_flat(t: Tap, ph: Phase) -> Tap {
  var n = Tap(t.c + ph.next_c, t.r + ph.next_r, t.s + ph.next_s);
  if (n.s >= ph.taps_h) {
    n.s -= ph.taps_h;
    n.r += 1u;
  }
  if (n.r >= ph.taps_v) {
    n.r -= ph.taps_v;
    n.c += 1u;
  }
  return n;
}

fn next_taps(t: Taps, ph: Phase) -> Taps {
  return Taps(next_flat(t.t0, ph), next_flat(t.t1, ph), next_flat(t.t2, ph), next_flat(t.t3, ph));
}

fn flat_tap(k: u32, ph: Phase) -> Tap {
  let taps = ph.taps_v * ph.taps_h;
  return Tap(k / taps, k % taps / ph.taps_h, k % ph.taps_h);
}

fn activated(sums: vec4<f32>) -> vec4<f32> {
  var s = sums;
  if (ACTIVATION == 1u || ACTIVATION == 2u) { s = select(s, vec4<f32>(), s <= vec4<f32>()); }
  if (ACTIVATION == 2u) { s = select(s, vec4<f32>(6.0), s >= vec4<f32>(6.0)); }
  if (ACTIVATION == 3u) { s = gelu(s); }
  if (ACTIVATION == 4u) { s = gelu_tanh(s); }
  return s;
}

fn store_one(i: u32, sum: f32) {
  var s = sum;
  if (RESIDUAL == 1u) { s += residual[i / 4u][i % 4u]; }
  y[i / 4u][i % 4u] = activated(vec4<f32>(s)).x;
}

// Says where four pixels of a row lie in y, and how many of them there are.
struct Stored { at: vec4<u32>, count: u32 }

fn stored_at(ph: Phase, four: u32) -> Stored {
  let n = four / ph.fours;
  let first = four % ph.fours * 4u;
  if (n >= p.images) { return Stored(vec4<u32>(), 0u); }
  let i = vec4<u32>(first) + vec4<u32>(0u, 1u, 2u, 3u);
  let start = n * p.y_image + ph.y_start;
  let count = min(4u, ph.rows * ph.cols - first);
  if (PLAIN == 1u) { return Stored(i + start, count); }
  return Stored(i / ph.cols * p.y_row + i % ph.cols * p.y_col + start, count);
}

fn store_row(g: u32, f: u32, z: u32, q: Stored, sums: vec4<f32>) {
  if (f >= p.rows || q.count == 0u) { return; }
  var s = sums;
  if (BIAS == 1u) { s += vec4<f32>(bias[g * p.rows + f]); }
  let start = z * p.y_split + g * p.y_group + f * p.y_plane;
  if (WIDE == 1u) {
    let i = (start + q.at.x) / 4u;
    if (RESIDUAL == 1u) { s += residual[i]; }
    y[i] = activated(s);
    return;
  }
  let i = q.at + start;
  store_one(i.x, s.x);
  if (q.count > 1u) { store_one(i.y, s.y); }
  if (q.count > 2u) { store_one(i.z, s.z); }
  if (q.count > 3u) { store_one(i.w, s.w); }
}

// Stores a block; f and four are the first of the tile's outputs at such blocks. The slices add up their sums, and share
// out the rows to be stored.
fn finish(g: u32, f: u32, z: u32, ph: Phase, four: u32, local: u32, c: mat4x4<f32>) {
  if (SLICES == 1u) {
    let q = stored_at(ph, four + local % TX);
    let row = f + 4u * (local / TX);
    store_row(g, row, z, q, c[0]);
    store_row(g, row + 1u, z, q, c[1]);
    store_row(g, row + 2u, z, q, c[2]);
    store_row(g, row + 3u, z, q, c[3]);
    return;
  }
  exchange_pair(c[0], c[1], 0u, local);
  if (AT_ONCE == 4u) { exchange_pair(c[2], c[3], 2u, local); }
  store_exchanged(g, f, z, ph, four, local);
  if (AT_ONCE == 2u) {
    exchange_pair(c[2], c[3], 0u, local);
    store_exchanged(g, f + 2u, z, ph, four, local);
  }
}

fn store_exchanged(g: u32, f: u32, z: u32, ph: Phase, four: u32, local: u32) {
  workgroupBarrier();
  for (var i = local; i < AT_ONCE * LANES; i += GROUP) {
    let lane = i % LANES;
    store_row(g, f + 4u * (lane / TX) + i / LANES, z, stored_at(ph, four + lane % TX), sum_of(i));
  }
}

@compute @workgroup_size(GROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tile = group.x + group.y * p.row;
  let g = group.z % p.groups;
  let ph = phases[group.z / p.groups % p.phases];
  let z = group.z / p.groups / p.phases;
  let first_row = tile % p.tiles_a * (4u * AQ);
  let first_four = tile / p.tiles_a * BQ;
  if (first_four >= p.images * ph.fours) { return; }

  let slice = local / LANES;
  let lane = local % LANES;
  let place = slice * ROW;
  // Where the thread's loads go in the tiles, and which rows and channels they are of.
  var a_line = lane % BK;
  var a_place = lane / BK;
  if (ALONG_K == 0u) {
    a_line = lane / AQ;
    a_place = lane % AQ;
  }
  let a_down = select(LANES / AQ, 0u, ALONG_K == 1u);
  let a_right = select(0u, LANES / BK, ALONG_K == 1u);
  let b_line = lane / BQ;
  let a_k = slice * BK + a_line;
  let b_k = slice * BK + b_line;
  let a_at = g * p.w_group + ph.w_start + (first_row + 4u * a_place) * p.w_row + a_k * select(p.w_depth, 1u, FLAT == 1u);
  let a_next = a_down * select(p.w_depth, 1u, FLAT == 1u) + 4u * a_right * p.w_row;
  var pixels = pixels_at(ph, first_four + lane % BQ);
  pixels.at += g * p.x_group;
  if (FLAT == 0u) { pixels.at += b_k * p.x_plane; }

  let taps = ph.taps_v * ph.taps_h;
  var steps = (p.depth + BK * SLICES - 1u) / (BK * SLICES) * taps;
  if (FLAT == 1u) { steps = (p.depth * taps + BK * SLICES - 1u) / (BK * SLICES); }
  let chunk = (steps + p.splits - 1u) / p.splits;
  let start = z * chunk;
  let end = min(steps, start + chunk);

  var tap = Tap(start / taps * (BK * SLICES), start % taps / ph.taps_h, start % ph.taps_h);
  var k = start * (BK * SLICES);
  var each = Taps(
    flat_tap(k + b_k, ph), flat_tap(k + b_k + B_DOWN, ph),
    flat_tap(k + b_k + 2u * B_DOWN, ph), flat_tap(k + b_k + 3u * B_DOWN, ph));
  let all = select(p.depth, p.depth * taps, FLAT == 1u);
  var a = load_rows(a_at + weight_of(tap, k, ph), a_next);
  var b = load_pixels(pixels, ph, tap, each);
  var sums = Sums();
  for (var t = start; t < end; t++) {
    let a_kept = kept_rows(a, select(tap.c, k, FLAT == 1u) + a_k, a_down, all);
    let b_kept = kept_pixels(b, pixels, ph, tap, b_k, each);
    workgroupBarrier();
    if (AQ * BK >= LANES || lane < AQ * BK) { stage(a_kept, A_PASSES, a_line, a_down, place + a_place, a_right); }
    stage(b_kept, B_PASSES, b_line, B_DOWN, place + AQ + lane % BQ, 0u);
    workgroupBarrier();
    // What the next step needs is loaded while this one multiplies, and only looked at thereafter.
    if (t + 1u < end) {
      tap = next_tap(tap, ph);
      k += BK * SLICES;
      each = next_taps(each, ph);
      a = load_rows(a_at + weight_of(tap, k, ph), a_next);
      b = load_pixels(pixels, ph, tap, each);
    }
    sums = multiply_tiles(sums, place + lane / TX, place + AQ + lane % TX);
  }
  finish(g, first_row, z, ph, first_four, local, sums.c00);
  if (NB > 1u) { finish(g, first_row, z, ph, first_four + TX, local, sums.c01); }
  if (NB > 2u) {
    finish(g, first_row, z, ph, first_four + 2u * TX, local, sums.c02);
    finish(g, first_row, z, ph, first_four + 3u * TX, local, sums.c03);
  }
  if (MB > 1u) {
    let f = first_row + 4u * TY;
    finish(g, f, z, ph, first_four, local, sums.c10);
    if (NB > 1u) { finish(g, f, z, ph, first_four + TX, local, sums.c11); }
    if (NB > 2u) {
      finish(g, f, z, ph, first_four + 2u * TX, local, sums.c12);
      finish(g, f, z, ph, first_four + 3u * TX, local, sums.c13);
    }
  }
}
