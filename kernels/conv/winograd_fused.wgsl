// Computes y[N,M,OH,OW] = act(conv(x[N,C,H,W], w) + bias[M] + residual) with 3x3 kernels and stride 1 by Winograd's minimal
// algorithm F(2x2,3x3) (Lavin and Gray 2016) in one dispatch: 16 multiply-adds for each channel make 2 x 2 outputs, not 36.
//
//   Y = A'[sum over c of (G g G') * (B' d B)]A,  d: 4 x 4 pixels of x, g: a 3 x 3 kernel, *: by elements
//   B' = (1 0 -1 0 | 0 1 1 0 | 0 -1 1 0 | 0 1 0 -1),  A' = (1 1 1 0 | 0 1 -1 -1)
//
// u has the transformed weights (winograd_filters.wgsl): [blocks of 32*MB filters, C up to a multiple of BK, 16 places, 32*MB],
// 0 where there is no filter or channel. Its access as fours takes neighbouring filters.
//
// A workgroup makes 32*MB filters of 32 squares of 2 x 2 outputs; squares are counted on over rows and images. Slice i of
// 64 threads makes row i of the 4 x 4 products: it transforms row i of each square (a thread a row of a channel, which takes
// two rows of pixels), and multiplies those four places, BK channels at a time, from workgroup memory. Thread (ty, tx) of 8 x 8
// has filters 4*ty + 0..3 (+ 32) and squares tx + 8*s: blocks c<m><place>, whose column is a filter and row s. At the end a slice
// takes its rows through A from the right, and the slices exchange what they have to take it through A' from the left.
// What the next channels need is loaded while these are multiplied.
//
// The bindings are x, u, bias and residual (read; an unused one takes any buffer), and y (read_write). The grid's x goes
// over blocks of filters (fastest) and of squares, in rows of `row` workgroups folded into y; z over parts of the sum,
// which are written y_split apart.
const MB: u32 = 1u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

const BK: u32 = 4u / MB;
// A filter block has so many fours, and a channel so many lines of workgroup memory: those of squares follow the filters'.
const AQ: u32 = 8u * MB;
const SQUARES: u32 = 4u * MB;
const LINES: u32 = SQUARES + 4u;
// A pass of a slice's threads loads so many channels of u.
const U_DOWN: u32 = 2u / MB;

