// Computes Y[m,n] = act(sum_k A(m,k) B(n,k) + bias[n] + residual[m,n]), f32 sums; Y and residual are row-major [m,n].
//
// This is the body; a fragment before it binds a (tile_a_fours.wgsl or tile_a_ones.wgsl), one binds b
// (tile_b_fours.wgsl, tile_b_ones.wgsl or tile_b_half.wgsl), store.wgsl has the other bindings and stores, and
// products_f32.wgsl or products_f16.wgsl says in what numbers are multiplied.
//
// A workgroup of 8 x 8 threads makes a tile of 32*MB x 32*NB outputs; a thread makes MB x NB blocks of 4 x 4, 32 rows and
// columns apart, in named accumulators (column i of a block is row i of four columns of Y). STEP k of both operands lie
// in workgroup memory at a time, while each thread loads its part of the next STEP into registers. With UNROLLED, whole
// STEPs are multiplied by code that is unrolled by hand, because a translator may give a loop a 64-bit counter, which no
// driver unrolls. Without it (a software adapter would compile that for seconds), and where less than a STEP is left, a
// loop goes over fours of k.
//
// A(m,k) = a[m*a_row + k*a_col], B(n,k) = b[n*b_row + k*b_col], any strides; *_ROWS says that neighbours in memory are
// neighbours along the rows. A thread loads units of four rows and four k, as four vec4 along k (neighbouring threads take
// neighbouring fours of k of a row) or along the rows. They go to workgroup memory as they came, at the same place of four
// arrays, so that one index serves all four; which numbers of a vec4 are multiplied costs nothing there. Only b in f16 is
// turned before, where it lies along k, since two products are made at a time of neighbouring columns. Of each array, the
// unit of the four of rows q and the four of k t lies at [t][q ^ swizzle(t)], so that neither the writes nor the reads of
// eight neighbouring threads meet in a bank. Rows beyond the edge read the last one and aren't stored.
//
// The grid's x goes over tiles_m * tiles_n workgroups, tile_n fastest, with rows of `row` workgroups folded into y; z
// goes over splits of k and batches, batch fastest. Split s covers k in [s*chunk, (s+1)*chunk); z writes at y + z*m*n.
// Matrices of a batch are a_batch and b_batch elements apart (0 means that all are the same one).
const A_ROWS: u32 = 0u;
const B_ROWS: u32 = 0u;
const MB: u32 = 2u;
const NB: u32 = 2u;
const STEP: u32 = 16u;
const UNROLLED: u32 = 1u;

struct Params {
  m: u32, n: u32, k: u32, chunk: u32,
  a_row: u32, a_col: u32, b_row: u32, b_col: u32,
  tiles_m: u32, tiles_n: u32, row: u32, batches: u32, a_batch: u32, b_batch: u32,
}

@group(0) @binding(0) var<uniform> p: Params;

// Eight fours of rows at a time: index constants stay below the first two bounds, threads below the third.
var<workgroup> a_tile: array<array<array<Four, 8>, MB * STEP / 4u>, 4>;
var<workgroup> b_tile: array<array<array<Four, 8>, NB * STEP / 4u>, 4>;

var<private> c00: Block;
var<private> c01: Block;
var<private> c10: Block;
var<private> c11: Block;
var<private> c20: Block;
var<private> c21: Block;
var<private> c30: Block;
var<private> c31: Block;
// With HALVES these have what the blocks had before they began anew.
var<private> s00: mat4x4<f32>;
var<private> s01: mat4x4<f32>;
var<private> s10: mat4x4<f32>;
var<private> s11: mat4x4<f32>;
// The thread's index, and its place in the tile of outputs.
var<private> thread: u32;
var<private> tx: u32;
var<private> ty: u32;
// The matrices of this batch start here.
var<private> a_base: u32;
var<private> b_base: u32;

fn swizzle(t: u32) -> u32 {
  return (t & 3u) << 1u;
}

// Says which four of rows and which four of k a unit of a thread is, for an operand of 32*blocks rows.
struct Place { four: u32, t: u32 }

