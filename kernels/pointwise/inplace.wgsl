// Computes y[i] = alpha * x[i] + beta * y[i], in place. beta = 0 ignores what y held (also NaN).
//
// x and y are `count` items of V in different buffers. items.wgsl stands behind this body. V is f32 where the number
// of elements does not divide by 4.

alias V = vec4<f32>;

struct Params {
  count: u32,
  row: u32,
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

fn item(i: u32) {
  if (i >= p.count) { return; }
  var kept = V(0.0);
  if (p.beta != 0.0) { kept = p.beta * y[i]; }
  y[i] = kept + p.alpha * x[i];
}
