// Computes y[f, pixel] = act(sum over a line's taps t of w[t,f] x[pixel + t] + bias[f] + residual): a convolution or a
// matrix product with a sparse weight whose lines of filters each list the taps that they keep. Inputs, weights and
// lists are uniform arrays, which software adapters read faster than storage. Follows listed.wgsl, which makes the
// sums.
//
// x0 ... x3 are uniform panels of the input, `parts` of them for the same images, whose channels they share out. A
// thread takes a line's taps panel by panel, four at a time: table[TAPS_AT + REGION*i + t] says where the t-th four
// reads panel i, and its weights are four vec4 at wi[4*t*FB ...], FB apart, or one number each at wi[t] where FB is 0;
// lists end with taps of weight 0. table[l] is the first four of line l in each panel, with the ends of the last line
// following, and table[FILTERS_AT + l/4][l%4] its first filter.
// With CONV 0, x is packed in panels of 64 rows, column by column; a tap is a column, pixel r, c of a tile is row 4*r +
// c, and `rows` is their count. With CONV 1, x is images as they are, `images` of them in the panels of the same
// images; a tap is relative to the first channel of its panel; what lies beyond an image's edge counts as zero.
//
// The bindings are x0..x3, w0..w3 and table (uniform), bias and residual (read; an unused one takes any buffer), and y
// (read_write).
// The grid's x has one thread per tile, column tile fastest, then row tile, then image; y goes over lines.
const TABLE: u32 = TAPS_AT + 4u * REGION;