fn place_of(unit: u32, blocks: u32, along_rows: u32) -> Place {
  let fours = 8u * blocks;
  let i = thread + 64u * unit;
  if (along_rows == 1u) { return Place(i % fours, i / fours); }
  return Place((i >> 2u) % fours, (i & 3u) + 4u * (i / (4u * fours)));
}

fn outer(c: Block, u: Four, v: Four) -> Block {
  return Block(fma(Four(u.x), v, c[0]), fma(Four(u.y), v, c[1]), fma(Four(u.z), v, c[2]), fma(Four(u.w), v, c[3]));
}

// Adds the products of four k to block i of a thread's rows of A; the columns of v are the four k of B.
fn outer_four(c: Block, t: u32, i: u32, v: Block) -> Block {
  let line = t * MB + i;
  let q = ty ^ swizzle(t);
  if (A_ROWS == 1u) {
    let first = outer(outer(c, a_tile[0][line][q], v[0]), a_tile[1][line][q], v[1]);
    return outer(outer(first, a_tile[2][line][q], v[2]), a_tile[3][line][q], v[3]);
  }
  return Block(
    row_sum(c[0], a_tile[0][line][q], v), row_sum(c[1], a_tile[1][line][q], v), row_sum(c[2], a_tile[2][line][q], v),
    row_sum(c[3], a_tile[3][line][q], v));
}

fn row_sum(c: Four, u: Four, v: Block) -> Four {
  return fma(Four(u.w), v[3], fma(Four(u.z), v[2], fma(Four(u.y), v[1], fma(Four(u.x), v[0], c))));
}

fn rows_of_b(t: u32, i: u32) -> Block {
  let line = t * NB + i;
  let q = tx ^ swizzle(t);
  let unit = Block(b_tile[0][line][q], b_tile[1][line][q], b_tile[2][line][q], b_tile[3][line][q]);
  if (B_ROWS == 1u || HALVES == 1u) { return unit; }
  return transpose(unit);
}

// Adds the products of a four of k.
fn multiply(t: u32) {
  let v0 = rows_of_b(t, 0u);
  var v1 = v0;
  if (NB > 1u) { v1 = rows_of_b(t, 1u); }
  c00 = outer_four(c00, t, 0u, v0);
  if (NB > 1u) { c01 = outer_four(c01, t, 0u, v1); }
  if (MB > 1u) {
    c10 = outer_four(c10, t, 1u, v0);
    if (NB > 1u) { c11 = outer_four(c11, t, 1u, v1); }
  }
  if (MB > 2u) {
    c20 = outer_four(c20, t, 2u, v0);
    if (NB > 1u) { c21 = outer_four(c21, t, 2u, v1); }
    c30 = outer_four(c30, t, 3u, v0);
    if (NB > 1u) { c31 = outer_four(c31, t, 3u, v1); }
  }
}

// Ends what is added up in f16 at a time. Tiles of f16 have at most two blocks of rows to a thread.
fn add_up() {
  if (HALVES == 0u) { return; }
  s00 = widened(s00, c00);
  c00 = Block();
  if (NB > 1u) {
    s01 = widened(s01, c01);
    c01 = Block();
  }
  if (MB > 1u) {
    s10 = widened(s10, c10);
    c10 = Block();
    if (NB > 1u) {
      s11 = widened(s11, c11);
      c11 = Block();
    }
  }
}

fn multiply_step() {
  multiply(0u);
  multiply(1u);
  add_up();
  multiply(2u);
  multiply(3u);
  add_up();
  if (STEP > 16u) {
    multiply(4u);
    multiply(5u);
    add_up();
    multiply(6u);
    multiply(7u);
    add_up();
  }
}

fn block_of(c0: vec4<f32>, c1: vec4<f32>, c2: vec4<f32>, c3: vec4<f32>) -> Block {
  return Block(Four(c0), Four(c1), Four(c2), Four(c3));
}

// Gives a unit of A from k on: column j holds four k of row j of its four rows, or four rows at the j-th of its k. `at` says
// where the rows begin, as units of a are counted.
fn load_a(at: vec4<u32>, k: u32) -> Block {
  if (A_ROWS == 1u) {
    let first = k * p.a_col;
    return block_of(
      a_across(at, a_unit(first)), a_across(at, a_unit(first + p.a_col)), a_across(at, a_unit(first + 2u * p.a_col)),
      a_across(at, a_unit(first + 3u * p.a_col)));
  }
  let i = a_unit(k);
  return block_of(a_along(at.x + i), a_along(at.y + i), a_along(at.z + i), a_along(at.w + i));
}

