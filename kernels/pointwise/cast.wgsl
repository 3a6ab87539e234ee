// Computes y[i] = x[i]. The text copies; on buffers of f16 (src/gpu/half_storage.ts) it widens or rounds.
//
// x and y are `count` items of V. The bindings are x and y. items.wgsl stands behind this body. V is f32 where the
// number of elements does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i < p.count) { y[i] = x[i]; }
}
