// Computes Y[m,n] = act(sum_k A(m,k) B(n,k) + bias[n] + residual[m,n]), f32; Y and residual are row-major [m,n].
//
// A and B are read through strides: A(m,k) = a[m*a_row + k*a_col], B(n,k) = b[n*b_row + k*b_col]. *_MODE says how:
//   0  vec4 along k         (a_col = 1; a_row, k multiples of 4)
//   1  vec4 along the rows  (a_row = 1; a_col, rows a multiple of 4)
//   2  scalar, any strides
// A thread makes 4*BM x 4*BN outputs in named mat4x4 accumulators (column i of a block is row i of four columns of Y).
// With ONE_ROW (m = 1) only the first row of a block is read, summed and stored.
// Rows and columns beyond the edge read a clamped address and aren't stored. gelu.wgsl or no_gelu.wgsl stands before.
//
// The bindings are a, b, bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid's x goes over tiles_m * tiles_n tiles, tile_n fastest, with rows of `row` threads folded into y; z goes over
// splits of k and batches, batch fastest. Split s covers k in [s*chunk, (s+1)*chunk), where chunk is a multiple of 4; z
// writes at y + z*m*n. Matrices of a batch are a_batch and b_batch elements apart (0 means that all are the same one).
const A_MODE: u32 = 0u;
const B_MODE: u32 = 0u;
const BM: u32 = 2u;
const BN: u32 = 2u;
const ONE_ROW: u32 = 0u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  m: u32, n: u32, k: u32, chunk: u32,
  a_row: u32, a_col: u32, b_row: u32, b_col: u32,
  tiles_m: u32, tiles_n: u32, row: u32, batches: u32, a_batch: u32, b_batch: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

// The matrices of this batch start here.
var<private> a_base: u32;
var<private> b_base: u32;

fn a_at(row: u32, k: u32, end: u32) -> f32 {
  let i = a_base + row * p.a_row + min(k, end - 1u) * p.a_col;
  return select(0.0, a[i >> 2u][i & 3u], k < end);
}

fn b_at(row: u32, k: u32, end: u32) -> f32 {
  let i = b_base + row * p.b_row + min(k, end - 1u) * p.b_col;
  return b[i >> 2u][i & 3u];
}

fn a_column(m: u32, k: u32, end: u32) -> vec4<f32> {
  let v = a[(a_base + min(k, end - 1u) * p.a_col + m) >> 2u];
  return select(vec4<f32>(0.0), v, vec4<bool>(k < end));
}

fn b_column(n: u32, k: u32, end: u32) -> vec4<f32> {
  return b[(b_base + min(k, end - 1u) * p.b_col + n) >> 2u];
}

// Column i holds A(m..m+3, k+i), which is zero from `end` on, so that what B reads there doesn't count.
fn load_a(m: u32, k: u32, end: u32) -> mat4x4<f32> {
  if (ONE_ROW == 1u) {
    var v = vec4<f32>();
    if (A_MODE == 0u) { v = a[(a_base + k) >> 2u]; }
    else { v = vec4<f32>(a_at(0u, k, end), a_at(0u, k + 1u, end), a_at(0u, k + 2u, end), a_at(0u, k + 3u, end)); }
    let none = vec3<f32>();
    return mat4x4<f32>(vec4<f32>(v.x, none), vec4<f32>(v.y, none), vec4<f32>(v.z, none), vec4<f32>(v.w, none));
  }
  let last = p.m - 1u;
  if (A_MODE == 0u) {
    let i = (a_base + k) >> 2u;
    let s = p.a_row >> 2u;
    return transpose(mat4x4<f32>(
      a[min(m, last) * s + i], a[min(m + 1u, last) * s + i], a[min(m + 2u, last) * s + i], a[min(m + 3u, last) * s + i]));
  }
  if (A_MODE == 1u) {
    let r = select(0u, m, m < p.m);
    return mat4x4<f32>(a_column(r, k, end), a_column(r, k + 1u, end), a_column(r, k + 2u, end), a_column(r, k + 3u, end));
  }
  let r0 = min(m, last);
  let r1 = min(m + 1u, last);
  let r2 = min(m + 2u, last);
  let r3 = min(m + 3u, last);
  return mat4x4<f32>(
    a_at(r0, k, end), a_at(r1, k, end), a_at(r2, k, end), a_at(r3, k, end),
    a_at(r0, k + 1u, end), a_at(r1, k + 1u, end), a_at(r2, k + 1u, end), a_at(r3, k + 1u, end),
    a_at(r0, k + 2u, end), a_at(r1, k + 2u, end), a_at(r2, k + 2u, end), a_at(r3, k + 2u, end),
    a_at(r0, k + 3u, end), a_at(r1, k + 3u, end), a_at(r2, k + 3u, end), a_at(r3, k + 3u, end));
}

