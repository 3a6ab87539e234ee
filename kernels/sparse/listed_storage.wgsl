// Computes y[f, pixel] = act(sum over a line's taps t of w[t,f] x[pixel + t] + bias[f] + residual), as
// listed_uniform.wgsl computes it, but with x in storage: for adapters that read storage about as fast as uniform
// arrays. It has one loop, and as few dispatches as the weights take. Follows listed.wgsl, which makes the sums.
//
// table[TAPS_AT + t] says where the t-th four of taps reads, and its weights are four vec4 at w[4*t*FB ...], FB apart,
// or one number each at w[t] where FB is 0; lists end with taps of weight 0. table[l/4][l%4] is the first four of line
// l, with the end of the last line following, and table[FILTERS_AT + l/4][l%4] its first filter.
// With CONV 0, x is packed in panels of 64 rows, column by column; a tap is a column, pixel r, c of a tile is row 4*r +
// c, and `rows` is their count. With CONV 1, x is images as they are; what lies beyond an image's edge counts as zero.
//
// The bindings are w and table (uniform), x, bias and residual (read; an unused one takes any buffer), and y
// (read_write).
// The grid's x has one thread per tile, column tile fastest, then row tile, then image; y goes over lines.
const TABLE: u32 = TAPS_AT + REGION;

struct Params {
  tiles: u32, tiles_h: u32, tiles_v: u32, filters: u32,
  rows: u32, cols: u32, height: u32, width: u32,
  stride_h: u32, stride_w: u32, x_image: u32,
  y_start: u32, y_image: u32, y_filter: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<uniform> w: array<vec4<f32>, 4096>;
@group(0) @binding(2) var<uniform> table: array<vec4<u32>, TABLE>;
@group(0) @binding(3) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;

fn pixels(o: Origin, tap: u32, r: u32) -> vec4<f32> {
  let q = place(o, tap, 0u, r);
  let i = select(vec4<u32>(), q.at, q.inside);
  let v = vec4<f32>(x[i.x >> 2u][i.x & 3u], x[i.y >> 2u][i.y & 3u], x[i.z >> 2u][i.z & 3u], x[i.w >> 2u][i.w & 3u]);
  return select(vec4<f32>(), v, q.inside);
}

fn patch_at(o: Origin, tap: u32) -> Patch {
  var t = Patch();
  if (CONV == 1u) {
    t.a = pixels(o, tap, 0u);
    t.b = pixels(o, tap, 1u);
    if (ROWS > 2u) {
      t.c = pixels(o, tap, 2u);
      t.d = pixels(o, tap, 3u);
    }
    return t;
  }
  let i = tap * 16u + o.at;
  t.a = x[i];
  t.b = x[i + 1u];
  if (ROWS > 2u) {
    t.c = x[i + 2u];
    t.d = x[i + 3u];
  }
  return t;
}

fn weights(i: u32) -> mat4x4<f32> {
  return mat4x4<f32>(w[i], w[i + FB], w[i + 2u * FB], w[i + 3u * FB]);
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let i = group.x * 8u + local.x;
  if (i >= p.tiles) { return; }
  let tile = tile_at(i);
  let o = Origin(tile.n * p.x_image + select(0u, tile.h, CONV == 0u), i32(tile.h * p.stride_h), tile.cols);
  var c0 = Sums();
  var c1 = Sums();
  var c2 = Sums();
  var c3 = Sums();
  let end = table[(group.y + 1u) >> 2u][(group.y + 1u) & 3u];
  for (var t = table[group.y >> 2u][group.y & 3u]; t < end; t++) {
    let taps = table[TAPS_AT + t];
    let x = Patches(patch_at(o, taps.x), patch_at(o, taps.y), patch_at(o, taps.z), patch_at(o, taps.w));
    if (FB == 0u) { c0.a = add_one(c0.a, x, w[t]); }
    if (FB > 0u) { c0 = add(c0, x, weights(t * FB * 4u)); }
    if (FB > 1u) { c1 = add(c1, x, weights(t * FB * 4u + 1u)); }
    if (FB > 2u) {
      c2 = add(c2, x, weights(t * FB * 4u + 2u));
      c3 = add(c3, x, weights(t * FB * 4u + 3u));
    }
  }
  store_line(table[FILTERS_AT + (group.y >> 2u)][group.y & 3u], tile, c0, c1, c2, c3);
}
