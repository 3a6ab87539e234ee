// Makes outputs of the products of Winograd's algorithm F(4x4,3x3) (Lavin and Gray 2016): y = act(A' m A + bias + residual) for
// each 6 x 6 square m of products of a filter.
//
//   A' = (1 1 1 1 1 0 | 0 1 -1 2 -2 0 | 0 1 1 4 4 0 | 0 1 -1 8 -8 1)
//
// m is [36 places, filters, columns], with the squares of all images as columns; y and residual are [images, rows, y_height,
// y_width]. The bindings are m, bias and residual (read; an unused one takes any buffer), and y (read_write). The grid has
// a thread for each square (fastest) of each filter, in rows of `row` threads.
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  rows: u32, y_height: u32, y_width: u32, squares_h: u32, squares: u32, in_all: u32, threads: u32, row: u32,
  columns: u32, m_place: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> m: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// Gives A' m of column j of a square.
fn column(at: u32, j: u32) -> vec4<f32> {
  let first = at + j * p.m_place;
  let line = 6u * p.m_place;
  let b = m[first + line];
  let c = m[first + 2u * line];
  let d = m[first + 3u * line];
  let e = m[first + 4u * line];
  let near = b + c;
  let apart = b - c;
  let far = d + e;
  let far_apart = d - e;
  return vec4<f32>(
    m[first] + near + far, fma(2.0, far_apart, apart), fma(4.0, far, near), fma(8.0, far_apart, apart) + m[first + 5u * line]);
}

fn store(f: u32, i: u32, sum: f32) {
  var s = sum;
  if (BIAS == 1u) { s += bias[f]; }
  if (RESIDUAL == 1u) { s += residual[i]; }
  if (ACTIVATION >= 1u) { s = select(s, 0.0, s <= 0.0); }
  if (ACTIVATION == 2u) { s = select(s, 6.0, s >= 6.0); }
  y[i] = s;
}

// Stores a row of a square from its six sums, behind column h.
fn store_row(f: u32, start: u32, h: u32, a: f32, b: f32, c: f32, d: f32, e: f32, l: f32) {
  let near = b + c;
  let apart = b - c;
  let far = d + e;
  let far_apart = d - e;
  store(f, start + h, a + near + far);
  if (h + 1u < p.y_width) { store(f, start + h + 1u, fma(2.0, far_apart, apart)); }
  if (h + 2u < p.y_width) { store(f, start + h + 2u, fma(4.0, far, near)); }
  if (h + 3u < p.y_width) { store(f, start + h + 3u, fma(8.0, far_apart, apart) + l); }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.threads) { return; }
  let square = i % p.in_all;
  let f = i / p.in_all;
  let at = f * p.columns + square;
  let a = column(at, 0u);
  let b = column(at, 1u);
  let c = column(at, 2u);
  let d = column(at, 3u);
  let e = column(at, 4u);
  let l = column(at, 5u);
  let v = square % p.squares / p.squares_h * 4u;
  let h = square % p.squares_h * 4u;
  let start = ((square / p.squares * p.rows + f) * p.y_height + v) * p.y_width;
  store_row(f, start, h, a.x, b.x, c.x, d.x, e.x, l.x);
  if (v + 1u < p.y_height) { store_row(f, start + p.y_width, h, a.y, b.y, c.y, d.y, e.y, l.y); }
  if (v + 2u < p.y_height) { store_row(f, start + 2u * p.y_width, h, a.z, b.z, c.z, d.z, e.z, l.z); }
  if (v + 3u < p.y_height) { store_row(f, start + 3u * p.y_width, h, a.w, b.w, c.w, d.w, e.w, l.w); }
}
