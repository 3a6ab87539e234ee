// Computes to[n * to_stride + to_first + i] = from[n * from_stride + from_first + i], which is one part of a
// concatenation along axis 1, or its gradient. With ADD = 1 it adds to what is there, which is the gradient of a slice.
//
// `count` = N * length items of V are copied; the rest of `to` stays. items.wgsl stands behind this body. V is f32
// where a length, stride or start does not divide by 4.

alias V = vec4<f32>;
const ADD: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  length: u32,
  from_stride: u32,
  from_first: u32,
  to_stride: u32,
  to_first: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> source: array<V>;
@group(0) @binding(2) var<storage, read_write> destination: array<V>;

fn item(k: u32) {
  if (k >= p.count) { return; }
  let n = k / p.length;
  let i = k % p.length;
  let to = n * p.to_stride + p.to_first + i;
  let value = source[n * p.from_stride + p.from_first + i];
  if (ADD == 1u) { destination[to] += value; } else { destination[to] = value; }
}
