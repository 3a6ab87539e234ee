// Computes Y[m,n] = act(sum_k A(m,k) B(n,k) + bias[n] + residual[m,n]) where there are few outputs: the slices of a
// workgroup share out k, and their sums are added up in workgroup memory. Nothing else lies there: a thread reads all it
// needs from storage, the next of it while it multiplies.
//
// This is the body; a fragment before it binds a (tile_a_fours.wgsl or tile_a_ones.wgsl), one binds b
// (tile_b_fours.wgsl or tile_b_ones.wgsl), and store.wgsl has the other bindings and stores.
//
// 256 threads are slices of TY x TX = LANES threads, of which thread (ty, tx) makes the rows 4*(ty + TY*i) and columns
// 4*(tx + TX*j), four of each: MB x NB blocks of 4 x 4, whose column r is row r. Slices take fours of k in turns, so that
// neighbouring slices read neighbours.
//
// A(m,k) = a[m*a_row + k*a_col], B(n,k) = b[n*b_row + k*b_col], any strides; *_ROWS says that neighbours in memory are
// neighbours along the rows. k is at least 4. Rows beyond the edge read the last one and aren't stored.
//
// The grid's x goes over tiles_m * tiles_n workgroups, tile_n fastest, with rows of `row` workgroups folded into y; z
// goes over batches, whose matrices are a_batch and b_batch elements apart (0 means that all are the same one).
const A_ROWS: u32 = 0u;
const B_ROWS: u32 = 0u;
const LANES: u32 = 16u;
const TY: u32 = 4u;
const MB: u32 = 2u;
const NB: u32 = 2u;
const TX: u32 = LANES / TY;
const SLICES: u32 = 256u / LANES;
// All slices together take so many k at a time.
const STEP: u32 = 4u * SLICES;

struct Params {
  m: u32, n: u32, k: u32,
  a_row: u32, a_col: u32, b_row: u32, b_col: u32,
  tiles_m: u32, tiles_n: u32, row: u32, a_batch: u32, b_batch: u32,
}

@group(0) @binding(0) var<uniform> p: Params;

// Has room for a block of each thread, row after row of all lanes of a slice.
var<workgroup> sums: array<vec4<f32>, 1024>;

// The matrices of this batch start here.
var<private> a_base: u32;
var<private> b_base: u32;

// Adds the products of four k, which are the columns of u and v.
fn outer(c: mat4x4<f32>, u: mat4x4<f32>, v: mat4x4<f32>) -> mat4x4<f32> {
  let r = transpose(u);
  return mat4x4<f32>(row_sum(c[0], r[0], v), row_sum(c[1], r[1], v), row_sum(c[2], r[2], v), row_sum(c[3], r[3], v));
}

fn row_sum(c: vec4<f32>, u: vec4<f32>, v: mat4x4<f32>) -> vec4<f32> {
  return fma(vec4<f32>(u.w), v[3], fma(vec4<f32>(u.z), v[2], fma(vec4<f32>(u.y), v[1], fma(vec4<f32>(u.x), v[0], c))));
}

fn load_a(at: vec4<u32>, k: u32) -> mat4x4<f32> {
  if (A_ROWS == 1u) {
    let first = k * p.a_col;
    return mat4x4<f32>(
      a_across(at, a_unit(first)), a_across(at, a_unit(first + p.a_col)), a_across(at, a_unit(first + 2u * p.a_col)),
      a_across(at, a_unit(first + 3u * p.a_col)));
  }
  let i = a_unit(k);
  return transpose(mat4x4<f32>(a_along(at.x + i), a_along(at.y + i), a_along(at.z + i), a_along(at.w + i)));
}

fn load_b(at: vec4<u32>, k: u32) -> mat4x4<f32> {
  if (B_ROWS == 1u) {
    let first = k * p.b_col;
    return mat4x4<f32>(
      b_across(at, b_unit(first)), b_across(at, b_unit(first + p.b_col)), b_across(at, b_unit(first + 2u * p.b_col)),
      b_across(at, b_unit(first + 3u * p.b_col)));
  }
  let i = b_unit(k);
  return transpose(mat4x4<f32>(b_along(at.x + i), b_along(at.y + i), b_along(at.z + i), b_along(at.w + i)));
}

// Gives a single k; the columns of the other three are zero.
fn a_rest(rows: vec4<u32>, k: u32) -> mat4x4<f32> {
  let i = rows * p.a_row + vec4<u32>(a_base + k * p.a_col);
  let none = vec4<f32>();
  return mat4x4<f32>(vec4<f32>(a_one(i.x), a_one(i.y), a_one(i.z), a_one(i.w)), none, none, none);
}

fn b_rest(rows: vec4<u32>, k: u32) -> mat4x4<f32> {
  let i = rows * p.b_row + vec4<u32>(b_base + k * p.b_col);
  let none = vec4<f32>();
  return mat4x4<f32>(vec4<f32>(b_one(i.x), b_one(i.y), b_one(i.z), b_one(i.w)), none, none, none);
}

