// Computes y[o, m, i] = scale * g[o, i]: the gradient of a sum or mean over m.
//
// g is [outer, inner] items of V; y is `count` items of V, laid out [outer, middle, inner]; `block` = middle * inner.
// items.wgsl stands behind this body. V is f32 where `inner` does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  block: u32,
  inner: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> g: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i < p.count) { y[i] = p.scale * g[i / p.block * p.inner + i % p.inner]; }
}
