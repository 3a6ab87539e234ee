// Computes y[c,h,v] = act(sum over row taps j and k < KW of w[c,j,k] x[base(h,v) + tap[j] + k] + bias[c] + residual):
// as direct_rows.wgsl does, but a thread makes one filter, for groups of one or two filters (depthwise). Filter c
// belongs to group c/filters.
//
// x is in fours of columns, its rows padded to multiples of 4; base = n*x_image + c/filters*x_group + h*x_row + v/4;
// tap[j] and the strides count vec4s. w is [channels, taps, WIDTH fours], where a run's surplus weights are 0.
// Stores go to n*y_image + c*y_plane + h*y_row + v*y_col + y_start.
// A thread makes SUBS pieces of 8 columns, x_sub fours and step_h rows apart.
//
// The bindings are x, w, tap, bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid's x goes over tiles_v * tiles_h * images * channels, in that order, with rows of `row` threads folded into
// y.
const KW: u32 = 3u;
const SUBS: u32 = 4u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  channels: u32, filters: u32, taps: u32, images: u32,
  rows: u32, cols: u32, row: u32, tiles_h: u32,
  x_image: u32, x_group: u32, x_row: u32, tiles_v: u32,
  y_image: u32, y_plane: u32, y_row: u32, y_col: u32,
  y_start: u32,
}

// Holds columns 0 … 15 of a row.
struct Line { a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32> }
struct Eight { l: vec4<f32>, r: vec4<f32> }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> tap: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> residual: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

fn line_at(i: u32) -> Line {
  var t = Line();
  t.a = x[i];
  t.b = x[i + 1u];
  if (KW > 1u) { t.c = x[i + 2u]; }
  if (KW > 5u) { t.d = x[i + 3u]; }
  return t;
}

fn piece(s: Eight, w0: vec4<f32>, w1: vec4<f32>, x: Line) -> Eight {
  var l = fma(vec4<f32>(w0.x), x.a, s.l);
  var r = fma(vec4<f32>(w0.x), x.b, s.r);
  if (KW > 1u) {
    l = fma(vec4<f32>(w0.y), vec4<f32>(x.a.yzw, x.b.x), l);
    r = fma(vec4<f32>(w0.y), vec4<f32>(x.b.yzw, x.c.x), r);
  }
  if (KW > 2u) {
    l = fma(vec4<f32>(w0.z), vec4<f32>(x.a.zw, x.b.xy), l);
    r = fma(vec4<f32>(w0.z), vec4<f32>(x.b.zw, x.c.xy), r);
  }
  if (KW > 3u) {
    l = fma(vec4<f32>(w0.w), vec4<f32>(x.a.w, x.b.xyz), l);
    r = fma(vec4<f32>(w0.w), vec4<f32>(x.b.w, x.c.xyz), r);
  }
  if (KW > 4u) {
    l = fma(vec4<f32>(w1.x), x.b, l);
    r = fma(vec4<f32>(w1.x), x.c, r);
  }
  if (KW > 5u) {
    l = fma(vec4<f32>(w1.y), vec4<f32>(x.b.yzw, x.c.x), l);
    r = fma(vec4<f32>(w1.y), vec4<f32>(x.c.yzw, x.d.x), r);
  }
  if (KW > 6u) {
    l = fma(vec4<f32>(w1.z), vec4<f32>(x.b.zw, x.c.xy), l);
    r = fma(vec4<f32>(w1.z), vec4<f32>(x.c.zw, x.d.xy), r);
  }
  return Eight(l, r);
}

fn store(v: u32, at: u32, sum: f32) {
  if (v >= p.cols) { return; }
  let i = at + v * p.y_col;
  var s = sum;
  if (RESIDUAL == 1u) { s += residual[i]; }
  if (ACTIVATION >= 1u) { s = select(s, 0.0, s <= 0.0); }
  if (ACTIVATION == 2u) { s = select(s, 6.0, s >= 6.0); }
  y[i] = s;
}

fn store_piece(h: u32, v: u32, start: u32, b: f32, t: Eight) {
  if (h >= p.rows) { return; }
  let at = start + h * p.y_row;
  let l = t.l + vec4<f32>(b);
  let r = t.r + vec4<f32>(b);
  store(v, at, l.x);
  store(v + 1u, at, l.y);
  store(v + 2u, at, l.z);
  store(v + 3u, at, l.w);
  store(v + 4u, at, r.x);
  store(v + 5u, at, r.y);
  store(v + 6u, at, r.z);
  store(v + 7u, at, r.w);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles_v * p.tiles_h * p.images * p.channels) { return; }
  let v = tile % p.tiles_v * 8u;
  let line = tile / p.tiles_v;
  let h = line % p.tiles_h * SUBS;
  let image = line / p.tiles_h;
  let n = image % p.images;
  let c = image / p.images;
  let x0 = n * p.x_image + c / p.filters * p.x_group + h * p.x_row + v / 4u;
  let fours = (KW + 3u) / 4u;
  var s0 = Eight();
  var s1 = Eight();
  var s2 = Eight();
  var s3 = Eight();
  for (var j = 0u; j < p.taps; j++) {
    let i = x0 + tap[j];
    let wj = (c * p.taps + j) * fours;
    let w0 = w[wj];
    var w1 = vec4<f32>();
    if (KW > 4u) { w1 = w[wj + 1u]; }
    s0 = piece(s0, w0, w1, line_at(i));
    if (SUBS > 1u) { s1 = piece(s1, w0, w1, line_at(i + p.x_row)); }
    if (SUBS > 2u) {
      s2 = piece(s2, w0, w1, line_at(i + 2u * p.x_row));
      s3 = piece(s3, w0, w1, line_at(i + 3u * p.x_row));
    }
  }
  let start = n * p.y_image + c * p.y_plane + p.y_start;
  var b = 0.0;
  if (BIAS == 1u) { b = bias[c]; }
  store_piece(h, v, start, b, s0);
  if (SUBS > 1u) { store_piece(h + 1u, v, start, b, s1); }
  if (SUBS > 2u) {
    store_piece(h + 2u, v, start, b, s2);
    store_piece(h + 3u, v, start, b, s3);
  }
}
