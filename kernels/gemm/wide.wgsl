// Computes Y[m,n] = act(sum_k A(k,m) B(k,n) + bias[n] + residual[m,n]), f32, with both operands k-major: a is
// [k][4*a_fours], and b is [k][4*b_fours].
//
// A thread makes 4*BM x 4*BN outputs in named mat4x4 accumulators (column r of a block is row r of four columns of Y)
// and reads BM + BN vec4 for each k: the wider the tile, the fewer loads per multiply-add. k isn't unrolled: a CPU's
// loop body then fits its instruction cache at 32 x 16. Fours of rows and columns beyond the edge read the last one and
// aren't stored.
//
// y is vec4: rows of 4*b_fours. With an epilogue n is a multiple of 4, so that y, bias and residual are the layer's
// own.
//
// The bindings are a, b, bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid's x goes over tiles_m * tiles_n tiles, tile_n fastest, with rows of `row` threads folded into y; z goes over
// splits of k.
// Split s covers k in [s*chunk, (s+1)*chunk) and writes at y + s*m*4*b_fours.
const BM: u32 = 8u;
const BN: u32 = 4u;
const GROUP: u32 = 8u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params { m: u32, k: u32, chunk: u32, a_fours: u32, b_fours: u32, tiles_m: u32, tiles_n: u32, row: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;

fn outer(c: mat4x4<f32>, u: vec4<f32>, v: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    fma(vec4<f32>(u.x), v, c[0]), fma(vec4<f32>(u.y), v, c[1]), fma(vec4<f32>(u.z), v, c[2]), fma(vec4<f32>(u.w), v, c[3]));
}

fn store(m: u32, four: u32, sum: vec4<f32>, split: u32) {
  if (m >= p.m || four >= p.b_fours) { return; }
  let at = (split * p.m + m) * p.b_fours + four;
  var v = sum;
  if (BIAS == 1u) { v += bias[four]; }
  if (RESIDUAL == 1u) { v += residual[at]; }
  if (ACTIVATION >= 1u) { v = select(v, vec4<f32>(0.0), v <= vec4<f32>(0.0)); }
  if (ACTIVATION == 2u) { v = select(v, vec4<f32>(6.0), v >= vec4<f32>(6.0)); }
  y[at] = v;
}

fn store_block(m: u32, four: u32, c: mat4x4<f32>, split: u32) {
  store(m, four, c[0], split);
  store(m + 1u, four, c[1], split);
  store(m + 2u, four, c[2], split);
  store(m + 3u, four, c[3], split);
}

fn store_blocks(m: u32, four: u32, c0: mat4x4<f32>, c1: mat4x4<f32>, c2: mat4x4<f32>, c3: mat4x4<f32>, split: u32) {
  store_block(m, four, c0, split);
  if (BN > 1u) { store_block(m, four + 1u, c1, split); }
  if (BN > 2u) { store_block(m, four + 2u, c2, split); }
  if (BN > 3u) { store_block(m, four + 3u, c3, split); }
}