// Column i holds B(n..n+3, k+i).
fn load_b(n: u32, k: u32, end: u32) -> mat4x4<f32> {
  let last = p.n - 1u;
  if (B_MODE == 0u) {
    let i = (b_base + k) >> 2u;
    let s = p.b_row >> 2u;
    return transpose(mat4x4<f32>(
      b[min(n, last) * s + i], b[min(n + 1u, last) * s + i], b[min(n + 2u, last) * s + i], b[min(n + 3u, last) * s + i]));
  }
  if (B_MODE == 1u) {
    let r = select(0u, n, n < p.n);
    return mat4x4<f32>(b_column(r, k, end), b_column(r, k + 1u, end), b_column(r, k + 2u, end), b_column(r, k + 3u, end));
  }
  let r0 = min(n, last);
  let r1 = min(n + 1u, last);
  let r2 = min(n + 2u, last);
  let r3 = min(n + 3u, last);
  return mat4x4<f32>(
    b_at(r0, k, end), b_at(r1, k, end), b_at(r2, k, end), b_at(r3, k, end),
    b_at(r0, k + 1u, end), b_at(r1, k + 1u, end), b_at(r2, k + 1u, end), b_at(r3, k + 1u, end),
    b_at(r0, k + 2u, end), b_at(r1, k + 2u, end), b_at(r2, k + 2u, end), b_at(r3, k + 2u, end),
    b_at(r0, k + 3u, end), b_at(r1, k + 3u, end), b_at(r2, k + 3u, end), b_at(r3, k + 3u, end));
}

fn row_sum(c: vec4<f32>, a: vec4<f32>, b: mat4x4<f32>) -> vec4<f32> {
  return fma(vec4<f32>(a.w), b[3], fma(vec4<f32>(a.z), b[2], fma(vec4<f32>(a.y), b[1], fma(vec4<f32>(a.x), b[0], c))));
}

fn block(c: mat4x4<f32>, a: mat4x4<f32>, b: mat4x4<f32>) -> mat4x4<f32> {
  let r = transpose(a);
  if (ONE_ROW == 1u) { return mat4x4<f32>(row_sum(c[0], r[0], b), c[1], c[2], c[3]); }
  return mat4x4<f32>(row_sum(c[0], r[0], b), row_sum(c[1], r[1], b), row_sum(c[2], r[2], b), row_sum(c[3], r[3], b));
}

fn store(m: u32, n: u32, sum: f32, at: u32) {
  if (n >= p.n) { return; }
  var v = sum;
  if (BIAS == 1u) { v += bias[n]; }
  if (RESIDUAL == 1u) { v += residual[at + n]; }
  if (ACTIVATION == 1u || ACTIVATION == 2u) { v = select(v, 0.0, v <= 0.0); }
  if (ACTIVATION == 2u) { v = select(v, 6.0, v >= 6.0); }
  if (ACTIVATION == 3u) { v = gelu(V(v)).x; }
  if (ACTIVATION == 4u) { v = gelu_tanh(V(v)).x; }
  y[at + n] = v;
}

fn store_row(m: u32, n: u32, v: vec4<f32>, split: u32) {
  if (m >= p.m) { return; }
  let at = (split * p.m + m) * p.n;
  store(m, n, v.x, at);
  store(m, n + 1u, v.y, at);
  store(m, n + 2u, v.z, at);
  store(m, n + 3u, v.w, at);
}

fn store_block(m: u32, n: u32, c: mat4x4<f32>, split: u32) {
  store_row(m, n, c[0], split);
  if (ONE_ROW == 1u) { return; }
  store_row(m + 1u, n, c[1], split);
  store_row(m + 2u, n, c[2], split);
  store_row(m + 3u, n, c[3], split);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles_m * p.tiles_n) { return; }
  let m = tile / p.tiles_n * (4u * BM);
  let n = tile % p.tiles_n * (4u * BN);
  let split = gid.z / p.batches;
  a_base = gid.z % p.batches * p.a_batch;
  b_base = gid.z % p.batches * p.b_batch;
  let end = min(p.k, (split + 1u) * p.chunk);
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  for (var k = split * p.chunk; k < end; k += 4u) {
    let a0 = load_a(m, k, end);
    let b0 = load_b(n, k, end);
    c00 = block(c00, a0, b0);
    if (BN > 1u) {
      let b1 = load_b(n + 4u, k, end);
      c01 = block(c01, a0, b1);
      if (BM > 1u) {
        let a1 = load_a(m + 4u, k, end);
        c10 = block(c10, a1, b0);
        c11 = block(c11, a1, b1);
      }
    } else if (BM > 1u) {
      c10 = block(c10, load_a(m + 4u, k, end), b0);
    }
  }
  store_block(m, n, c00, gid.z);
  if (BN > 1u) { store_block(m, n + 4u, c01, gid.z); }
  if (BM > 1u) { store_block(m + 4u, n, c10, gid.z); }
  if (BM > 1u && BN > 1u) { store_block(m + 4u, n + 4u, c11, gid.z); }
}
