// Computes part[s,g,j,k,f] = sum over pixels (n,h,v) of dy[n,f,h,v] x[base(n,h,v) + tap[j] + k], k < KW: the weight
// gradient of a convolution whose taps come in runs of KW neighbours. Split s sums output rows [s*chunk, (s+1)*chunk)
// of the batch*rows there are; wgrad_reduce.wgsl adds the splits up and brings the weights in order.
//
// x is as in direct_rows.wgsl, in fours of columns: base = n*x_image + g*x_group + h*x_row + v/4. dy is in fours too,
// its rows filled up with zeros to cols4 fours: [batch, groups*filters, rows, cols4]. part is [splits, groups, taps,
// KW, packed4] fours.
// A thread makes 4*FB filters x RUNS runs. The bindings are dy, x and tap (read), and part (read_write).
// The grid's x goes over run tiles * filter tiles, run tile fastest, in 64s; y goes over groups; z goes over splits.
const KW: u32 = 3u;
const FB: u32 = 2u;
const RUNS: u32 = 4u;

struct Params {
  filters: u32, packed4: u32, taps: u32, groups: u32,
  lines: u32, chunk: u32, rows: u32, cols4: u32,
  x_image: u32, x_group: u32, x_row: u32, tiles: u32,
  filter_tiles: u32, first_tile: u32,
}

// Holds columns 0 … 11 of a row of x.
struct Line { l: vec4<f32>, m: vec4<f32>, r: vec4<f32> }
// Run holds four filters' sums for the taps of a run.
struct Run { k0: vec4<f32>, k1: vec4<f32>, k2: vec4<f32>, k3: vec4<f32>, k4: vec4<f32>, k5: vec4<f32>, k6: vec4<f32> }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> tap: array<u32>;
@group(0) @binding(4) var<storage, read_write> part: array<vec4<f32>>;

fn line_at(i: u32) -> Line {
  var t = Line();
  t.l = x[i];
  if (KW > 1u) { t.m = x[i + 1u]; }
  if (KW > 5u) { t.r = x[i + 2u]; }
  return t;
}

// Says where four filters' planes start.
fn planes(f: u32) -> vec4<u32> {
  return min(vec4<u32>(f, f + 1u, f + 2u, f + 3u), vec4<u32>(p.filters - 1u)) * (p.rows * p.cols4);
}

// Column i holds four filters at pixel i.
fn pixels(f: vec4<u32>, i: u32) -> mat4x4<f32> {
  return transpose(mat4x4<f32>(dy[i + f.x], dy[i + f.y], dy[i + f.z], dy[i + f.w]));
}

fn shifted(c: vec4<f32>, d: mat4x4<f32>, x: vec4<f32>) -> vec4<f32> {
  return fma(d[3], vec4<f32>(x.w), fma(d[2], vec4<f32>(x.z), fma(d[1], vec4<f32>(x.y), fma(d[0], vec4<f32>(x.x), c))));
}

fn add(c: Run, d: mat4x4<f32>, x: Line) -> Run {
  var t = c;
  t.k0 = shifted(c.k0, d, x.l);
  if (KW > 1u) { t.k1 = shifted(c.k1, d, vec4<f32>(x.l.yzw, x.m.x)); }
  if (KW > 2u) { t.k2 = shifted(c.k2, d, vec4<f32>(x.l.zw, x.m.xy)); }
  if (KW > 3u) { t.k3 = shifted(c.k3, d, vec4<f32>(x.l.w, x.m.xyz)); }
  if (KW > 4u) { t.k4 = shifted(c.k4, d, x.m); }
  if (KW > 5u) { t.k5 = shifted(c.k5, d, vec4<f32>(x.m.yzw, x.r.x)); }
  if (KW > 6u) { t.k6 = shifted(c.k6, d, vec4<f32>(x.m.zw, x.r.xy)); }
  return t;
}

fn store(f4: u32, j: u32, start: u32, t: Run) {
  if (j >= p.taps || f4 >= p.packed4) { return; }
  let i = (start + j) * KW * p.packed4 + f4;
  part[i] = t.k0;
  if (KW > 1u) { part[i + p.packed4] = t.k1; }
  if (KW > 2u) { part[i + 2u * p.packed4] = t.k2; }
  if (KW > 3u) { part[i + 3u * p.packed4] = t.k3; }
  if (KW > 4u) { part[i + 4u * p.packed4] = t.k4; }
  if (KW > 5u) { part[i + 5u * p.packed4] = t.k5; }
  if (KW > 6u) { part[i + 6u * p.packed4] = t.k6; }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  if (gid.x >= p.tiles * p.filter_tiles) { return; }
  let j = gid.x % p.tiles * RUNS;
  let f4 = gid.x / p.tiles * FB + p.first_tile;
  let g = gid.y;
  let last = p.taps - 1u;
  let o0 = tap[min(j, last)];
  let o1 = tap[min(j + 1u, last)];
  let o2 = tap[min(j + 2u, last)];
  let o3 = tap[min(j + 3u, last)];
  var c00 = Run();
  var c01 = Run();
  var c02 = Run();
  var c03 = Run();
  var c10 = Run();
  var c11 = Run();
  var c12 = Run();
  var c13 = Run();
  let f0 = planes(f4 * 4u);
  let f1 = planes(f4 * 4u + 4u);
  let end = min(p.lines, (gid.z + 1u) * p.chunk);
  for (var line = gid.z * p.chunk; line < end; line++) {
    let n = line / p.rows;
    let h = line % p.rows;
    let x0 = n * p.x_image + g * p.x_group + h * p.x_row;
    let d0 = ((n * p.groups + g) * p.filters * p.rows + h) * p.cols4;
    for (var v = 0u; v < p.cols4; v++) {
      let a = pixels(f0, d0 + v);
      var b = mat4x4<f32>();
      if (FB > 1u) { b = pixels(f1, d0 + v); }
      let l0 = line_at(x0 + v + o0);
      c00 = add(c00, a, l0);
      if (FB > 1u) { c10 = add(c10, b, l0); }
      if (RUNS > 1u) {
        let l1 = line_at(x0 + v + o1);
        c01 = add(c01, a, l1);
        if (FB > 1u) { c11 = add(c11, b, l1); }
      }
      if (RUNS > 2u) {
        let l2 = line_at(x0 + v + o2);
        c02 = add(c02, a, l2);
        if (FB > 1u) { c12 = add(c12, b, l2); }
        let l3 = line_at(x0 + v + o3);
        c03 = add(c03, a, l3);
        if (FB > 1u) { c13 = add(c13, b, l3); }
      }
    }
  }
  let start = (gid.z * p.groups + g) * p.taps;
  store(f4, j, start, c00);
  if (RUNS > 1u) { store(f4, j + 1u, start, c01); }
  if (RUNS > 2u) {
    store(f4, j + 2u, start, c02);
    store(f4, j + 3u, start, c03);
  }
  if (FB > 1u) {
    store(f4 + 1u, j, start, c10);
    if (RUNS > 1u) { store(f4 + 1u, j + 1u, start, c11); }
    if (RUNS > 2u) {
      store(f4 + 1u, j + 2u, start, c12);
      store(f4 + 1u, j + 3u, start, c13);
    }
  }
}
