// Computes Y[m,n] = act(sum_k A(m,k) B(n,k) + bias[n] + residual[m,n]), f32 sums; Y and residual are row-major [m,n].
//
// This is the body; a fragment before it binds a (tile_a_fours.wgsl or tile_a_ones.wgsl), one binds b
// (tile_b_fours.wgsl, tile_b_ones.wgsl or tile_b_half.wgsl), and store.wgsl has the other bindings and stores.
//
// A workgroup of 8 x 8 threads makes a tile of 32*MB x 32*NB outputs; a thread makes MB x NB blocks of 4 x 4, 32 rows and
// columns apart, in named accumulators (column i of a block is row i of four columns of Y). STEP k of both operands lie
// in workgroup memory at a time, in fours of rows, while each thread loads its part of the next STEP into registers.
// With UNROLLED, whole STEPs are multiplied by code that is unrolled by hand, because a translator may give a loop a
// 64-bit counter, which no driver unrolls. Without it (a software adapter would compile that for seconds), and where less
// than a STEP is left, a loop goes over single k.
//
// A(m,k) = a[m*a_row + k*a_col], B(n,k) = b[n*b_row + k*b_col], any strides; *_ROWS says that neighbours in memory are
// neighbours along the rows. A thread loads units of 4 x 4 numbers, along k (neighbouring threads take neighbouring
// fours of k of a row) or along the rows. In workgroup memory a four of rows q at k = t lies at
// [t][q ^ swizzle(t)], so that neither the transposed writes nor the reads of eight neighbouring threads meet in a bank.
// Rows beyond the edge read the last one and aren't stored.
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

// Eight fours of rows at a time: index constants stay below the first bound, threads below the second.
var<workgroup> a_tile: array<array<vec4<f32>, 8>, MB * STEP>;
var<workgroup> b_tile: array<array<vec4<f32>, 8>, NB * STEP>;

var<private> c00: mat4x4<f32>;
var<private> c01: mat4x4<f32>;
var<private> c10: mat4x4<f32>;
var<private> c11: mat4x4<f32>;
var<private> c20: mat4x4<f32>;
var<private> c21: mat4x4<f32>;
var<private> c30: mat4x4<f32>;
var<private> c31: mat4x4<f32>;
// The thread's index, and its place in the tile of outputs.
var<private> thread: u32;
var<private> tx: u32;
var<private> ty: u32;
// The matrices of this batch start here.
var<private> a_base: u32;
var<private> b_base: u32;

fn swizzle(t: u32) -> u32 {
  return ((t >> 2u) << 1u) & 6u;
}

// Says which four of rows, and which k or four of k, a unit of a thread begins at, for an operand of 32*blocks rows.
struct Place { four: u32, t: u32 }

fn place_of(unit: u32, blocks: u32, along_rows: u32) -> Place {
  let fours = 8u * blocks;
  if (along_rows == 1u) { return Place(thread % fours, thread / fours + unit * (256u / fours)); }
  let i = thread + 64u * unit;
  return Place((i >> 2u) % fours, 4u * ((i & 3u) + 4u * (i / (4u * fours))));
}

fn outer(c: mat4x4<f32>, u: vec4<f32>, v: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    fma(vec4<f32>(u.x), v, c[0]), fma(vec4<f32>(u.y), v, c[1]), fma(vec4<f32>(u.z), v, c[2]), fma(vec4<f32>(u.w), v, c[3]));
}

// Says how far along k the vec4 of a unit along the rows lie, for an operand of 32*blocks rows.
fn far_of(blocks: u32) -> u32 {
  return 64u / (8u * blocks);
}

// Adds the products of one k.
fn multiply(t: u32) {
  let s = swizzle(t);
  let v0 = b_tile[t * NB][tx ^ s];
  var v1 = v0;
  if (NB > 1u) { v1 = b_tile[t * NB + 1u][tx ^ s]; }
  let u0 = a_tile[t * MB][ty ^ s];
  c00 = outer(c00, u0, v0);
  if (NB > 1u) { c01 = outer(c01, u0, v1); }
  if (MB > 1u) {
    let u1 = a_tile[t * MB + 1u][ty ^ s];
    c10 = outer(c10, u1, v0);
    if (NB > 1u) { c11 = outer(c11, u1, v1); }
  }
  if (MB > 2u) {
    let u2 = a_tile[t * MB + 2u][ty ^ s];
    c20 = outer(c20, u2, v0);
    if (NB > 1u) { c21 = outer(c21, u2, v1); }
    let u3 = a_tile[t * MB + 3u][ty ^ s];
    c30 = outer(c30, u3, v0);
    if (NB > 1u) { c31 = outer(c31, u3, v1); }
  }
}

