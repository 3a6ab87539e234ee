// Computes y[n, c, i] = f(x[n, c, i] + map[c, i]) * scale[c] + shift[c], with f chosen by ACTIVATION:
//   0 nothing, 1 its positive part, 2 that up to 6, 3 gelu, 4 gelu tanh (gelu.wgsl)
// MAP = 1 adds the map, which is the same for each image. AFFINE = 1 takes scale and shift.
//
// x and y are `count` items of V, laid out [count / (channels * inner), channels, inner] with `inner` items of V per
// map; map has channels * inner items; affine holds `channels` pairs of scale and shift. The bindings are x, map and
// affine (read; an unused one takes any buffer), and y (read_write). items.wgsl stands behind this body. V is f32
// where a map's size does not divide by 4.

alias V = vec4<f32>;
const MAP: u32 = 0u;
const ACTIVATION: u32 = 0u;
const AFFINE: u32 = 1u;

struct Params {
  count: u32,
  row: u32,
  channels: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read> map: array<V>;
@group(0) @binding(3) var<storage, read> affine: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i >= p.count) { return; }
  var v = x[i];
  if (MAP == 1u) { v += map[i % (p.channels * p.inner)]; }
  v = activated(v);
  if (AFFINE == 1u) {
    let own = affine[(i / p.inner) % p.channels];
    v = v * own.x + V(own.y);
  }
  y[i] = v;
}
