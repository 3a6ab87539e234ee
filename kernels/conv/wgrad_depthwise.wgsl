// Computes part[s,c,j,k] = sum over pixels (n,h,v) of dy[n,c,h,v] x[base(n,h,v) + tap[j] + k], k < KW: as
// wgrad_rows.wgsl does, but a thread makes one filter, for groups of one or two filters (depthwise). Filter c belongs
// to group c/filters.
//
// x is in fours of columns: base = n*x_image + c/filters*x_group + h*x_row + v/4. dy is in fours too, its rows filled
// up with zeros to cols4 fours: [batch, channels, rows, cols4]. Split s sums output rows [s*chunk, (s+1)*chunk) of
// `lines`.
// A thread makes RUNS runs. The bindings are dy, x and tap (read), and part [splits, channels, taps, KW] (read_write).
// The grid's x goes over run tiles * channels, run tile fastest, in 64s; z goes over splits.
const KW: u32 = 3u;
const RUNS: u32 = 4u;

struct Params {
  channels: u32, filters: u32, taps: u32, tiles: u32,
  lines: u32, chunk: u32, rows: u32, cols4: u32,
  x_image: u32, x_group: u32, x_row: u32,
}

// Holds columns 0 … 11 of a row of x.
struct Line { l: vec4<f32>, m: vec4<f32>, r: vec4<f32> }
// Run holds the sums of a run's taps.
struct Run { l: vec4<f32>, r: vec4<f32> }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> tap: array<u32>;
@group(0) @binding(4) var<storage, read_write> part: array<f32>;

fn line_at(i: u32) -> Line {
  var t = Line();
  t.l = x[i];
  if (KW > 1u) { t.m = x[i + 1u]; }
  if (KW > 5u) { t.r = x[i + 2u]; }
  return t;
}

fn add(c: Run, d: vec4<f32>, x: Line) -> Run {
  var l = fma(vec4<f32>(d.x), x.l, c.l);
  if (KW > 1u) {
    l = fma(vec4<f32>(d.y), vec4<f32>(x.l.yzw, x.m.x), l);
    l = fma(vec4<f32>(d.z), vec4<f32>(x.l.zw, x.m.xy), l);
    l = fma(vec4<f32>(d.w), vec4<f32>(x.l.w, x.m.xyz), l);
  } else {
    l.x += dot(d.yzw, x.l.yzw);
  }
  var r = c.r;
  if (KW > 4u) {
    r = fma(vec4<f32>(d.x), x.m, r);
    r = fma(vec4<f32>(d.y), vec4<f32>(x.m.yzw, x.r.x), r);
    r = fma(vec4<f32>(d.z), vec4<f32>(x.m.zw, x.r.xy), r);
    r = fma(vec4<f32>(d.w), vec4<f32>(x.m.w, x.r.xyz), r);
  }
  return Run(l, r);
}

fn store(j: u32, start: u32, t: Run) {
  if (j >= p.taps) { return; }
  let i = (start + j) * KW;
  part[i] = t.l.x;
  if (KW > 1u) { part[i + 1u] = t.l.y; }
  if (KW > 2u) { part[i + 2u] = t.l.z; }
  if (KW > 3u) { part[i + 3u] = t.l.w; }
  if (KW > 4u) { part[i + 4u] = t.r.x; }
  if (KW > 5u) { part[i + 5u] = t.r.y; }
  if (KW > 6u) { part[i + 6u] = t.r.z; }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  if (gid.x >= p.tiles * p.channels) { return; }
  let j = gid.x % p.tiles * RUNS;
  let c = gid.x / p.tiles;
  let last = p.taps - 1u;
  let o0 = tap[min(j, last)];
  let o1 = tap[min(j + 1u, last)];
  let o2 = tap[min(j + 2u, last)];
  let o3 = tap[min(j + 3u, last)];
  var s0 = Run();
  var s1 = Run();
  var s2 = Run();
  var s3 = Run();
  let end = min(p.lines, (gid.z + 1u) * p.chunk);
  for (var line = gid.z * p.chunk; line < end; line++) {
    let n = line / p.rows;
    let h = line % p.rows;
    let x0 = n * p.x_image + c / p.filters * p.x_group + h * p.x_row;
    let d0 = ((n * p.channels + c) * p.rows + h) * p.cols4;
    for (var v = 0u; v < p.cols4; v++) {
      let d = dy[d0 + v];
      s0 = add(s0, d, line_at(x0 + v + o0));
      if (RUNS > 1u) { s1 = add(s1, d, line_at(x0 + v + o1)); }
      if (RUNS > 2u) { s2 = add(s2, d, line_at(x0 + v + o2)); }
      if (RUNS > 3u) { s3 = add(s3, d, line_at(x0 + v + o3)); }
    }
  }
  let start = (gid.z * p.channels + c) * p.taps;
  store(j, start, s0);
  if (RUNS > 1u) { store(j + 1u, start, s1); }
  if (RUNS > 2u) { store(j + 2u, start, s2); }
  if (RUNS > 3u) { store(j + 3u, start, s3); }
}