struct Params {
  start0: u32, start1: u32, start2: u32, start3: u32,
  tiles: u32, tiles_h: u32, tiles_v: u32, parts: u32,
  images: u32, filters: u32, rows: u32, cols: u32,
  height: u32, width: u32, stride_h: u32, stride_w: u32,
  x_image: u32, y_start: u32, y_image: u32, y_filter: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<uniform> x0: array<vec4<f32>, 4096>;
@group(0) @binding(2) var<uniform> x1: array<vec4<f32>, 4096>;
@group(0) @binding(3) var<uniform> x2: array<vec4<f32>, 4096>;
@group(0) @binding(4) var<uniform> x3: array<vec4<f32>, 4096>;
@group(0) @binding(5) var<uniform> w0: array<vec4<f32>, 4096>;
@group(0) @binding(6) var<uniform> w1: array<vec4<f32>, 4096>;
@group(0) @binding(7) var<uniform> w2: array<vec4<f32>, 4096>;
@group(0) @binding(8) var<uniform> w3: array<vec4<f32>, 4096>;
@group(0) @binding(9) var<uniform> table: array<vec4<u32>, TABLE>;
@group(0) @binding(10) var<storage, read> bias: array<f32>;
@group(0) @binding(11) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(12) var<storage, read_write> y: array<vec4<f32>>;

fn pixels0(o: Origin, tap: u32, r: u32) -> vec4<f32> {
  let q = place(o, tap, p.start0, r);
  let i = q.at;
  let v = vec4<f32>(
    x0[i.x >> 2u][i.x & 3u], x0[i.y >> 2u][i.y & 3u], x0[i.z >> 2u][i.z & 3u], x0[i.w >> 2u][i.w & 3u]);
  return select(vec4<f32>(), v, q.inside);
}

fn patch0(o: Origin, tap: u32) -> Patch {
  let i = tap * 16u + o.at;
  var t = Patch();
  if (CONV == 1u) {
    t.a = pixels0(o, tap, 0u);
    t.b = pixels0(o, tap, 1u);
    if (ROWS > 2u) {
      t.c = pixels0(o, tap, 2u);
      t.d = pixels0(o, tap, 3u);
    }
    return t;
  }
  t.a = x0[i];
  t.b = x0[i + 1u];
  if (ROWS > 2u) {
    t.c = x0[i + 2u];
    t.d = x0[i + 3u];
  }
  return t;
}

fn patches0(o: Origin, t: vec4<u32>) -> Patches {
  return Patches(patch0(o, t.x), patch0(o, t.y), patch0(o, t.z), patch0(o, t.w));
}

fn weights0(i: u32) -> mat4x4<f32> {
  return mat4x4<f32>(w0[i], w0[i + FB], w0[i + 2u * FB], w0[i + 3u * FB]);
}

fn pixels1(o: Origin, tap: u32, r: u32) -> vec4<f32> {
  let q = place(o, tap, p.start1, r);
  let i = q.at;
  let v = vec4<f32>(
    x1[i.x >> 2u][i.x & 3u], x1[i.y >> 2u][i.y & 3u], x1[i.z >> 2u][i.z & 3u], x1[i.w >> 2u][i.w & 3u]);
  return select(vec4<f32>(), v, q.inside);
}

fn patch1(o: Origin, tap: u32) -> Patch {
  let i = tap * 16u + o.at;
  var t = Patch();
  if (CONV == 1u) {
    t.a = pixels1(o, tap, 0u);
    t.b = pixels1(o, tap, 1u);
    if (ROWS > 2u) {
      t.c = pixels1(o, tap, 2u);
      t.d = pixels1(o, tap, 3u);
    }
    return t;
  }
  t.a = x1[i];
  t.b = x1[i + 1u];
  if (ROWS > 2u) {
    t.c = x1[i + 2u];
    t.d = x1[i + 3u];
  }
  return t;
}

fn patches1(o: Origin, t: vec4<u32>) -> Patches {
  return Patches(patch1(o, t.x), patch1(o, t.y), patch1(o, t.z), patch1(o, t.w));
}

fn weights1(i: u32) -> mat4x4<f32> {
  return mat4x4<f32>(w1[i], w1[i + FB], w1[i + 2u * FB], w1[i + 3u * FB]);
}

fn pixels2(o: Origin, tap: u32, r: u32) -> vec4<f32> {
  let q = place(o, tap, p.start2, r);
  let i = q.at;
  let v = vec4<f32>(
    x2[i.x >> 2u][i.x & 3u], x2[i.y >> 2u][i.y & 3u], x2[i.z >> 2u][i.z & 3u], x2[i.w >> 2u][i.w & 3u]);
  return select(vec4<f32>(), v, q.inside);
}

fn patch2(o: Origin, tap: u32) -> Patch {
  let i = tap * 16u + o.at;
  var t = Patch();
  if (CONV == 1u) {
    t.a = pixels2(o, tap, 0u);
    t.b = pixels2(o, tap, 1u);
    if (ROWS > 2u) {
      t.c = pixels2(o, tap, 2u);
      t.d = pixels2(o, tap, 3u);
    }
    return t;
  }
  t.a = x2[i];
  t.b = x2[i + 1u];
  if (ROWS > 2u) {
    t.c = x2[i + 2u];
    t.d = x2[i + 3u];
  }
  return t;
}

fn patches2(o: Origin, t: vec4<u32>) -> Patches {
  return Patches(patch2(o, t.x), patch2(o, t.y), patch2(o, t.z), patch2(o, t.w));
}

fn weights2(i: u32) -> mat4x4<f32> {
  return mat4x4<f32>(w2[i], w2[i + FB], w2[i + 2u * FB], w2[i + 3u * FB]);
}

fn pixels3(o: Origin, tap: u32, r: u32) -> vec4<f32> {
  let q = place(o, tap, p.start3, r);
  let i = q.at;
  let v = vec4<f32>(
    x3[i.x >> 2u][i.x & 3u], x3[i.y >> 2u][i.y & 3u], x3[i.z >> 2u][i.z & 3u], x3[i.w >> 2u][i.w & 3u]);
  return select(vec4<f32>(), v, q.inside);
}

fn patch3(o: Origin, tap: u32) -> Patch {
  let i = tap * 16u + o.at;
  var t = Patch();
  if (CONV == 1u) {
    t.a = pixels3(o, tap, 0u);
    t.b = pixels3(o, tap, 1u);
    if (ROWS > 2u) {
      t.c = pixels3(o, tap, 2u);
      t.d = pixels3(o, tap, 3u);
    }
    return t;
  }
  t.a = x3[i];
  t.b = x3[i + 1u];
  if (ROWS > 2u) {
    t.c = x3[i + 2u];
    t.d = x3[i + 3u];
  }
  return t;
}

fn patches3(o: Origin, t: vec4<u32>) -> Patches {
  return Patches(patch3(o, t.x), patch3(o, t.y), patch3(o, t.z), patch3(o, t.w));
}

fn weights3(i: u32) -> mat4x4<f32> {
  return mat4x4<f32>(w3[i], w3[i + FB], w3[i + 2u * FB], w3[i + 3u * FB]);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let i = group.x * 8u + local.x;
  if (i >= p.tiles) { return; }
  let tile = tile_at(i);
  let views = tile.n / p.images;
  let at = tile.n % p.images * p.x_image + select(0u, tile.h, CONV == 0u);
  let o = Origin(at, i32(tile.h * p.stride_h), tile.cols);
  let first = table[group.y];
  let own = vec4<u32>(0u, 1u, 2u, 3u) / p.parts == vec4<u32>(views);
  let end = select(first, table[group.y + 1u], own);
  var c0 = Sums();
  var c1 = Sums();
  var c2 = Sums();
  var c3 = Sums();
  for (var t = first.x; t < end.x; t++) {
    let x = patches0(o, table[TAPS_AT + 0u * REGION + t]);
    if (FB == 0u) { c0.a = add_one(c0.a, x, w0[t]); }
    if (FB > 0u) { c0 = add(c0, x, weights0(t * FB * 4u)); }
    if (FB > 1u) { c1 = add(c1, x, weights0(t * FB * 4u + 1u)); }
    if (FB > 2u) {
      c2 = add(c2, x, weights0(t * FB * 4u + 2u));
      c3 = add(c3, x, weights0(t * FB * 4u + 3u));
    }
  }
  for (var t = first.y; t < end.y; t++) {
    let x = patches1(o, table[TAPS_AT + 1u * REGION + t]);
    if (FB == 0u) { c0.a = add_one(c0.a, x, w1[t]); }
    if (FB > 0u) { c0 = add(c0, x, weights1(t * FB * 4u)); }
    if (FB > 1u) { c1 = add(c1, x, weights1(t * FB * 4u + 1u)); }
    if (FB > 2u) {
      c2 = add(c2, x, weights1(t * FB * 4u + 2u));
      c3 = add(c3, x, weights1(t * FB * 4u + 3u));
    }
  }
  for (var t = first.z; t < end.z; t++) {
    let x = patches2(o, table[TAPS_AT + 2u * REGION + t]);
    if (FB == 0u) { c0.a = add_one(c0.a, x, w2[t]); }
    if (FB > 0u) { c0 = add(c0, x, weights2(t * FB * 4u)); }
    if (FB > 1u) { c1 = add(c1, x, weights2(t * FB * 4u + 1u)); }
    if (FB > 2u) {
      c2 = add(c2, x, weights2(t * FB * 4u + 2u));
      c3 = add(c3, x, weights2(t * FB * 4u + 3u));
    }
  }
  for (var t = first.w; t < end.w; t++) {
    let x = patches3(o, table[TAPS_AT + 3u * REGION + t]);
    if (FB == 0u) { c0.a = add_one(c0.a, x, w3[t]); }
    if (FB > 0u) { c0 = add(c0, x, weights3(t * FB * 4u)); }
    if (FB > 1u) { c1 = add(c1, x, weights3(t * FB * 4u + 1u)); }
    if (FB > 2u) {
      c2 = add(c2, x, weights3(t * FB * 4u + 2u));
      c3 = add(c3, x, weights3(t * FB * 4u + 3u));
    }
  }
  store_line(table[FILTERS_AT + (group.y >> 2u)][group.y & 3u], tile, c0, c1, c2, c3);
}