// Gives four neighbouring rows, the last one where they lie beyond the edge.
fn rows_from(first: u32, count: u32) -> vec4<u32> {
  return min(vec4<u32>(first, first + 1u, first + 2u, first + 3u), vec4<u32>(count - 1u));
}

// Adds up a block of all slices and stores it; m and n are the first of the tile's outputs at such blocks.
fn finish_block(m: u32, n: u32, c: mat4x4<f32>, local: u32, z: u32) {
  let lane = local % LANES;
  let at = local / LANES * (4u * LANES) + lane;
  workgroupBarrier();
  sums[at] = c[0];
  sums[at + LANES] = c[1];
  sums[at + 2u * LANES] = c[2];
  sums[at + 3u * LANES] = c[3];
  workgroupBarrier();
  if (local >= 4u * LANES) { return; }
  var sum = sums[local];
  for (var slice = 1u; slice < SLICES; slice++) { sum += sums[local + slice * (4u * LANES)]; }
  store_row(m + 4u * (lane / TX) + local / LANES, n + 4u * (lane % TX), sum, z);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tile = group.x + group.y * p.row;
  if (tile >= p.tiles_m * p.tiles_n) { return; }
  let m = tile / p.tiles_n * (4u * TY * MB);
  let n = tile % p.tiles_n * (4u * TX * NB);
  a_base = group.z * p.a_batch;
  b_base = group.z * p.b_batch;
  let lane = local % LANES;
  let first = local / LANES * 4u;
  let ra0 = rows_from(m + 4u * (lane / TX), p.m);
  let ra1 = rows_from(m + 4u * (lane / TX + TY), p.m);
  let rb0 = rows_from(n + 4u * (lane % TX), p.n);
  let rb1 = rows_from(n + 4u * (lane % TX + TX), p.n);
  let at_a0 = a_units(ra0 * p.a_row + vec4<u32>(a_base));
  let at_a1 = a_units(ra1 * p.a_row + vec4<u32>(a_base));
  let at_b0 = b_units(rb0 * p.b_row + vec4<u32>(b_base));
  let at_b1 = b_units(rb1 * p.b_row + vec4<u32>(b_base));
  let whole = p.k / 4u * 4u;
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  // Two sets of registers take turns: one is loaded while the other is multiplied. What lies beyond the end is loaded
  // from the last four and not multiplied, so that no branch keeps a load back.
  let last = whole - 4u;
  var a0 = load_a(at_a0, min(first, last));
  var b0 = load_b(at_b0, min(first, last));
  var a1 = a0;
  if (MB > 1u) { a1 = load_a(at_a1, min(first, last)); }
  var b1 = b0;
  if (NB > 1u) { b1 = load_b(at_b1, min(first, last)); }
  for (var k = first; k < whole; k += 2u * STEP) {
    let second = min(k + STEP, last);
    let u0 = load_a(at_a0, second);
    let v0 = load_b(at_b0, second);
    var u1 = u0;
    if (MB > 1u) { u1 = load_a(at_a1, second); }
    var v1 = v0;
    if (NB > 1u) { v1 = load_b(at_b1, second); }
    c00 = outer(c00, a0, b0);
    if (NB > 1u) { c01 = outer(c01, a0, b1); }
    if (MB > 1u) {
      c10 = outer(c10, a1, b0);
      if (NB > 1u) { c11 = outer(c11, a1, b1); }
    }
    if (k + STEP >= whole) { break; }
    let third = min(k + 2u * STEP, last);
    a0 = load_a(at_a0, third);
    b0 = load_b(at_b0, third);
    if (MB > 1u) { a1 = load_a(at_a1, third); }
    if (NB > 1u) { b1 = load_b(at_b1, third); }
    c00 = outer(c00, u0, v0);
    if (NB > 1u) { c01 = outer(c01, u0, v1); }
    if (MB > 1u) {
      c10 = outer(c10, u1, v0);
      if (NB > 1u) { c11 = outer(c11, u1, v1); }
    }
  }
  // Up to three k are left, which the first slices take.
  let k = whole + first / 4u;
  if (k < p.k) {
    let u0 = a_rest(ra0, k);
    let v0 = b_rest(rb0, k);
    c00 = outer(c00, u0, v0);
    if (NB > 1u) { c01 = outer(c01, u0, b_rest(rb1, k)); }
    if (MB > 1u) {
      let u1 = a_rest(ra1, k);
      c10 = outer(c10, u1, v0);
      if (NB > 1u) { c11 = outer(c11, u1, b_rest(rb1, k)); }
    }
  }
  finish_block(m, n, c00, local, group.z);
  if (NB > 1u) { finish_block(m, n + 4u * TX, c01, local, group.z); }
  if (MB > 1u) {
    finish_block(m + 4u * TY, n, c10, local, group.z);
    if (NB > 1u) { finish_block(m + 4u * TY, n + 4u * TX, c11, local, group.z); }
  }
}
