// Computes dw[f,c,r,q] (+)= sum over images n, rows h, columns v of dy[n,f,h,v] x[n,c,STRIDE*h+r-top,STRIDE*v+q-LEFT],
// r, q < 3, with x and dy read through uniform bindings, which software adapters read many times faster than storage.
// Beyond x's rows and columns it is 0.
//
// Both are in fours of columns: channel c of image n starts at x_start + n*x_image + c*x_plane, its rows are x_row
// long; dy lies likewise, with its rows filled up with zeros to fours. dw is [parts, .., channels, 3, 3], with filters
// `per_filter` numbers apart. A thread makes 4*FB filters x 9 taps of one channel over every parts-th four of columns,
// going down the rows, so that a row of x is loaded once for three rows of the kernel. dy is the same for the threads
// of a workgroup.
// The bindings are x and dy (uniform), and dw (read_write). The grid's x goes over channels, y goes over tiles of
// filters, z goes over parts.
const FB: u32 = 4u;
const STRIDE: u32 = 1u;
const LEFT: u32 = 1u;

struct Params {
  channels: u32, filters: u32, images: u32, rows: u32,
  columns4: u32, parts: u32, top: u32, height: u32,
  x_start: u32, x_image: u32, x_plane: u32, x_row: u32,
  dy_start: u32, dy_image: u32, dy_plane: u32,
  dw_start: u32, per_filter: u32, per_part: u32, add: u32,
}

