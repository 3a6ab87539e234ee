// Computes y[m, c] = f(x[m, c]) * scale[c] + shift[c], with f chosen by ACTIVATION as in channel_affine.wgsl.
//
// x and y are `count` items of V in rows of `inner` items; affine holds the items of scale, then those of shift. The
// bindings are x, any buffer that is read, affine and y. items.wgsl stands behind this body. V is f32 where rows do
// not divide by 4.

alias V = vec4<f32>;
const ACTIVATION: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(3) var<storage, read> affine: array<V>;
@group(0) @binding(4) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i >= p.count) { return; }
  let c = i % p.inner;
  y[i] = activated(x[i]) * affine[c] + affine[p.inner + c];
}