@compute @workgroup_size(GROUP)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles_m * p.tiles_n) { return; }
  let four_m = tile / p.tiles_n * BM;
  let four_n = tile % p.tiles_n * BN;
  let end = min(p.k, (gid.z + 1u) * p.chunk);
  let a_fours = p.a_fours;
  let b_fours = p.b_fours;
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c02 = mat4x4<f32>();
  var c03 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  var c12 = mat4x4<f32>();
  var c13 = mat4x4<f32>();
  var c20 = mat4x4<f32>();
  var c21 = mat4x4<f32>();
  var c22 = mat4x4<f32>();
  var c23 = mat4x4<f32>();
  var c30 = mat4x4<f32>();
  var c31 = mat4x4<f32>();
  var c32 = mat4x4<f32>();
  var c33 = mat4x4<f32>();
  var c40 = mat4x4<f32>();
  var c41 = mat4x4<f32>();
  var c42 = mat4x4<f32>();
  var c43 = mat4x4<f32>();
  var c50 = mat4x4<f32>();
  var c51 = mat4x4<f32>();
  var c52 = mat4x4<f32>();
  var c53 = mat4x4<f32>();
  var c60 = mat4x4<f32>();
  var c61 = mat4x4<f32>();
  var c62 = mat4x4<f32>();
  var c63 = mat4x4<f32>();
  var c70 = mat4x4<f32>();
  var c71 = mat4x4<f32>();
  var c72 = mat4x4<f32>();
  var c73 = mat4x4<f32>();
  let m1 = min(four_m + 1u, a_fours - 1u);
  let m2 = min(four_m + 2u, a_fours - 1u);
  let m3 = min(four_m + 3u, a_fours - 1u);
  let m4 = min(four_m + 4u, a_fours - 1u);
  let m5 = min(four_m + 5u, a_fours - 1u);
  let m6 = min(four_m + 6u, a_fours - 1u);
  let m7 = min(four_m + 7u, a_fours - 1u);
  let n1 = min(four_n + 1u, b_fours - 1u);
  let n2 = min(four_n + 2u, b_fours - 1u);
  let n3 = min(four_n + 3u, b_fours - 1u);
  for (var k = gid.z * p.chunk; k < end; k++) {
    let ia = k * a_fours;
    let ib = k * b_fours;
    let b0 = b[ib + four_n];
    var b1 = b0;
    if (BN > 1u) { b1 = b[ib + n1]; }
    var b2 = b0;
    if (BN > 2u) { b2 = b[ib + n2]; }
    var b3 = b0;
    if (BN > 3u) { b3 = b[ib + n3]; }
    let a0 = a[ia + four_m];
    c00 = outer(c00, a0, b0);
    if (BN > 1u) { c01 = outer(c01, a0, b1); }
    if (BN > 2u) { c02 = outer(c02, a0, b2); }
    if (BN > 3u) { c03 = outer(c03, a0, b3); }
    if (BM > 1u) {
      let a1 = a[ia + m1];
      c10 = outer(c10, a1, b0);
      if (BN > 1u) { c11 = outer(c11, a1, b1); }
      if (BN > 2u) { c12 = outer(c12, a1, b2); }
      if (BN > 3u) { c13 = outer(c13, a1, b3); }
    }
    if (BM > 2u) {
      let a2 = a[ia + m2];
      c20 = outer(c20, a2, b0);
      if (BN > 1u) { c21 = outer(c21, a2, b1); }
      if (BN > 2u) { c22 = outer(c22, a2, b2); }
      if (BN > 3u) { c23 = outer(c23, a2, b3); }
    }
    if (BM > 3u) {
      let a3 = a[ia + m3];
      c30 = outer(c30, a3, b0);
      if (BN > 1u) { c31 = outer(c31, a3, b1); }
      if (BN > 2u) { c32 = outer(c32, a3, b2); }
      if (BN > 3u) { c33 = outer(c33, a3, b3); }
    }
    if (BM > 4u) {
      let a4 = a[ia + m4];
      c40 = outer(c40, a4, b0);
      if (BN > 1u) { c41 = outer(c41, a4, b1); }
      if (BN > 2u) { c42 = outer(c42, a4, b2); }
      if (BN > 3u) { c43 = outer(c43, a4, b3); }
    }
    if (BM > 5u) {
      let a5 = a[ia + m5];
      c50 = outer(c50, a5, b0);
      if (BN > 1u) { c51 = outer(c51, a5, b1); }
      if (BN > 2u) { c52 = outer(c52, a5, b2); }
      if (BN > 3u) { c53 = outer(c53, a5, b3); }
    }
    if (BM > 6u) {
      let a6 = a[ia + m6];
      c60 = outer(c60, a6, b0);
      if (BN > 1u) { c61 = outer(c61, a6, b1); }
      if (BN > 2u) { c62 = outer(c62, a6, b2); }
      if (BN > 3u) { c63 = outer(c63, a6, b3); }
    }
    if (BM > 7u) {
      let a7 = a[ia + m7];
      c70 = outer(c70, a7, b0);
      if (BN > 1u) { c71 = outer(c71, a7, b1); }
      if (BN > 2u) { c72 = outer(c72, a7, b2); }
      if (BN > 3u) { c73 = outer(c73, a7, b3); }
    }
  }
  store_blocks(4u * four_m, four_n, c00, c01, c02, c03, gid.z);
  if (BM > 1u) { store_blocks(4u * four_m + 4u, four_n, c10, c11, c12, c13, gid.z); }
  if (BM > 2u) { store_blocks(4u * four_m + 8u, four_n, c20, c21, c22, c23, gid.z); }
  if (BM > 3u) { store_blocks(4u * four_m + 12u, four_n, c30, c31, c32, c33, gid.z); }
  if (BM > 4u) { store_blocks(4u * four_m + 16u, four_n, c40, c41, c42, c43, gid.z); }
  if (BM > 5u) { store_blocks(4u * four_m + 20u, four_n, c50, c51, c52, c53, gid.z); }
  if (BM > 6u) { store_blocks(4u * four_m + 24u, four_n, c60, c61, c62, c63, gid.z); }
  if (BM > 7u) { store_blocks(4u * four_m + 28u, four_n, c70, c71, c72, c73, gid.z); }
}
