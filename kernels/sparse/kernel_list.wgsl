// Computes y[n,f,h,v] = act(sum over the kernels j of filter f's list, r and k of w[j,r,k] x[base(n,h,v) + kernel[j] +
// r*x_row + k] + bias[f] + residual): a convolution that visits only the kernels (f,c) that were kept, or only rows of
// them (KH = 1).
//
// x is in fours of columns (its rows are multiples of 4 long) and carries its zero halo: base = n*x_image + h*x_row +
// v/4; kernel[j] and the strides count vec4s. What lies beyond a row's end only reaches outputs that aren't stored.
// MASK0 … MASK7 are patterns: bit r*KW + k says that a kernel has tap (r,k). A list holds the kernels of pattern 0
// first, then those of pattern 1, …, each in a loop of its own whose missing taps cost nothing; 0 is no pattern.
// Without PACKED there is one, of all taps. w has a vec4 per kernel row (KW <= 4), or, with PACKED, one vec4 per kernel
// with the taps of its pattern in order. bounds[l*(patterns + 2) + i] is where pattern i of list l starts in `kernel`
// (i = patterns: where the last one ends), followed by the list's filter.
// Follows kernel_lines.wgsl, which says what a thread makes.
//
// The bindings are x, w, kernel, bounds, bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid's x goes over tiles * lists, pixel tile fastest, with rows of `row` threads folded into y.
const PACKED: u32 = 0u;
const MASK0: u32 = 0u;
const MASK1: u32 = 0u;
const MASK2: u32 = 0u;
const MASK3: u32 = 0u;
const MASK4: u32 = 0u;
const MASK5: u32 = 0u;
const MASK6: u32 = 0u;
const MASK7: u32 = 0u;
const FIRST: u32 = select((1u << (KH * KW)) - 1u, MASK0, PACKED == 1u);

struct Params {
  lists: u32, patterns: u32, filters: u32, row: u32,
  rows: u32, cols: u32, tiles_h: u32, tiles_v: u32,
  tiles: u32, x_image: u32, x_row: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> kernel: array<u32>;
@group(0) @binding(4) var<storage, read> bounds: array<u32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;

fn line_at(i: u32) -> Line {
  var t = Line();
  t.l = x[i];
  if (KW > 1u || FOURS > 1u) { t.m = x[i + 1u]; }
  if (KW > 1u && FOURS > 1u) { t.r = x[i + 2u]; }
  return t;
}

fn lines_at(i: u32) -> Lines {
  var t = Lines();
  t.l0 = line_at(i);
  if (ROWS + KH > 2u) { t.l1 = line_at(i + p.x_row); }
  if (ROWS + KH > 3u) { t.l2 = line_at(i + 2u * p.x_row); }
  if (ROWS + KH > 4u) { t.l3 = line_at(i + 3u * p.x_row); }
  if (ROWS + KH > 5u) { t.l4 = line_at(i + 4u * p.x_row); }
  if (ROWS + KH > 6u) { t.l5 = line_at(i + 5u * p.x_row); }
  if (ROWS + KH > 7u) { t.l6 = line_at(i + 6u * p.x_row); }
  if (ROWS + KH > 8u) { t.l7 = line_at(i + 7u * p.x_row); }
  if (ROWS + KH > 9u) { t.l8 = line_at(i + 8u * p.x_row); }
  if (ROWS + KH > 10u) { t.l9 = line_at(i + 9u * p.x_row); }
  return t;
}

// `mask` is a constant wherever this is called, and indices made of it with it.
fn weights_at(mask: u32, j: u32) -> Kernel {
  var t = Kernel();
  if (PACKED == 0u) {
    t.r0 = w[j * KH];
    if (KH > 1u) { t.r1 = w[j * KH + 1u]; }
    if (KH > 2u) { t.r2 = w[j * KH + 2u]; }
    return t;
  }
  let v = w[j];
  t.r0 = unpacked(mask, v, 0u);
  t.r1 = unpacked(mask, v, KW);
  t.r2 = unpacked(mask, v, 2u * KW);
  return t;
}

fn unpacked(mask: u32, v: vec4<f32>, first: u32) -> vec4<f32> {
  let n = countOneBits(mask & ((1u << first) - 1u));
  let m = mask >> first;
  return vec4<f32>(
    v[min(n, 3u)], v[min(n + (m & 1u), 3u)], v[min(n + countOneBits(m & 3u), 3u)], v[min(n + countOneBits(m & 7u), 3u)]);
}

fn sum(mask: u32, start: Tile, x0: u32, first: u32, end: u32) -> Tile {
  var c = start;
  for (var j = first; j < end; j++) { c = add_kernel(mask, c, weights_at(mask, j), lines_at(x0 + kernel[j])); }
  return c;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles * p.lists) { return; }
  let q = tile % p.tiles;
  let v = q % p.tiles_v * 4u * FOURS;
  let h = q / p.tiles_v % p.tiles_h * ROWS;
  let n = q / p.tiles_v / p.tiles_h;
  let x0 = n * p.x_image + h * p.x_row + v / 4u;
  let b = tile / p.tiles * (p.patterns + 2u);
  var c = sum(FIRST, Tile(), x0, bounds[b], bounds[b + 1u]);
  if (MASK1 != 0u) { c = sum(MASK1, c, x0, bounds[b + 1u], bounds[b + 2u]); }
  if (MASK2 != 0u) { c = sum(MASK2, c, x0, bounds[b + 2u], bounds[b + 3u]); }
  if (MASK3 != 0u) { c = sum(MASK3, c, x0, bounds[b + 3u], bounds[b + 4u]); }
  if (MASK4 != 0u) { c = sum(MASK4, c, x0, bounds[b + 4u], bounds[b + 5u]); }
  if (MASK5 != 0u) { c = sum(MASK5, c, x0, bounds[b + 5u], bounds[b + 6u]); }
  if (MASK6 != 0u) { c = sum(MASK6, c, x0, bounds[b + 6u], bounds[b + 7u]); }
  if (MASK7 != 0u) { c = sum(MASK7, c, x0, bounds[b + 7u], bounds[b + 8u]); }
  store_tile(n, bounds[b + p.patterns + 1u], h, v, c);
}
