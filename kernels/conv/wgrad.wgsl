// Computes dw[f,k] = sum over pixels q of dy[f,q] x[base(q) + tap[k]], where each split takes a part of the pixels
// (reduce.wgsl adds them up). x carries its halo; base(q) = n*x_image + g*x_group + r*x_row + c*x_col. dy is [N,
// groups*filters, rows, cols].
// A thread makes 8 filters x 8 taps over output rows [s*chunk, (s+1)*chunk) of the N*rows there are.
// The bindings are dy, x and tap (read), and dw [splits, groups, filters, taps] (read_write).
// The grid's x goes over tap tiles * filter tiles, tap tile fastest, in 64s; y goes over groups; z goes over splits.
struct Params {
  filters: u32, taps: u32, lines: u32, chunk: u32,
  rows: u32, cols: u32, groups: u32, tiles: u32,
  x_image: u32, x_group: u32, x_row: u32, x_col: u32,
  filter_tiles: u32,
}

struct Eight { a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32, h: u32 }
struct Row { l: vec4<f32>, r: vec4<f32> }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> tap: array<u32>;
@group(0) @binding(4) var<storage, read_write> dw: array<f32>;

fn tap_at(k: u32) -> u32 { return tap[min(k, p.taps - 1u)]; }

fn plane(f: u32) -> u32 { return min(f, p.filters - 1u) * p.rows * p.cols; }

fn add(t: Row, d: f32, l: vec4<f32>, r: vec4<f32>) -> Row {
  return Row(fma(vec4<f32>(d), l, t.l), fma(vec4<f32>(d), r, t.r));
}

fn store(at: u32, k: u32, v: f32) {
  if (k < p.taps) { dw[at + k] = v; }
}

fn store_row(f: u32, k: u32, at: u32, t: Row) {
  if (f >= p.filters) { return; }
  let i = at + f * p.taps;
  store(i, k, t.l.x);
  store(i, k + 1u, t.l.y);
  store(i, k + 2u, t.l.z);
  store(i, k + 3u, t.l.w);
  store(i, k + 4u, t.r.x);
  store(i, k + 5u, t.r.y);
  store(i, k + 6u, t.r.z);
  store(i, k + 7u, t.r.w);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  if (gid.x >= p.tiles * p.filter_tiles) { return; }
  let k = gid.x % p.tiles * 8u;
  let f = gid.x / p.tiles * 8u;
  let g = gid.y;
  let o = Eight(tap_at(k), tap_at(k + 1u), tap_at(k + 2u), tap_at(k + 3u), tap_at(k + 4u), tap_at(k + 5u), tap_at(k + 6u), tap_at(k + 7u));
  let q = Eight(plane(f), plane(f + 1u), plane(f + 2u), plane(f + 3u), plane(f + 4u), plane(f + 5u), plane(f + 6u), plane(f + 7u));
  var t0 = Row();
  var t1 = Row();
  var t2 = Row();
  var t3 = Row();
  var t4 = Row();
  var t5 = Row();
  var t6 = Row();
  var t7 = Row();
  let end = min(p.lines, (gid.z + 1u) * p.chunk);
  for (var line = gid.z * p.chunk; line < end; line++) {
    let n = line / p.rows;
    var i = n * p.x_image + g * p.x_group + line % p.rows * p.x_row;
    var j = ((n * p.groups + g) * p.filters * p.rows + line % p.rows) * p.cols;
    for (var c = 0u; c < p.cols; c++) {
      let l = vec4<f32>(x[i + o.a], x[i + o.b], x[i + o.c], x[i + o.d]);
      let r = vec4<f32>(x[i + o.e], x[i + o.f], x[i + o.g], x[i + o.h]);
      t0 = add(t0, dy[j + q.a], l, r);
      t1 = add(t1, dy[j + q.b], l, r);
      t2 = add(t2, dy[j + q.c], l, r);
      t3 = add(t3, dy[j + q.d], l, r);
      t4 = add(t4, dy[j + q.e], l, r);
      t5 = add(t5, dy[j + q.f], l, r);
      t6 = add(t6, dy[j + q.g], l, r);
      t7 = add(t7, dy[j + q.h], l, r);
      i += p.x_col;
      j++;
    }
  }
  let at = (gid.z * p.groups + g) * p.filters * p.taps;
  store_row(f, k, at, t0);
  store_row(f + 1u, k, at, t1);
  store_row(f + 2u, k, at, t2);
  store_row(f + 3u, k, at, t3);
  store_row(f + 4u, k, at, t4);
  store_row(f + 5u, k, at, t5);
  store_row(f + 6u, k, at, t6);
  store_row(f + 7u, k, at, t7);
}
