// Multiplies a tile of A, 4*TY*MB rows, by a tile of B, 4*TX*NB columns, BK of the summed index at a time, from workgroup
// memory. Convolutions put their own loads and stores behind this fragment, and the numbers that are multiplied before it
// (implicit_f32.wgsl or implicit_f16.wgsl), with what the slices exchange.
//
// A slice is TY x TX = LANES threads, of which thread (ty, tx) = (lane / TX, lane % TX) makes the rows 4*(ty + TY*i) and
// columns 4*(tx + TX*j), four of each: block c<i><j>, whose column r is row r. A workgroup has SLICES slices, which make
// the same outputs from parts of the sum of their own, and add them up at the end.
//
// tiles[k] holds each slice's AQ fours of rows and BQ fours of columns. With PAD its length is odd, so that threads with
// neighbouring k write to different banks. Constant k and places that stay the same in all of the loop leave no clamped
// index in it.
const TY: u32 = 8u;
const MB: u32 = 2u;
const NB: u32 = 2u;
const SLICES: u32 = 1u;
const LANES: u32 = 64u;
const BK: u32 = 8u;
const PAD: u32 = 1u;
const GROUP: u32 = LANES * SLICES;
const TX: u32 = LANES / TY;
const AQ: u32 = TY * MB;
const BQ: u32 = TX * NB;
const ROW: u32 = AQ + BQ;
const A_PASSES: u32 = AQ * BK / LANES;
const B_PASSES: u32 = BQ * BK / LANES;

var<workgroup> tiles: array<array<Four, ROW * SLICES + PAD>, BK>;

// Holds what a thread loads for the next tiles; only so many fours as there are passes are used.
struct Fours { v0: vec4<f32>, v1: vec4<f32>, v2: vec4<f32>, v3: vec4<f32> }

struct Products {
  c00: Block, c01: Block, c02: Block, c03: Block,
  c10: Block, c11: Block, c12: Block, c13: Block,
}

fn outer(c: Block, u: Four, v: Four) -> Block {
  return Block(fma(Four(u.x), v, c[0]), fma(Four(u.y), v, c[1]), fma(Four(u.z), v, c[2]), fma(Four(u.w), v, c[3]));
}

fn multiply(s: Products, k: u32, a: u32, b: u32) -> Products {
  var r = s;
  let u0 = tiles[k][a];
  let v0 = tiles[k][b];
  r.c00 = outer(s.c00, u0, v0);
  if (NB > 1u) { r.c01 = outer(s.c01, u0, tiles[k][b + TX]); }
  if (NB > 2u) {
    r.c02 = outer(s.c02, u0, tiles[k][b + 2u * TX]);
    r.c03 = outer(s.c03, u0, tiles[k][b + 3u * TX]);
  }
  if (MB > 1u) {
    let u1 = tiles[k][a + TY];
    r.c10 = outer(s.c10, u1, v0);
    if (NB > 1u) { r.c11 = outer(s.c11, u1, tiles[k][b + TX]); }
    if (NB > 2u) {
      r.c12 = outer(s.c12, u1, tiles[k][b + 2u * TX]);
      r.c13 = outer(s.c13, u1, tiles[k][b + 3u * TX]);
    }
  }
  return r;
}

// Adds the products of all BK of the tiles, in the numbers that these have.
fn multiply_all(s: Products, a: u32, b: u32) -> Products {
  var r = multiply(s, 0u, a, b);
  r = multiply(r, 1u, a, b);
  r = multiply(r, 2u, a, b);
  r = multiply(r, 3u, a, b);
  if (BK > 4u) {
    r = multiply(r, 4u, a, b);
    r = multiply(r, 5u, a, b);
    r = multiply(r, 6u, a, b);
    r = multiply(r, 7u, a, b);
  }
  return r;
}

// Writes loaded fours, pass i at line k + i*down and place at + i*right.
fn stage(v: Fours, passes: u32, k: u32, down: u32, at: u32, right: u32) {
  tiles[k][at] = Four(v.v0);
  if (passes > 1u) { tiles[k + down][at + right] = Four(v.v1); }
  if (passes > 2u) {
    tiles[k + 2u * down][at + 2u * right] = Four(v.v2);
    tiles[k + 3u * down][at + 3u * right] = Four(v.v3);
  }
}
