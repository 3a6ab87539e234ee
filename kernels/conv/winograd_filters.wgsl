// Transforms 3x3 kernels for Winograd's algorithm: u = G g G' with SIZE = 2 for F(2x2,3x3) and 4 for F(4x4,3x3).
//
//   G = (1 0 0 | 1/2 1/2 1/2 | 1/2 -1/2 1/2 | 0 0 1) for F(2x2,3x3), and for F(4x4,3x3)
//   G = (1/4 0 0 | -1/6 -1/6 -1/6 | -1/6 1/6 -1/6 | 1/24 1/12 1/6 | 1/24 -1/12 1/6 | 0 0 1)
//
// Filter f of channel c lies at w[f*w_row + c*w_depth + tap], turned round with TURNED (for data gradients). Place i of its
// (SIZE+2)^2 goes to u[f/block*u_block + f%block + c*u_depth + i*u_place]; it is 0 for f >= rows or c >= depth.
// The bindings are w (read) and u (read_write). The grid has a thread for each of rows_in_all filters (fastest) of each
// channel, in rows of `row` threads.
const SIZE: u32 = 2u;
const TURNED: u32 = 0u;

struct Params {
  rows: u32, depth: u32, rows_in_all: u32, threads: u32, row: u32, w_row: u32, w_depth: u32,
  block: u32, u_block: u32, u_depth: u32, u_place: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> u: array<f32>;

const SIDE: u32 = SIZE + 2u;

// Gives row i of G.
fn g_row(i: u32) -> vec3<f32> {
  if (i == SIDE - 1u) { return vec3<f32>(0.0, 0.0, 1.0); }
  let sign = select(-1.0, 1.0, i % 2u == 1u);
  if (SIZE == 2u) {
    if (i == 0u) { return vec3<f32>(1.0, 0.0, 0.0); }
    return vec3<f32>(0.5, 0.5 * sign, 0.5);
  }
  if (i == 0u) { return vec3<f32>(0.25, 0.0, 0.0); }
  if (i < 3u) { return vec3<f32>(-1.0, -sign, -1.0) / 6.0; }
  return vec3<f32>(1.0, 2.0 * sign, 4.0) / 24.0;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.threads) { return; }
  let f = i % p.rows_in_all;
  let c = i / p.rows_in_all;
  var g = mat3x3<f32>();
  if (f < p.rows && c < p.depth) {
    let at = f * p.w_row + c * p.w_depth;
    if (TURNED == 1u) {
      g = mat3x3<f32>(w[at + 8u], w[at + 7u], w[at + 6u], w[at + 5u], w[at + 4u], w[at + 3u], w[at + 2u], w[at + 1u], w[at]);
    } else {
      g = mat3x3<f32>(w[at], w[at + 1u], w[at + 2u], w[at + 3u], w[at + 4u], w[at + 5u], w[at + 6u], w[at + 7u], w[at + 8u]);
    }
  }
  let to = f / p.block * p.u_block + f % p.block + c * p.u_depth;
  for (var r = 0u; r < SIDE; r++) {
    // A column of g is a line of the kernel.
    let line = g * g_row(r);
    for (var s = 0u; s < SIDE; s++) { u[to + (r * SIDE + s) * p.u_place] = dot(line, g_row(s)); }
  }
}
