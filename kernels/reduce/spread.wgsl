// Computes y[n, c, i] = scale * g[c]: the gradient of a sum or mean over n and i.
//
// g is `channels` floats. y is `count` items of V, laid out [outer, channels, inner] with `inner` items of V per map.
// items.wgsl stands behind this body. V is f32 where a map's size does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  channels: u32,
  inner: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i < p.count) { y[i] = V(p.scale * g[(i / p.inner) % p.channels]); }
}
