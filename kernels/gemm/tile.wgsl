// Computes Y[m,n] = act(sum_k A(m,k) B(n,k) + bias[n] + residual[m,n]), f32 sums; Y and residual are row-major [m,n].
//
// A workgroup of 8 x 8 threads makes a tile of 32*B x 32*B outputs. Steps of 16 k of A and B go through workgroup
// memory (at most 4 KiB each): tile[k][q] holds rows 4q..4q+3. A thread makes B x B blocks of 4 x 4, 32 rows and
// columns apart, in named mat4x4 accumulators (column i of a block is row i of four columns of Y).
//
// A(m,k) = a[m*a_row + k*a_col], B(n,k) = b[n*b_row + k*b_col], any strides; *_ROWS says that neighbours in memory are
// neighbours along the rows, so that neighbouring threads read them. With B_HALF, b holds f16 in pairs, the even one
// low. Rows and columns beyond the edge read a clamped address and aren't stored; A is zero beyond k.
//
// The bindings are a, b, bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid's x goes over tiles_m * tiles_n workgroups, tile_n fastest, with rows of `row` workgroups folded into y; z
// goes over splits of k and batches, batch fastest. Split s covers k in [s*chunk, (s+1)*chunk); z writes at y + z*m*n.
// Matrices of a batch are a_batch and b_batch elements apart (0 means that all are the same one).
const A_ROWS: u32 = 0u;
const B_ROWS: u32 = 0u;
const B_HALF: u32 = 0u;
const B: u32 = 2u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  m: u32, n: u32, k: u32, chunk: u32,
  a_row: u32, a_col: u32, b_row: u32, b_col: u32,
  tiles_m: u32, tiles_n: u32, row: u32, batches: u32, a_batch: u32, b_batch: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

var<workgroup> a_tile: array<vec4<f32>, 256>;
var<workgroup> b_tile: array<vec4<f32>, 256>;

fn a_at(base: u32, m: u32, k: u32, end: u32) -> f32 {
  let v = a[base + min(m, p.m - 1u) * p.a_row + min(k, end - 1u) * p.a_col];
  return select(0.0, v, k < end);
}

fn b_at(base: u32, n: u32, k: u32, end: u32) -> f32 {
  let i = base + min(n, p.n - 1u) * p.b_row + min(k, end - 1u) * p.b_col;
  if (B_HALF == 1u) {
    let pair = unpack2x16float(b[i >> 1u]);
    return select(pair.x, pair.y, (i & 1u) == 1u);
  }
  return bitcast<f32>(b[i]);
}

fn outer(c: mat4x4<f32>, u: vec4<f32>, v: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    fma(vec4<f32>(u.x), v, c[0]), fma(vec4<f32>(u.y), v, c[1]), fma(vec4<f32>(u.z), v, c[2]), fma(vec4<f32>(u.w), v, c[3]));
}

fn store(m: u32, n: u32, sum: f32, at: u32) {
  if (n >= p.n) { return; }
  var v = sum;
  if (BIAS == 1u) { v += bias[n]; }
  if (RESIDUAL == 1u) { v += residual[at + n]; }
  if (ACTIVATION >= 1u) { v = select(v, 0.0, v <= 0.0); }
  if (ACTIVATION == 2u) { v = select(v, 6.0, v >= 6.0); }
  y[at + n] = v;
}

fn store_row(m: u32, n: u32, v: vec4<f32>, z: u32) {
  if (m >= p.m) { return; }
  let at = (z * p.m + m) * p.n;
  store(m, n, v.x, at);
  store(m, n + 1u, v.y, at);
  store(m, n + 2u, v.z, at);
  store(m, n + 3u, v.w, at);
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
  let m0 = tile / p.tiles_n * (32u * B);
  let n0 = tile % p.tiles_n * (32u * B);
  let split = group.z / p.batches;
  let a_base = group.z % p.batches * p.a_batch;
  let b_base = group.z % p.batches * p.b_batch;
  let end = min(p.k, (split + 1u) * p.chunk);
  let ty = local / 8u;
  let tx = local % 8u;
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  for (var k0 = split * p.chunk; k0 < end; k0 += 16u) {
    for (var i = local; i < 128u * B; i += 64u) {
      var q = i / 16u;
      var t = i % 16u;
      if (A_ROWS == 1u) {
        q = i % (8u * B);
        t = i / (8u * B);
      }
      let m = m0 + 4u * q;
      let k = k0 + t;
      a_tile[t * 8u * B + q] = vec4<f32>(
        a_at(a_base, m, k, end), a_at(a_base, m + 1u, k, end), a_at(a_base, m + 2u, k, end), a_at(a_base, m + 3u, k, end));
    }
    for (var i = local; i < 128u * B; i += 64u) {
      var q = i / 16u;
      var t = i % 16u;
      if (B_ROWS == 1u) {
        q = i % (8u * B);
        t = i / (8u * B);
      }
      let n = n0 + 4u * q;
      let k = k0 + t;
      b_tile[t * 8u * B + q] = vec4<f32>(
        b_at(b_base, n, k, end), b_at(b_base, n + 1u, k, end), b_at(b_base, n + 2u, k, end), b_at(b_base, n + 3u, k, end));
    }
    workgroupBarrier();
    for (var t = 0u; t < 16u; t++) {
      let u0 = a_tile[t * 8u * B + ty];
      let v0 = b_tile[t * 8u * B + tx];
      c00 = outer(c00, u0, v0);
      if (B > 1u) {
        let u1 = a_tile[t * 8u * B + 8u + ty];
        let v1 = b_tile[t * 8u * B + 8u + tx];
        c01 = outer(c01, u0, v1);
        c10 = outer(c10, u1, v0);
        c11 = outer(c11, u1, v1);
      }
    }
    workgroupBarrier();
  }
  let m = m0 + 4u * ty;
  let n = n0 + 4u * tx;
  store_block(m, n, c00, group.z);
  if (B > 1u) {
    store_block(m, n + 32u, c01, group.z);
    store_block(m + 32u, n, c10, group.z);
    store_block(m + 32u, n + 32u, c11, group.z);
  }
}