fn load_b(at: vec4<u32>, k: u32) -> Block {
  if (B_ROWS == 1u) {
    let first = k * p.b_col;
    return block_of(
      b_across(at, b_unit(first)), b_across(at, b_unit(first + p.b_col)), b_across(at, b_unit(first + 2u * p.b_col)),
      b_across(at, b_unit(first + 3u * p.b_col)));
  }
  let i = b_unit(k);
  return block_of(b_along(at.x + i), b_along(at.y + i), b_along(at.z + i), b_along(at.w + i));
}

// Gives the same where the sum ends within the unit or before it: both are zero from `end` on. `at` begins at the four of k
// `t`, so that nothing else has to be kept for the end while the rest is multiplied.
fn load_a_end(at: vec4<u32>, k: u32, t: u32, end: u32) -> Block {
  let unit = block_of(
    a_row_end(at, k, t, 0u, end), a_row_end(at, k, t, 1u, end), a_row_end(at, k, t, 2u, end), a_row_end(at, k, t, 3u, end));
  if (A_ROWS == 1u) { return unit; }
  return transpose(unit);
}

fn a_row_end(at: vec4<u32>, k: u32, t: u32, j: u32, end: u32) -> vec4<f32> {
  let own = k + 4u * t + j;
  let i = a_elements(at) + vec4<u32>((min(own, end - 1u) - 4u * t) * p.a_col);
  let v = vec4<f32>(a_one(i.x), a_one(i.y), a_one(i.z), a_one(i.w));
  return select(vec4<f32>(0.0), v, vec4<bool>(own < end));
}

fn load_b_end(at: vec4<u32>, k: u32, t: u32, end: u32) -> Block {
  let unit = block_of(
    b_row_end(at, k, t, 0u, end), b_row_end(at, k, t, 1u, end), b_row_end(at, k, t, 2u, end), b_row_end(at, k, t, 3u, end));
  if (B_ROWS == 1u) { return unit; }
  return transpose(unit);
}

fn b_row_end(at: vec4<u32>, k: u32, t: u32, j: u32, end: u32) -> vec4<f32> {
  let own = k + 4u * t + j;
  let i = b_elements(at) + vec4<u32>((min(own, end - 1u) - 4u * t) * p.b_col);
  let v = vec4<f32>(b_one(i.x), b_one(i.y), b_one(i.z), b_one(i.w));
  return select(vec4<f32>(0.0), v, vec4<bool>(own < end));
}

// Puts a unit into workgroup memory.
fn put_a(place: Place, unit: Block) {
  let line = place.t * MB + (place.four >> 3u);
  let q = (place.four & 7u) ^ swizzle(place.t);
  a_tile[0][line][q] = unit[0];
  a_tile[1][line][q] = unit[1];
  a_tile[2][line][q] = unit[2];
  a_tile[3][line][q] = unit[3];
}

fn put_b(place: Place, loaded: Block) {
  let line = place.t * NB + (place.four >> 3u);
  let q = (place.four & 7u) ^ swizzle(place.t);
  var unit = loaded;
  if (B_ROWS == 0u && HALVES == 1u) { unit = transpose(loaded); }
  b_tile[0][line][q] = unit[0];
  b_tile[1][line][q] = unit[1];
  b_tile[2][line][q] = unit[2];
  b_tile[3][line][q] = unit[3];
}

// Four neighbouring rows, the last one where they lie beyond the edge.
fn rows_from(first: u32, count: u32) -> vec4<u32> {
  return min(vec4<u32>(first, first + 1u, first + 2u, first + 3u), vec4<u32>(count - 1u));
}