fn multiply_step() {
  multiply(0u);
  multiply(1u);
  multiply(2u);
  multiply(3u);
  multiply(4u);
  multiply(5u);
  multiply(6u);
  multiply(7u);
  multiply(8u);
  multiply(9u);
  multiply(10u);
  multiply(11u);
  multiply(12u);
  multiply(13u);
  multiply(14u);
  multiply(15u);
  if (STEP > 16u) {
    multiply(16u);
    multiply(17u);
    multiply(18u);
    multiply(19u);
    multiply(20u);
    multiply(21u);
    multiply(22u);
    multiply(23u);
    multiply(24u);
    multiply(25u);
    multiply(26u);
    multiply(27u);
    multiply(28u);
    multiply(29u);
    multiply(30u);
    multiply(31u);
  }
}

// Gives a unit of A from k on: column j holds four k of row j of its four rows, or four rows at the j-th of its k. `at`
// says where the rows begin, as units of a are counted.
fn load_a(at: vec4<u32>, k: u32) -> mat4x4<f32> {
  if (A_ROWS == 1u) {
    let far = far_of(MB) * p.a_col;
    let first = k * p.a_col;
    return mat4x4<f32>(
      a_across(at, a_unit(first)), a_across(at, a_unit(first + far)), a_across(at, a_unit(first + 2u * far)),
      a_across(at, a_unit(first + 3u * far)));
  }
  let i = a_unit(k);
  return mat4x4<f32>(a_along(at.x + i), a_along(at.y + i), a_along(at.z + i), a_along(at.w + i));
}

fn load_b(at: vec4<u32>, k: u32) -> mat4x4<f32> {
  if (B_ROWS == 1u) {
    let far = far_of(NB) * p.b_col;
    let first = k * p.b_col;
    return mat4x4<f32>(
      b_across(at, b_unit(first)), b_across(at, b_unit(first + far)), b_across(at, b_unit(first + 2u * far)),
      b_across(at, b_unit(first + 3u * far)));
  }
  let i = b_unit(k);
  return mat4x4<f32>(b_along(at.x + i), b_along(at.y + i), b_along(at.z + i), b_along(at.w + i));
}

// Gives the same where the sum ends within the unit or before it: A is zero from `end` on, and B is B(n, end - 1), so
// that what lies there counts nothing.
fn load_a_end(rows: vec4<u32>, k: u32, end: u32, far: u32) -> mat4x4<f32> {
  if (A_ROWS == 1u) {
    return mat4x4<f32>(
      a_row_end(rows, k, end), a_row_end(rows, k + far, end), a_row_end(rows, k + 2u * far, end),
      a_row_end(rows, k + 3u * far, end));
  }
  return transpose(mat4x4<f32>(
    a_row_end(rows, k, end), a_row_end(rows, k + 1u, end), a_row_end(rows, k + 2u, end), a_row_end(rows, k + 3u, end)));
}

fn a_row_end(rows: vec4<u32>, k: u32, end: u32) -> vec4<f32> {
  let i = rows * p.a_row + vec4<u32>(a_base + min(k, end - 1u) * p.a_col);
  let v = vec4<f32>(a_one(i.x), a_one(i.y), a_one(i.z), a_one(i.w));
  return select(vec4<f32>(0.0), v, vec4<bool>(k < end));
}

fn load_b_end(rows: vec4<u32>, k: u32, end: u32, far: u32) -> mat4x4<f32> {
  if (B_ROWS == 1u) {
    return mat4x4<f32>(
      b_row_end(rows, k, end), b_row_end(rows, k + far, end), b_row_end(rows, k + 2u * far, end),
      b_row_end(rows, k + 3u * far, end));
  }
  return transpose(mat4x4<f32>(
    b_row_end(rows, k, end), b_row_end(rows, k + 1u, end), b_row_end(rows, k + 2u, end), b_row_end(rows, k + 3u, end)));
}

