// Computes Y[m,n] = act(sum_k X[m,k] W[n,k] + bias[n] + residual[m,n]) where W is stored as blocks of 4*quads rows x
// 4*steps columns (BSR); blocks that aren't stored are zero. X, Y and residual are row-major.
//
// line[2*i] is the block row that the i-th line of blocks is, and line[2*i+1] its first block; the last line's end
// follows, so that line i has blocks line[2*i+1] … line[2*i+3] - 1. Lines come longest first. column[b] is the block
// column of block b. value is [blocks, steps, quads, 4 columns] in fours of rows of W, zero beyond W's edge.
// With X_MODE 0, rows of X are whole blocks, read as vec4. With 1, k is any; what lies beyond counts as zero.
// A thread makes 4*BM rows x 4*BN columns of Y in named mat4x4 accumulators (column i is row i of four columns of Y),
// 4*BN columns being one of `parts` parts of a block. Rows beyond the edge read the last one and aren't stored.
//
// The bindings are x, value, line, column, bias and residual (read; an unused one takes any buffer), and y
// (read_write).
// The grid's x goes over lines * parts * tiles_m, tile of rows fastest, so that neighbouring threads walk the same
// blocks, with rows of `row` threads folded into y; z goes over splits: split z sums the z-th part of a line's blocks
// and writes at y + z*m*n.
const X_MODE: u32 = 0u;
const BM: u32 = 4u;
const BN: u32 = 4u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  m: u32, n: u32, k: u32, steps: u32,
  quads: u32, parts: u32, tiles_m: u32, tiles: u32,
  splits: u32, row: u32,
}

// Holds four rows of the tile x its 4*BN columns.
struct Band { c0: mat4x4<f32>, c1: mat4x4<f32>, c2: mat4x4<f32>, c3: mat4x4<f32> }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> value: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> line: array<u32>;
@group(0) @binding(4) var<storage, read> column: array<u32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> residual: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

fn x_one(row: u32, k: u32) -> f32 {
  let i = row + min(k, p.k - 1u);
  return select(0.0, x[i >> 2u][i & 3u], k < p.k);
}

fn x_four(row: u32, k4: u32) -> vec4<f32> {
  if (X_MODE == 0u) { return x[row + k4]; }
  let k = k4 * 4u;
  return vec4<f32>(x_one(row, k), x_one(row, k + 1u), x_one(row, k + 2u), x_one(row, k + 3u));
}

// Column i holds four columns of X in row i.
fn load_x(r: vec4<u32>, k4: u32) -> mat4x4<f32> {
  return mat4x4<f32>(x_four(r.x, k4), x_four(r.y, k4), x_four(r.z, k4), x_four(r.w, k4));
}

// Column i holds four rows of W at one column.
fn load_w(i: u32) -> mat4x4<f32> {
  return mat4x4<f32>(value[i], value[i + 1u], value[i + 2u], value[i + 3u]);
}

// An accumulator takes its four terms while it is in a register.
fn row_sum(c: vec4<f32>, a: vec4<f32>, b: mat4x4<f32>) -> vec4<f32> {
  return fma(vec4<f32>(a.w), b[3], fma(vec4<f32>(a.z), b[2], fma(vec4<f32>(a.y), b[1], fma(vec4<f32>(a.x), b[0], c))));
}

fn block(c: mat4x4<f32>, a: mat4x4<f32>, b: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(row_sum(c[0], a[0], b), row_sum(c[1], a[1], b), row_sum(c[2], a[2], b), row_sum(c[3], a[3], b));
}

fn rows_at(m: u32) -> vec4<u32> {
  let r = min(vec4<u32>(m, m + 1u, m + 2u, m + 3u), vec4<u32>(p.m - 1u)) * p.k;
  return select(r, r / 4u, X_MODE == 0u);
}

fn store(n: u32, sum: f32, at: u32) {
  if (n >= p.n) { return; }
  var v = sum;
  if (BIAS == 1u) { v += bias[n]; }
  if (RESIDUAL == 1u) { v += residual[at + n]; }
  if (ACTIVATION >= 1u) { v = select(v, 0.0, v <= 0.0); }
  if (ACTIVATION == 2u) { v = select(v, 6.0, v >= 6.0); }
  y[at + n] = v;
}

