// Computes part[s,f,c,r,q] = sum over pixels (n,h,v) of split s of dy[n,f,h,v] x[n,c,h+r,v+q]: the weight gradient of a
// convolution of stride 1. A thread makes FILTERS filters x CHANNELS channels x all KH x KW taps over every splits-th
// line of fours of columns, going down the rows: each row of x is loaded once for all rows of the kernel.
//
// x carries its zero halo and is [batch, channels, x_rows, x_row] in fours of columns, at least one four more than dy
// has. dy is in fours too, its rows filled up with zeros: [batch, filters, rows, columns4]. part is [splits, filters,
// channels, KH, KW]. The bindings are dy and x (read), and part (read_write).
// The grid has one thread per tile of channels, tile of filters and split, in this order, with rows of `row` threads
// folded into y.
const KH: u32 = 3u;
const KW: u32 = 3u;
const FILTERS: u32 = 4u;
const CHANNELS: u32 = 2u;

struct Params {
  batch: u32, filters: u32, channels: u32, rows: u32, columns4: u32,
  x_plane: u32, x_row: u32, tiles_c: u32, tiles_f: u32, splits: u32,
  first_channel: u32, first_filter: u32, row: u32,
}

// Holds columns 0 … 7 of a row of x.
struct Line { l: vec4<f32>, m: vec4<f32> }
// Lines holds the rows of x that all rows of the kernel but the last one see.
struct Lines { l0: Line, l1: Line, l2: Line, l3: Line }
// Taps holds four filters' sums for the taps of a row of the kernel, and Kernel those for all its taps.
struct Taps { k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>, k4: vec4<f32> }
struct Kernel { r0: Taps, r1: Taps, r2: Taps, r3: Taps, r4: Taps }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> part: array<f32>;

fn line_at(i: u32) -> Line {
  var t = Line();
  t.l = x[i];
  if (KW > 1u) { t.m = x[i + 1u]; }
  return t;
}

fn lines_at(i: u32) -> Lines {
  var t = Lines();
  if (KH > 1u) { t.l0 = line_at(i); }
  if (KH > 2u) { t.l1 = line_at(i + p.x_row); }
  if (KH > 3u) { t.l2 = line_at(i + 2u * p.x_row); }
  if (KH > 4u) { t.l3 = line_at(i + 3u * p.x_row); }
  return t;
}

// Moves one row further down; `last` is what the kernel's last row saw.
fn moved(t: Lines, last: Line) -> Lines {
  var s = Lines();
  if (KH == 2u) { s.l0 = last; }
  if (KH > 2u) { s.l0 = t.l1; }
  if (KH == 3u) { s.l1 = last; }
  if (KH > 3u) { s.l1 = t.l2; }
  if (KH == 4u) { s.l2 = last; }
  if (KH > 4u) {
    s.l2 = t.l3;
    s.l3 = last;
  }
  return s;
}

// Column i holds four filters at pixel i. Filters that aren't made are zero.
fn pixels(i: u32, plane: u32) -> mat4x4<f32> {
  var a = mat4x4<f32>();
  a[0] = dy[i];
  if (FILTERS > 1u) { a[1] = dy[i + plane]; }
  if (FILTERS > 2u) { a[2] = dy[i + 2u * plane]; }
  if (FILTERS > 3u) { a[3] = dy[i + 3u * plane]; }
  return transpose(a);
}

fn shifted(c: vec4<f32>, d: mat4x4<f32>, x: vec4<f32>) -> vec4<f32> {
  return fma(d[3], vec4<f32>(x.w), fma(d[2], vec4<f32>(x.z), fma(d[1], vec4<f32>(x.y), fma(d[0], vec4<f32>(x.x), c))));
}

fn taps(c: Taps, d: mat4x4<f32>, x: Line) -> Taps {
  var t = Taps();
  t.k0 = shifted(c.k0, d, x.l);
  if (KW > 1u) { t.k1 = shifted(c.k1, d, vec4<f32>(x.l.yzw, x.m.x)); }
  if (KW > 2u) { t.k2 = shifted(c.k2, d, vec4<f32>(x.l.zw, x.m.xy)); }
  if (KW > 3u) { t.k3 = shifted(c.k3, d, vec4<f32>(x.l.w, x.m.xyz)); }
  if (KW > 4u) { t.k4 = shifted(c.k4, d, x.m); }
  return t;
}

