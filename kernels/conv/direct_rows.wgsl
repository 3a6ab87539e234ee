// Computes y[f,h,v] = act(sum over row taps j and k < KW of w[j,k,f] x[base(h,v) + tap[j] + k] + bias[f] + residual): a
// convolution whose taps come in runs of KW neighbours, so that a thread loads a piece of an input row once for all of
// them.
//
// x is in fours of columns (its rows are multiples of 4 long): base = n*x_image + g*x_group + h*x_row + v/4, tap[j] and
// the strides count vec4s. It carries its zero halo; column strides are taken apart into planes (pad.wgsl). What lies
// beyond a row's end only reaches outputs that aren't stored.
// w is packed [groups, taps, KW, packed] (pack.wgsl), where packed is filters rounded up to 4.
// Stores go to n*y_image + (g*filters + f)*y_plane + h*y_row + v*y_col + y_start.
// A thread makes 4*FB filters x SUBS pieces of 4 columns; a piece is step_h rows and step_v columns from the last one.
//
// The bindings are x, w, tap, bias and residual (read; an unused one takes any buffer), and y (read_write).
// The grid's x goes over tiles * filter_tiles, pixel tile fastest, with rows of `row` threads folded into y; z goes
// over groups * splits; split s sums row taps [s*chunk, (s+1)*chunk) and writes at s*y_split.
//
// The order of the sums matters: with k innermost an accumulator takes KW terms while it is in a register.
const KW: u32 = 3u;
const FB: u32 = 2u;
const SUBS: u32 = 4u;
const BIAS: u32 = 0u;
const RESIDUAL: u32 = 0u;
const ACTIVATION: u32 = 0u;

struct Params {
  filters: u32, packed4: u32, taps: u32, chunk: u32,
  rows: u32, cols: u32, groups: u32, row: u32,
  x_image: u32, x_group: u32, x_row: u32, x_sub: u32,
  y_image: u32, y_plane: u32, y_row: u32, y_col: u32,
  y_start: u32, y_split: u32, step_h: u32, step_v: u32,
  tiles_h: u32, tiles_v: u32, tiles: u32, filter_tiles: u32,
  first_tile: u32,
}

// Run holds the weights of 4 filters for a run of taps.
struct Run { k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>, k4: vec4<f32>, k5: vec4<f32>, k6: vec4<f32> }
// Holds columns 0 … 11 of a row.
struct Line { l: vec4<f32>, m: vec4<f32>, r: vec4<f32> }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> tap: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> residual: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

fn run_at(i: u32) -> Run {
  var t = Run();
  t.k0 = w[i];
  if (KW > 1u) { t.k1 = w[i + p.packed4]; }
  if (KW > 2u) { t.k2 = w[i + 2u * p.packed4]; }
  if (KW > 3u) { t.k3 = w[i + 3u * p.packed4]; }
  if (KW > 4u) { t.k4 = w[i + 4u * p.packed4]; }
  if (KW > 5u) { t.k5 = w[i + 5u * p.packed4]; }
  if (KW > 6u) { t.k6 = w[i + 6u * p.packed4]; }
  return t;
}

fn line_at(i: u32) -> Line {
  var t = Line();
  t.l = x[i];
  if (KW > 1u) { t.m = x[i + 1u]; }
  if (KW > 5u) { t.r = x[i + 2u]; }
  return t;
}

fn pixel(c: vec4<f32>, t: Run, a: vec4<f32>, b: vec3<f32>) -> vec4<f32> {
  var s = fma(t.k0, vec4<f32>(a.x), c);
  if (KW > 1u) { s = fma(t.k1, vec4<f32>(a.y), s); }
  if (KW > 2u) { s = fma(t.k2, vec4<f32>(a.z), s); }
  if (KW > 3u) { s = fma(t.k3, vec4<f32>(a.w), s); }
  if (KW > 4u) { s = fma(t.k4, vec4<f32>(b.x), s); }
  if (KW > 5u) { s = fma(t.k5, vec4<f32>(b.y), s); }
  if (KW > 6u) { s = fma(t.k6, vec4<f32>(b.z), s); }
  return s;
}

// Makes four filters x four columns; column i of the matrix is image column i.
fn piece(c: mat4x4<f32>, t: Run, x: Line) -> mat4x4<f32> {
  return mat4x4<f32>(
    pixel(c[0], t, x.l, x.m.xyz),
    pixel(c[1], t, vec4<f32>(x.l.yzw, x.m.x), x.m.yzw),
    pixel(c[2], t, vec4<f32>(x.l.zw, x.m.xy), vec3<f32>(x.m.zw, x.r.x)),
    pixel(c[3], t, vec4<f32>(x.l.w, x.m.xyz), vec3<f32>(x.m.w, x.r.xy)));
}

