// Sets y[i] = value.
//
// y is `count` items of V. items.wgsl stands behind this body. V is f32 where the number of elements does not divide
// by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  value: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i < p.count) { y[i] = V(p.value); }
}
