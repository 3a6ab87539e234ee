// Computes y[i] = (1 - factor) * a[i] + factor * b[i]. At factor 0 it is a and at 1 it is b, bit for bit, whatever the
// other holds.
//
// a, b and y are `count` items of V. items.wgsl stands behind this body. V is f32 where the number of elements does
// not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  factor: f32,
  unused: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<V>;
@group(0) @binding(2) var<storage, read> b: array<V>;
@group(0) @binding(3) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i >= p.count) { return; }
  if (p.factor == 0.0) {
    y[i] = a[i];
  } else if (p.factor == 1.0) {
    y[i] = b[i];
  } else {
    y[i] = (1.0 - p.factor) * a[i] + p.factor * b[i];
  }
}