fn store_four(m: u32, n: u32, v: vec4<f32>, split: u32) {
  if (m >= p.m) { return; }
  let at = (split * p.m + m) * p.n;
  store(n, v.x, at);
  store(n + 1u, v.y, at);
  store(n + 2u, v.z, at);
  store(n + 3u, v.w, at);
}

fn store_block(m: u32, n: u32, c: mat4x4<f32>, split: u32) {
  store_four(m, n, c[0], split);
  store_four(m + 1u, n, c[1], split);
  store_four(m + 2u, n, c[2], split);
  store_four(m + 3u, n, c[3], split);
}

fn store_band(m: u32, n: u32, c: Band, split: u32) {
  store_block(m, n, c.c0, split);
  if (BN > 1u) { store_block(m, n + 4u, c.c1, split); }
  if (BN > 2u) {
    store_block(m, n + 8u, c.c2, split);
    store_block(m, n + 12u, c.c3, split);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles) { return; }
  let m = tile % p.tiles_m * (4u * BM);
  let part = tile / p.tiles_m % p.parts;
  let i = tile / p.tiles_m / p.parts;
  let first = line[2u * i + 1u];
  let count = line[2u * i + 3u] - first;
  let chunk = (count + p.splits - 1u) / p.splits;
  let end = first + min(count, (gid.z + 1u) * chunk);
  let r0 = rows_at(m);
  let r1 = rows_at(m + 4u);
  let r2 = rows_at(m + 8u);
  let r3 = rows_at(m + 12u);
  var c0 = Band();
  var c1 = Band();
  var c2 = Band();
  var c3 = Band();
  for (var b = first + gid.z * chunk; b < end; b++) {
    let k4 = column[b] * p.steps;
    for (var s = 0u; s < p.steps; s++) {
      let at = (((b * p.steps + s) * p.quads) + part * BN) * 4u;
      let w0 = load_w(at);
      var w1 = mat4x4<f32>();
      var w2 = mat4x4<f32>();
      var w3 = mat4x4<f32>();
      if (BN > 1u) { w1 = load_w(at + 4u); }
      if (BN > 2u) {
        w2 = load_w(at + 8u);
        w3 = load_w(at + 12u);
      }
      let a0 = load_x(r0, k4 + s);
      c0.c0 = block(c0.c0, a0, w0);
      if (BN > 1u) { c0.c1 = block(c0.c1, a0, w1); }
      if (BN > 2u) {
        c0.c2 = block(c0.c2, a0, w2);
        c0.c3 = block(c0.c3, a0, w3);
      }
      if (BM > 1u) {
        let a1 = load_x(r1, k4 + s);
        c1.c0 = block(c1.c0, a1, w0);
        if (BN > 1u) { c1.c1 = block(c1.c1, a1, w1); }
        if (BN > 2u) {
          c1.c2 = block(c1.c2, a1, w2);
          c1.c3 = block(c1.c3, a1, w3);
        }
      }
      if (BM > 2u) {
        let a2 = load_x(r2, k4 + s);
        c2.c0 = block(c2.c0, a2, w0);
        if (BN > 1u) { c2.c1 = block(c2.c1, a2, w1); }
        if (BN > 2u) {
          c2.c2 = block(c2.c2, a2, w2);
          c2.c3 = block(c2.c3, a2, w3);
        }
        let a3 = load_x(r3, k4 + s);
        c3.c0 = block(c3.c0, a3, w0);
        if (BN > 1u) { c3.c1 = block(c3.c1, a3, w1); }
        if (BN > 2u) {
          c3.c2 = block(c3.c2, a3, w2);
          c3.c3 = block(c3.c3, a3, w3);
        }
      }
    }
  }
  let n = (line[2u * i] * p.quads + part * BN) * 4u;
  store_band(m, n, c0, gid.z);
  if (BM > 1u) { store_band(m + 4u, n, c1, gid.z); }
  if (BM > 2u) {
    store_band(m + 8u, n, c2, gid.z);
    store_band(m + 12u, n, c3, gid.z);
  }
}