fn store_block(m: u32, n: u32, c: mat4x4<f32>, z: u32) {
  store_row(m, n, c[0], z);
  store_row(m + 1u, n, c[1], z);
  store_row(m + 2u, n, c[2], z);
  store_row(m + 3u, n, c[3], z);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tile = group.x + group.y * p.row;
  if (tile >= p.tiles_m * p.tiles_n) { return; }
  let m0 = tile / p.tiles_n * (32u * MB);
  let n0 = tile % p.tiles_n * (32u * NB);
  let split = group.z / p.batches;
  a_base = group.z % p.batches * p.a_batch;
  b_base = group.z % p.batches * p.b_batch;
  let start = split * p.chunk;
  let end = min(p.k, start + p.chunk);
  thread = local;
  tx = local & 7u;
  ty = local >> 3u;
  // An operand has 32*blocks*STEP / (64*16) units for each thread: one or two.
  let two_a = MB * STEP > 32u;
  let two_b = NB * STEP > 32u;
  let pa0 = place_of(0u, MB, A_ROWS);
  let pa1 = place_of(1u, MB, A_ROWS);
  let pb0 = place_of(0u, NB, B_ROWS);
  let pb1 = place_of(1u, NB, B_ROWS);
  let ra0 = rows_from(m0 + 4u * pa0.four, p.m);
  let ra1 = rows_from(m0 + 4u * pa1.four, p.m);
  let rb0 = rows_from(n0 + 4u * pb0.four, p.n);
  let rb1 = rows_from(n0 + 4u * pb1.four, p.n);
  let at_a0 = a_starts(ra0, pa0.t);
  let at_a1 = a_starts(ra1, pa1.t);
  let at_b0 = b_starts(rb0, pb0.t);
  let at_b1 = b_starts(rb1, pb1.t);
  var whole = start;
  if (UNROLLED == 1u && end - start >= STEP) {
    whole += (end - start) / STEP * STEP;
    var a0 = load_a(at_a0, start);
    var a1 = a0;
    if (two_a) { a1 = load_a(at_a1, start); }
    var b0 = load_b(at_b0, start);
    var b1 = b0;
    if (two_b) { b1 = load_b(at_b1, start); }
    for (var k = start; k < whole; k += STEP) {
      workgroupBarrier();
      put_a(pa0, a0);
      if (two_a) { put_a(pa1, a1); }
      put_b(pb0, b0);
      if (two_b) { put_b(pb1, b1); }
      workgroupBarrier();
      // The last turn loads its own step again, which no branch has to keep it from.
      let next = min(k + STEP, whole - STEP);
      a0 = load_a(at_a0, next);
      if (two_a) { a1 = load_a(at_a1, next); }
      b0 = load_b(at_b0, next);
      if (two_b) { b1 = load_b(at_b1, next); }
      multiply_step();
    }
  }
  for (var k = whole; k < end; k += STEP) {
    workgroupBarrier();
    put_a(pa0, load_a_end(at_a0, k, pa0.t, end));
    if (two_a) { put_a(pa1, load_a_end(at_a1, k, pa1.t, end)); }
    put_b(pb0, load_b_end(at_b0, k, pb0.t, end));
    if (two_b) { put_b(pb1, load_b_end(at_b1, k, pb1.t, end)); }
    workgroupBarrier();
    for (var t = 0u; 4u * t < min(STEP, end - k); t++) {
      multiply(t);
      if (HALVES == 1u && (t & 1u) == 1u) { add_up(); }
    }
    add_up();
  }
  let m = m0 + 4u * ty;
  let n = n0 + 4u * tx;
  store_block(m, n, widened(s00, c00), group.z);
  if (NB > 1u) { store_block(m, n + 32u, widened(s01, c01), group.z); }
  if (MB > 1u) {
    store_block(m + 32u, n, widened(s10, c10), group.z);
    if (NB > 1u) { store_block(m + 32u, n + 32u, widened(s11, c11), group.z); }
  }
  if (MB > 2u) {
    store_block(m + 64u, n, widened(mat4x4<f32>(), c20), group.z);
    store_block(m + 96u, n, widened(mat4x4<f32>(), c30), group.z);
    if (NB > 1u) {
      store_block(m + 64u, n + 32u, widened(mat4x4<f32>(), c21), group.z);
      store_block(m + 96u, n + 32u, widened(mat4x4<f32>(), c31), group.z);
    }
  }
}
