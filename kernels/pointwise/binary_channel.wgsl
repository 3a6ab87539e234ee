// Computes y[n, c, i] = a[n, c, i] op b[c], with op chosen by KIND as in binary.wgsl.
// It makes a bias or scale per channel, and with channels = N * C also one per image and channel (squeeze and
// excitation).
//
// a and y are `count` items of V, laid out [count / (channels * inner), channels, inner] with `inner` items of V per
// map; b is `channels` floats. items.wgsl stands behind this body. V is f32 where a map's size does not divide by 4.

alias V = vec4<f32>;
const KIND: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  channels: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<V>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<V>;

fn op(u: V, v: V) -> V {
  if (KIND == 0u) { return u + v; }
  if (KIND == 1u) { return u * v; }
  if (KIND == 2u) { return u - v; }
  if (KIND == 3u) { return v - u; }
  if (KIND == 4u) { return u / v; }
  if (KIND == 5u) { return v / u; }
  if (KIND == 6u) { return select(u, v * u, u <= V(0.0)); }
  return select(V(1.0), v, u <= V(0.0));
}

fn item(i: u32) {
  if (i < p.count) { y[i] = op(a[i], V(b[(i / p.inner) % p.channels])); }
}
