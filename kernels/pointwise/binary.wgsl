// Computes y[i] = a[i] op b[j(i)], with op chosen by KIND:
//   0 add             a + b
//   1 multiply        a * b
//   2 subtract        a - b
//   3 subtract from   b - a
//   4 divide          a / b
//   5 divide into     b / a
//   6 prelu           a where a > 0, else b * a
//   7 prelu slope     1 where a > 0, else b
//   8 times negative  a * min(b, 0)
// With FORM = 0 the shapes are the same and j = i. With FORM = 1, b is one row of `inner` items, repeated (a is [N, F],
// b is [F]). With FORM = 2, a is [outer, middle, inner], and b is [outer, inner], repeated along the middle; `block` =
// middle * inner.
//
// a and y are `count` items of V; b has as many, or `inner`, or outer * inner. items.wgsl stands behind this body. V
// is f32 where the numbers of elements do not divide by 4.

alias V = vec4<f32>;
const KIND: u32 = 0u;
const FORM: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  inner: u32,
  block: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<V>;
@group(0) @binding(2) var<storage, read> b: array<V>;
@group(0) @binding(3) var<storage, read_write> y: array<V>;

fn op(u: V, v: V) -> V {
  if (KIND == 0u) { return u + v; }
  if (KIND == 1u) { return u * v; }
  if (KIND == 2u) { return u - v; }
  if (KIND == 3u) { return v - u; }
  if (KIND == 4u) { return u / v; }
  if (KIND == 5u) { return v / u; }
  if (KIND == 6u) { return select(u, v * u, u <= V(0.0)); }
  if (KIND == 7u) { return select(V(1.0), v, u <= V(0.0)); }
  return u * select(V(0.0), v, v <= V(0.0));
}

fn item(i: u32) {
  if (i >= p.count) { return; }
  var j = i;
  if (FORM == 1u) { j = i % p.inner; }
  if (FORM == 2u) { j = i / p.block * p.inner + i % p.inner; }
  y[i] = op(a[i], b[j]);
}
