// Transforms the pixels of a map for Winograd's algorithm F(4x4,3x3) (Lavin and Gray 2016): v = B' d B for each 6 x 6 square d of
// a channel of x, 0 beyond the map; squares lie 4 apart.
//
//   B' = (4 0 -5 0 1 0 | 0 -4 -4 1 1 0 | 0 4 -4 -1 1 0 | 0 -2 -1 2 1 0 | 0 2 -1 -2 1 0 | 0 4 0 -5 0 1)
//
// x is [images, depth, height, width]. v is [36 places, depth, columns]: its columns are the squares of all images, row after
// row, and 0 where there are more of them.
// The bindings are x (read) and v (read_write). The grid has a thread for each column (fastest) of each channel, in rows of
// `row` threads.
struct Params {
  depth: u32, images: u32, height: u32, width: u32, from_v: u32, from_h: u32, squares_h: u32, squares: u32,
  columns: u32, threads: u32, row: u32, v_place: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;

struct Six { a: f32, b: f32, c: f32, d: f32, e: f32, f: f32 }

// Gives B' d of a column d.
fn transformed(d: Six) -> Six {
  let even = fma(-4.0, d.c, d.e);
  let odd = fma(-4.0, d.b, d.d);
  let near = d.e - d.c;
  let far = 2.0 * (d.d - d.b);
  return Six(
    fma(4.0, d.a, fma(-5.0, d.c, d.e)), even + odd, even - odd, near + far, near - far, fma(4.0, d.b, fma(-5.0, d.d, d.f)));
}

// Gives six pixels of a column, 0 for those beyond the map.
fn column(at: u32, row: u32, col: u32) -> Six {
  if (col >= p.width) { return Six(); }
  var d = Six();
  if (row < p.height) { d.a = x[at]; }
  if (row + 1u < p.height) { d.b = x[at + p.width]; }
  if (row + 2u < p.height) { d.c = x[at + 2u * p.width]; }
  if (row + 3u < p.height) { d.d = x[at + 3u * p.width]; }
  if (row + 4u < p.height) { d.e = x[at + 4u * p.width]; }
  if (row + 5u < p.height) { d.f = x[at + 5u * p.width]; }
  return d;
}

fn store_row(at: u32, d: Six) {
  let r = transformed(d);
  v[at] = r.a;
  v[at + p.v_place] = r.b;
  v[at + 2u * p.v_place] = r.c;
  v[at + 3u * p.v_place] = r.d;
  v[at + 4u * p.v_place] = r.e;
  v[at + 5u * p.v_place] = r.f;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.threads) { return; }
  let square = i % p.columns;
  let c = i / p.columns;
  let n = square / p.squares;
  let row = square % p.squares / p.squares_h * 4u + p.from_v;
  // A column that no image has reads nothing.
  let col = select(p.width, square % p.squares_h * 4u + p.from_h, n < p.images);
  let at = ((n * p.depth + c) * p.height + row) * p.width + col;
  let c0 = transformed(column(at, row, col));
  let c1 = transformed(column(at + 1u, row, select(col + 1u, col, col == p.width)));
  let c2 = transformed(column(at + 2u, row, select(col + 2u, col, col == p.width)));
  let c3 = transformed(column(at + 3u, row, select(col + 3u, col, col == p.width)));
  let c4 = transformed(column(at + 4u, row, select(col + 4u, col, col == p.width)));
  let c5 = transformed(column(at + 5u, row, select(col + 5u, col, col == p.width)));
  let line = 6u * p.v_place;
  store_row(i, Six(c0.a, c1.a, c2.a, c3.a, c4.a, c5.a));
  store_row(i + line, Six(c0.b, c1.b, c2.b, c3.b, c4.b, c5.b));
  store_row(i + 2u * line, Six(c0.c, c1.c, c2.c, c3.c, c4.c, c5.c));
  store_row(i + 3u * line, Six(c0.d, c1.d, c2.d, c3.d, c4.d, c5.d));
  store_row(i + 4u * line, Six(c0.e, c1.e, c2.e, c3.e, c4.e, c5.e));
  store_row(i + 5u * line, Six(c0.f, c1.f, c2.f, c3.f, c4.f, c5.f));
}