fn biases(f: u32, g: u32) -> vec4<f32> {
  if (BIAS == 0u) { return vec4<f32>(); }
  let last = p.filters - 1u;
  let i = g * p.filters;
  return vec4<f32>(bias[i + min(f, last)], bias[i + min(f + 1u, last)], bias[i + min(f + 2u, last)], bias[i + min(f + 3u, last)]);
}

fn store(i: u32, sum: f32) {
  var s = sum;
  if (RESIDUAL == 1u) { s += residual[i]; }
  if (ACTIVATION >= 1u) { s = select(s, 0.0, s <= 0.0); }
  if (ACTIVATION == 2u) { s = select(s, 6.0, s >= 6.0); }
  y[i] = s;
}

fn store_pixel(v: u32, f: u32, at: u32, s: vec4<f32>) {
  if (v >= p.cols) { return; }
  let i = at + v * p.y_col;
  store(i, s.x);
  if (f + 1u < p.filters) { store(i + p.y_plane, s.y); }
  if (f + 2u < p.filters) { store(i + 2u * p.y_plane, s.z); }
  if (f + 3u < p.filters) { store(i + 3u * p.y_plane, s.w); }
}

fn store_piece(n: u32, f: u32, h: u32, v: u32, start: u32, b: vec4<f32>, c: mat4x4<f32>) {
  if (h >= p.rows || f >= p.filters) { return; }
  let at = n * p.y_image + f * p.y_plane + h * p.y_row + start;
  store_pixel(v, f, at, c[0] + b);
  store_pixel(v + 1u, f, at, c[1] + b);
  store_pixel(v + 2u, f, at, c[2] + b);
  store_pixel(v + 3u, f, at, c[3] + b);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let tile = gid.x + gid.y * p.row;
  if (tile >= p.tiles * p.filter_tiles) { return; }
  let q = tile % p.tiles;
  let v = q % p.tiles_v * (4u + (SUBS - 1u) * p.step_v);
  let h = q / p.tiles_v % p.tiles_h * (1u + (SUBS - 1u) * p.step_h);
  let n = q / p.tiles_v / p.tiles_h;
  let f4 = tile / p.tiles * FB + p.first_tile;
  let g = gid.z % p.groups;
  let split = gid.z / p.groups;
  let x0 = n * p.x_image + g * p.x_group + h * p.x_row + v / 4u;
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c02 = mat4x4<f32>();
  var c03 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  var c12 = mat4x4<f32>();
  var c13 = mat4x4<f32>();
  let end = min(p.taps, (split + 1u) * p.chunk);
  for (var j = split * p.chunk; j < end; j++) {
    let i = x0 + tap[j];
    let wj = (g * p.taps + j) * KW * p.packed4 + f4;
    let t0 = run_at(wj);
    var t1 = Run();
    if (FB > 1u) { t1 = run_at(wj + 1u); }
    let l0 = line_at(i);
    c00 = piece(c00, t0, l0);
    if (FB > 1u) { c10 = piece(c10, t1, l0); }
    if (SUBS > 1u) {
      let l1 = line_at(i + p.x_sub);
      c01 = piece(c01, t0, l1);
      if (FB > 1u) { c11 = piece(c11, t1, l1); }
    }
    if (SUBS > 2u) {
      let l2 = line_at(i + 2u * p.x_sub);
      c02 = piece(c02, t0, l2);
      if (FB > 1u) { c12 = piece(c12, t1, l2); }
      let l3 = line_at(i + 3u * p.x_sub);
      c03 = piece(c03, t0, l3);
      if (FB > 1u) { c13 = piece(c13, t1, l3); }
    }
  }
  let f = f4 * 4u;
  let start = g * p.filters * p.y_plane + p.y_start + split * p.y_split;
  let b0 = biases(f, g);
  store_piece(n, f, h, v, start, b0, c00);
  if (SUBS > 1u) { store_piece(n, f, h + p.step_h, v + p.step_v, start, b0, c01); }
  if (SUBS > 2u) {
    store_piece(n, f, h + 2u * p.step_h, v + 2u * p.step_v, start, b0, c02);
    store_piece(n, f, h + 3u * p.step_h, v + 3u * p.step_v, start, b0, c03);
  }
  if (FB > 1u) {
    let b1 = biases(f + 4u, g);
    store_piece(n, f + 4u, h, v, start, b1, c10);
    if (SUBS > 1u) { store_piece(n, f + 4u, h + p.step_h, v + p.step_v, start, b1, c11); }
    if (SUBS > 2u) {
      store_piece(n, f + 4u, h + 2u * p.step_h, v + 2u * p.step_v, start, b1, c12);
      store_piece(n, f + 4u, h + 3u * p.step_h, v + 3u * p.step_v, start, b1, c13);
    }
  }
}