struct Params {
  rows: u32, depth: u32, images: u32, height: u32, width: u32, y_height: u32, y_width: u32,
  from_v: u32, from_h: u32, squares_h: u32, squares: u32, blocks: u32, row: u32, steps: u32, chunk: u32, y_split: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

// A line has eight of each slice: the fours 8*m + 0..7 of filters of one of its places (line k*LINES + 4*m + place), or its row
// of the squares 8*s + 0..7 (line k*LINES + SQUARES + s). Lines are constant in the loop and places stay the same, so that
// hardly any clamped index is left in it.
var<workgroup> tiles: array<array<vec4<f32>, 32>, 32>;

struct Sums {
  c00: mat4x4<f32>, c01: mat4x4<f32>, c02: mat4x4<f32>, c03: mat4x4<f32>,
  c10: mat4x4<f32>, c11: mat4x4<f32>, c12: mat4x4<f32>, c13: mat4x4<f32>,
}

// Four pixels of the two rows that a row of a transformed square is made of.
struct Rows { a: vec4<f32>, b: vec4<f32> }

fn four(i: u32) -> vec4<f32> {
  return vec4<f32>(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
}

fn masked(v: vec4<f32>, inside: vec4<i32>) -> vec4<f32> {
  return bitcast<vec4<f32>>(bitcast<vec4<i32>>(v) & inside);
}

// Gives a row of B' d B.
fn transformed(r: Rows, inside_a: vec4<i32>, inside_b: vec4<i32>, sign: f32) -> vec4<f32> {
  let v = fma(vec4<f32>(sign), masked(r.b, inside_b), masked(r.a, inside_a));
  return vec4<f32>(v.x - v.z, v.y + v.z, v.z - v.y, v.y - v.w);
}

fn outer(c: mat4x4<f32>, u: vec4<f32>, v: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    fma(vec4<f32>(u.x), v, c[0]), fma(vec4<f32>(u.y), v, c[1]), fma(vec4<f32>(u.z), v, c[2]), fma(vec4<f32>(u.w), v, c[3]));
}

// Adds the products of channel k; a and b are the thread's places in lines.
fn multiply(s: Sums, k: u32, a: u32, b: u32) -> Sums {
  var r = s;
  let u = k * LINES;
  let q0 = tiles[u + SQUARES][b];
  let q1 = tiles[u + SQUARES + 1u][b];
  let q2 = tiles[u + SQUARES + 2u][b];
  let q3 = tiles[u + SQUARES + 3u][b];
  let v0 = vec4<f32>(q0.x, q1.x, q2.x, q3.x);
  let v1 = vec4<f32>(q0.y, q1.y, q2.y, q3.y);
  let v2 = vec4<f32>(q0.z, q1.z, q2.z, q3.z);
  let v3 = vec4<f32>(q0.w, q1.w, q2.w, q3.w);
  r.c00 = outer(s.c00, tiles[u][a], v0);
  r.c01 = outer(s.c01, tiles[u + 1u][a], v1);
  r.c02 = outer(s.c02, tiles[u + 2u][a], v2);
  r.c03 = outer(s.c03, tiles[u + 3u][a], v3);
  if (MB > 1u) {
    r.c10 = outer(s.c10, tiles[u + 4u][a], v0);
    r.c11 = outer(s.c11, tiles[u + 5u][a], v1);
    r.c12 = outer(s.c12, tiles[u + 6u][a], v2);
    r.c13 = outer(s.c13, tiles[u + 7u][a], v3);
  }
  return r;
}

fn multiply_tiles(s: Sums, a: u32, b: u32) -> Sums {
  var r = multiply(s, 0u, a, b);
  r = multiply(r, 1u, a, b);
  if (BK > 2u) {
    r = multiply(r, 2u, a, b);
    r = multiply(r, 3u, a, b);
  }
  return r;
}

// Puts the four filters of each thread into workgroup memory, filter after filter.
fn put(c: mat4x4<f32>, slice: u32, lane: u32) {
  let line = slice * 2u + lane / 32u;
  tiles[line][lane % 32u] = c[0];
  tiles[line + 8u][lane % 32u] = c[1];
  tiles[line + 16u][lane % 32u] = c[2];
  tiles[line + 24u][lane % 32u] = c[3];
}

// A column of the outputs of four squares: the upper and the lower row of each.
struct Column { upper: vec4<f32>, lower: vec4<f32> }

// Adds up what the slices have of a column; a slice gets the filter of its number.
fn exchange(c: mat4x4<f32>, slice: u32, lane: u32) -> Column {
  workgroupBarrier();
  put(c, slice, lane);
  workgroupBarrier();
  let line = slice * 8u + lane / 32u;
  let place = lane % 32u;
  let q1 = tiles[line + 2u][place];
  let q2 = tiles[line + 4u][place];
  return Column(tiles[line][place] + q1 + q2, q1 - q2 - tiles[line + 6u][place]);
}

fn store(f: u32, z: u32, n: u32, v: u32, h: u32, sum: f32) {
  if (v >= p.y_height || h >= p.y_width) { return; }
  let i = ((n * p.rows + f) * p.y_height + v) * p.y_width + h;
  var s = sum;
  if (BIAS == 1u) { s += bias[f]; }
  if (RESIDUAL == 1u) { s += residual[i]; }
  if (ACTIVATION >= 1u) { s = select(s, 0.0, s <= 0.0); }
  if (ACTIVATION == 2u) { s = select(s, 6.0, s >= 6.0); }
  y[z * p.y_split + i] = s;
}

fn store_square(f: u32, z: u32, square: u32, left: vec2<f32>, right: vec2<f32>) {
  let n = square / p.squares;
  if (n >= p.images) { return; }
  let v = square % p.squares / p.squares_h * 2u;
  let h = square % p.squares_h * 2u;
  store(f, z, n, v, h, left.x);
  store(f, z, n, v, h + 1u, right.x);
  store(f, z, n, v + 1u, h, left.y);
  store(f, z, n, v + 1u, h + 1u, right.y);
}

// Finishes 32 filters of all squares.
fn finish(c0: mat4x4<f32>, c1: mat4x4<f32>, c2: mat4x4<f32>, c3: mat4x4<f32>, f: u32, square: u32, z: u32, slice: u32, lane: u32) {
  let left = exchange(c0 + c1 + c2, slice, lane);
  let right = exchange(c1 - c2 - c3, slice, lane);
  if (f >= p.rows) { return; }
  store_square(f, z, square, vec2<f32>(left.upper.x, left.lower.x), vec2<f32>(right.upper.x, right.lower.x));
  store_square(f, z, square + 8u, vec2<f32>(left.upper.y, left.lower.y), vec2<f32>(right.upper.y, right.lower.y));
  store_square(f, z, square + 16u, vec2<f32>(left.upper.z, left.lower.z), vec2<f32>(right.upper.z, right.lower.z));
  store_square(f, z, square + 24u, vec2<f32>(left.upper.w, left.lower.w), vec2<f32>(right.upper.w, right.lower.w));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tile = group.x + group.y * p.row;
  let block = tile % p.blocks;
  let first = tile / p.blocks * 32u;
  if (first >= p.images * p.squares) { return; }
  let z = group.z;
  let slice = local / 64u;
  let lane = local % 64u;

  // The thread's row of pixels is made of the rows a and b of its square: 0 - 2, 1 + 2, 2 - 1 or 1 - 3.
  let square = first + lane % 32u;
  let k = lane / 32u;
  let row_a = select(slice, 1u, slice == 3u);
  let row_b = select(select(2u, 1u, slice == 2u), 3u, slice == 3u);
  let sign = select(-1.0, 1.0, slice == 1u);
  let n = square / p.squares;
  let v = square % p.squares / p.squares_h * 2u + p.from_v;
  let h = square % p.squares_h * 2u + p.from_h;
  let columns = vec4<u32>(h, h + 1u, h + 2u, h + 3u) < vec4<u32>(p.width);
  let inside_a = select(vec4<i32>(), vec4<i32>(-1), columns & vec4<bool>(v + row_a < p.height && n < p.images));
  let inside_b = select(vec4<i32>(), vec4<i32>(-1), columns & vec4<bool>(v + row_b < p.height && n < p.images));
  let plane = p.height * p.width;
  let at = n * p.depth * plane + v * p.width + h;
  let at_a = at + row_a * p.width;
  let at_b = at + row_b * p.width;
  // Channels beyond the last one meet weights of 0, so that the last one stands for them.
  let last = (p.depth - 1u) * plane;

  let start = z * p.chunk;
  let end = min(p.steps, start + p.chunk);
  var behind = (start * BK + k) * plane;
  var u_at = ((block * p.steps + start) * BK + lane / (4u * AQ)) * (16u * AQ) + slice * 4u * AQ + lane % (4u * AQ);
  let u_next = U_DOWN * 16u * AQ;
  // Where what the thread loads goes, and where it reads.
  let filter_four = lane % AQ;
  let u_line = lane / (4u * AQ) * LINES + filter_four / 8u * 4u + lane / AQ % 4u;
  let u_place = slice * 8u + filter_four % 8u;
  let x_line = k * LINES + SQUARES + lane % 32u / 8u;
  let b = slice * 8u + lane % 8u;
  let a = slice * 8u + lane / 8u;

  var u0 = u[u_at];
  var u1 = u[u_at + u_next];
  var o = min(behind, last);
  var r0 = Rows(four(at_a + o), four(at_b + o));
  var r1 = r0;
  if (MB == 1u) {
    o = min(behind + 2u * plane, last);
    r1 = Rows(four(at_a + o), four(at_b + o));
  }
  var sums = Sums();
  for (var t = start; t < end; t++) {
    let d0 = transformed(r0, inside_a, inside_b, sign);
    var d1 = d0;
    if (MB == 1u) { d1 = transformed(r1, inside_a, inside_b, sign); }
    workgroupBarrier();
    tiles[u_line][u_place] = u0;
    tiles[u_line + U_DOWN * LINES][u_place] = u1;
    tiles[x_line][b] = d0;
    if (MB == 1u) { tiles[x_line + 2u * LINES][b] = d1; }
    workgroupBarrier();
    if (t + 1u < end) {
      behind += BK * plane;
      u_at += BK * 16u * AQ;
      u0 = u[u_at];
      u1 = u[u_at + u_next];
      o = min(behind, last);
      r0 = Rows(four(at_a + o), four(at_b + o));
      if (MB == 1u) {
        o = min(behind + 2u * plane, last);
        r1 = Rows(four(at_a + o), four(at_b + o));
      }
    }
    sums = multiply_tiles(sums, a, b);
  }
  let f = block * (32u * MB) + 4u * (lane / 8u) + slice;
  let s = first + lane % 8u;
  finish(sums.c00, sums.c01, sums.c02, sums.c03, f, s, z, slice, lane);
  if (MB > 1u) { finish(sums.c10, sums.c11, sums.c12, sums.c13, f + 32u, s, z, slice, lane); }
}