// Line holds what the three taps of a row see at four pixels.
struct Line { q0: vec4<f32>, q1: vec4<f32>, q2: vec4<f32> }
// Nine holds four filters' sums for each tap.
struct Nine {
  k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>,
  k3: vec4<f32>, k4: vec4<f32>, k5: vec4<f32>,
  k6: vec4<f32>, k7: vec4<f32>, k8: vec4<f32>,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<uniform> x: array<vec4<f32>, 4096>;
@group(0) @binding(2) var<uniform> dy: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

// Reads a four of columns. Above and left of x the difference wraps to a huge number.
fn four(plane: u32, row: u32, v4: u32) -> vec4<f32> {
  let inside = row < p.height && v4 < p.x_row;
  return select(vec4<f32>(), x[plane + row * p.x_row + v4], vec4<bool>(inside));
}

fn line_at(plane: u32, row: u32, v4: u32) -> Line {
  let a = four(plane, row, STRIDE * v4);
  if (STRIDE == 1u && LEFT == 1u) {
    let before = four(plane, row, v4 - 1u).w;
    let after = four(plane, row, v4 + 1u).x;
    return Line(vec4<f32>(before, a.xyz), a, vec4<f32>(a.yzw, after));
  }
  let b = four(plane, row, STRIDE * v4 + 1u);
  if (STRIDE == 1u) { return Line(a, vec4<f32>(a.yzw, b.x), vec4<f32>(a.zw, b.xy)); }
  let even = vec4<f32>(a.xz, b.xz);
  let odd = vec4<f32>(a.yw, b.yw);
  if (LEFT == 1u) { return Line(vec4<f32>(four(plane, row, 2u * v4 - 1u).w, odd.xyz), even, odd); }
  return Line(even, odd, vec4<f32>(even.yzw, four(plane, row, 2u * v4 + 2u).x));
}

// Column i holds four filters at pixel i.
fn pixels(f: vec4<u32>, i: u32) -> mat4x4<f32> {
  return transpose(mat4x4<f32>(dy[i + f.x], dy[i + f.y], dy[i + f.z], dy[i + f.w]));
}

fn shifted(c: vec4<f32>, d: mat4x4<f32>, x: vec4<f32>) -> vec4<f32> {
  return fma(d[3], vec4<f32>(x.w), fma(d[2], vec4<f32>(x.z), fma(d[1], vec4<f32>(x.y), fma(d[0], vec4<f32>(x.x), c))));
}

fn add(c: Nine, d: mat4x4<f32>, r0: Line, r1: Line, r2: Line) -> Nine {
  return Nine(
    shifted(c.k0, d, r0.q0), shifted(c.k1, d, r0.q1), shifted(c.k2, d, r0.q2),
    shifted(c.k3, d, r1.q0), shifted(c.k4, d, r1.q1), shifted(c.k5, d, r1.q2),
    shifted(c.k6, d, r2.q0), shifted(c.k7, d, r2.q1), shifted(c.k8, d, r2.q2));
}

// Says where four filters' planes start.
fn planes(f: u32) -> vec4<u32> {
  return min(vec4<u32>(f, f + 1u, f + 2u, f + 3u), vec4<u32>(p.filters - 1u)) * p.dy_plane;
}

fn store_tap(i: u32, v: f32) {
  if (p.add == 1u) { dw[i] += v; } else { dw[i] = v; }
}

fn store_filter(at: u32, f: u32, r0: vec3<f32>, r1: vec3<f32>, r2: vec3<f32>) {
  if (f >= p.filters) { return; }
  let i = at + f * p.per_filter;
  store_tap(i, r0.x);
  store_tap(i + 1u, r0.y);
  store_tap(i + 2u, r0.z);
  store_tap(i + 3u, r1.x);
  store_tap(i + 4u, r1.y);
  store_tap(i + 5u, r1.z);
  store_tap(i + 6u, r2.x);
  store_tap(i + 7u, r2.y);
  store_tap(i + 8u, r2.z);
}

fn store(at: u32, f: u32, c: Nine) {
  let r0 = transpose(mat3x4<f32>(c.k0, c.k1, c.k2));
  let r1 = transpose(mat3x4<f32>(c.k3, c.k4, c.k5));
  let r2 = transpose(mat3x4<f32>(c.k6, c.k7, c.k8));
  store_filter(at, f, r0[0], r1[0], r2[0]);
  store_filter(at, f + 1u, r0[1], r1[1], r2[1]);
  store_filter(at, f + 2u, r0[2], r1[2], r2[2]);
  store_filter(at, f + 3u, r0[3], r1[3], r2[3]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
  let c = gid.x;
  if (c >= p.channels) { return; }
  let f = group.y * 4u * FB;
  let f0 = planes(f);
  let f1 = planes(f + 4u);
  let f2 = planes(f + 8u);
  let f3 = planes(f + 12u);
  var c0 = Nine();
  var c1 = Nine();
  var c2 = Nine();
  var c3 = Nine();
  for (var n = 0u; n < p.images; n++) {
    let plane = p.x_start + n * p.x_image + c * p.x_plane;
    for (var v4 = group.z; v4 < p.columns4; v4 += p.parts) {
      var i = p.dy_start + n * p.dy_image + v4;
      var row = 0u - p.top;
      var r0 = line_at(plane, row, v4);
      var r1 = line_at(plane, row + 1u, v4);
      for (var h = 0u; h < p.rows; h++) {
        let r2 = line_at(plane, row + 2u, v4);
        c0 = add(c0, pixels(f0, i), r0, r1, r2);
        if (FB > 1u) { c1 = add(c1, pixels(f1, i), r0, r1, r2); }
        if (FB > 2u) { c2 = add(c2, pixels(f2, i), r0, r1, r2); }
        if (FB > 3u) { c3 = add(c3, pixels(f3, i), r0, r1, r2); }
        i += p.columns4;
        row += STRIDE;
        if (STRIDE == 1u) {
          r0 = r1;
          r1 = r2;
        } else {
          r0 = r2;
          r1 = line_at(plane, row + 1u, v4);
        }
      }
    }
  }
  let at = p.dw_start + group.z * p.per_part + c * 9u;
  store(at, f, c0);
  if (FB > 1u) { store(at, f + 4u, c1); }
  if (FB > 2u) { store(at, f + 8u, c2); }
  if (FB > 3u) { store(at, f + 12u, c3); }
}