fn add(c: Kernel, d: mat4x4<f32>, x: Lines, last: Line) -> Kernel {
  var t = Kernel();
  if (KH == 1u) { t.r0 = taps(c.r0, d, last); }
  if (KH > 1u) { t.r0 = taps(c.r0, d, x.l0); }
  if (KH == 2u) { t.r1 = taps(c.r1, d, last); }
  if (KH > 2u) { t.r1 = taps(c.r1, d, x.l1); }
  if (KH == 3u) { t.r2 = taps(c.r2, d, last); }
  if (KH > 3u) { t.r2 = taps(c.r2, d, x.l2); }
  if (KH == 4u) { t.r3 = taps(c.r3, d, last); }
  if (KH > 4u) {
    t.r3 = taps(c.r3, d, x.l3);
    t.r4 = taps(c.r4, d, last);
  }
  return t;
}

fn store_tap(at: u32, s: vec4<f32>) {
  let filter_size = p.channels * KH * KW;
  part[at] = s.x;
  if (FILTERS > 1u) { part[at + filter_size] = s.y; }
  if (FILTERS > 2u) { part[at + 2u * filter_size] = s.z; }
  if (FILTERS > 3u) { part[at + 3u * filter_size] = s.w; }
}

fn store_row(at: u32, t: Taps) {
  store_tap(at, t.k0);
  if (KW > 1u) { store_tap(at + 1u, t.k1); }
  if (KW > 2u) { store_tap(at + 2u, t.k2); }
  if (KW > 3u) { store_tap(at + 3u, t.k3); }
  if (KW > 4u) { store_tap(at + 4u, t.k4); }
}

fn store(at: u32, k: Kernel) {
  store_row(at, k.r0);
  if (KH > 1u) { store_row(at + KW, k.r1); }
  if (KH > 2u) { store_row(at + 2u * KW, k.r2); }
  if (KH > 3u) { store_row(at + 3u * KW, k.r3); }
  if (KH > 4u) { store_row(at + 4u * KW, k.r4); }
}

@compute @workgroup_size(32)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let thread = gid.x + gid.y * p.row;
  let split = thread / p.tiles_c / p.tiles_f;
  if (split >= p.splits) { return; }
  let c = p.first_channel + thread % p.tiles_c * CHANNELS;
  let f = p.first_filter + thread / p.tiles_c % p.tiles_f * FILTERS;
  let plane = p.rows * p.columns4;
  var s0 = Kernel();
  var s1 = Kernel();
  var s2 = Kernel();
  var s3 = Kernel();
  for (var line = split; line < p.batch * p.columns4; line += p.splits) {
    let n = line / p.columns4;
    let v4 = line % p.columns4;
    var i = (n * p.filters + f) * plane + v4;
    let j = (n * p.channels + c) * p.x_plane + v4;
    var x0 = lines_at(j);
    var x1 = Lines();
    var x2 = Lines();
    var x3 = Lines();
    if (CHANNELS > 1u) { x1 = lines_at(j + p.x_plane); }
    if (CHANNELS > 2u) { x2 = lines_at(j + 2u * p.x_plane); }
    if (CHANNELS > 3u) { x3 = lines_at(j + 3u * p.x_plane); }
    var k = j + (KH - 1u) * p.x_row;
    for (var h = 0u; h < p.rows; h++) {
      let d = pixels(i, plane);
      let last0 = line_at(k);
      s0 = add(s0, d, x0, last0);
      x0 = moved(x0, last0);
      if (CHANNELS > 1u) {
        let last1 = line_at(k + p.x_plane);
        s1 = add(s1, d, x1, last1);
        x1 = moved(x1, last1);
      }
      if (CHANNELS > 2u) {
        let last2 = line_at(k + 2u * p.x_plane);
        s2 = add(s2, d, x2, last2);
        x2 = moved(x2, last2);
      }
      if (CHANNELS > 3u) {
        let last3 = line_at(k + 3u * p.x_plane);
        s3 = add(s3, d, x3, last3);
        x3 = moved(x3, last3);
      }
      i += p.columns4;
      k += p.x_row;
    }
  }
  let size = KH * KW;
  let at = ((split * p.filters + f) * p.channels + c) * size;
  store(at, s0);
  if (CHANNELS > 1u) { store(at + size, s1); }
  if (CHANNELS > 2u) { store(at + 2u * size, s2); }
  if (CHANNELS > 3u) { store(at + 3u * size, s3); }
}