fn b_row_end(rows: vec4<u32>, k: u32, end: u32) -> vec4<f32> {
  let i = rows * p.b_row + vec4<u32>(b_base + min(k, end - 1u) * p.b_col);
  return vec4<f32>(b_one(i.x), b_one(i.y), b_one(i.z), b_one(i.w));
}

// Puts a four of rows at k = t into workgroup memory.
fn put_a_four(four: u32, t: u32, v: vec4<f32>) {
  a_tile[t * MB + (four >> 3u)][(four & 7u) ^ swizzle(t)] = v;
}

fn put_b_four(four: u32, t: u32, v: vec4<f32>) {
  b_tile[t * NB + (four >> 3u)][(four & 7u) ^ swizzle(t)] = v;
}

fn put_a(place: Place, unit: mat4x4<f32>) {
  var v = unit;
  var far = far_of(MB);
  if (A_ROWS == 0u) {
    v = transpose(unit);
    far = 1u;
  }
  put_a_four(place.four, place.t, v[0]);
  put_a_four(place.four, place.t + far, v[1]);
  put_a_four(place.four, place.t + 2u * far, v[2]);
  put_a_four(place.four, place.t + 3u * far, v[3]);
}

fn put_b(place: Place, unit: mat4x4<f32>) {
  var v = unit;
  var far = far_of(NB);
  if (B_ROWS == 0u) {
    v = transpose(unit);
    far = 1u;
  }
  put_b_four(place.four, place.t, v[0]);
  put_b_four(place.four, place.t + far, v[1]);
  put_b_four(place.four, place.t + 2u * far, v[2]);
  put_b_four(place.four, place.t + 3u * far, v[3]);
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
  let far_a = select(1u, far_of(MB), A_ROWS == 1u);
  let far_b = select(1u, far_of(NB), B_ROWS == 1u);
  let ra0 = rows_from(m0 + 4u * pa0.four, p.m);
  let ra1 = rows_from(m0 + 4u * pa1.four, p.m);
  let rb0 = rows_from(n0 + 4u * pb0.four, p.n);
  let rb1 = rows_from(n0 + 4u * pb1.four, p.n);
  let at_a0 = a_units(ra0 * p.a_row + vec4<u32>(a_base + pa0.t * p.a_col));
  let at_a1 = a_units(ra1 * p.a_row + vec4<u32>(a_base + pa1.t * p.a_col));
  let at_b0 = b_units(rb0 * p.b_row + vec4<u32>(b_base + pb0.t * p.b_col));
  let at_b1 = b_units(rb1 * p.b_row + vec4<u32>(b_base + pb1.t * p.b_col));
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
    put_a(pa0, load_a_end(ra0, k + pa0.t, end, far_a));
    if (two_a) { put_a(pa1, load_a_end(ra1, k + pa1.t, end, far_a)); }
    put_b(pb0, load_b_end(rb0, k + pb0.t, end, far_b));
    if (two_b) { put_b(pb1, load_b_end(rb1, k + pb1.t, end, far_b)); }
    workgroupBarrier();
    // A is zero from `end` on.
    for (var t = 0u; t < min(STEP, end - k); t++) { multiply(t); }
  }
  let m = m0 + 4u * ty;
  let n = n0 + 4u * tx;
  store_block(m, n, c00, group.z);
  if (NB > 1u) { store_block(m, n + 32u, c01, group.z); }
  if (MB > 1u) {
    store_block(m + 32u, n, c10, group.z);
    if (NB > 1u) { store_block(m + 32u, n + 32u, c11, group.z); }
  }
  if (MB > 2u) {
    store_block(m + 64u, n, c20, group.z);
    store_block(m + 96u, n, c30, group.z);
    if (NB > 1u) {
      store_block(m + 64u, n + 32u, c21, group.z);
      store_block(m + 96u, n + 32u, c31, group.z);
    }
  }
}
