// Computes y[i] = f(x[i]), with f chosen by KIND:
//   0 relu          max(x, 0)
//   1 clip          min(max(x, a), b)
//   2 gelu          x * Phi(x) (gelu.wgsl)
//   3 gelu tanh     x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
//   4 sigmoid       1 / (1 + e^-x)
//   5 tanh          (gelu.wgsl)
//   6 leaky relu    x where x > 0, else a * x
//   7 hard sigmoid  min(max(a * x + b, 0), 1)
//   8 hard swish    x * min(max(x/6 + 1/2, 0), 1)
//   9 scale         a * x
//  10 elu           x where x > 0, else a * (e^x - 1), which is a * 2t / (1 - t) for t = tanh(x / 2)
//  11 softplus      max(x, 0) + log(1 + e^-|x|)
//  12 mish          x * tanh(softplus(x)), which is x * n / (n + 2) for n = e^x * (e^x + 2)
//  13 abs           |x|
//
// x and y are `count` items of V. items.wgsl stands behind this body. V is f32 where the number of elements does not
// divide by 4.

alias V = vec4<f32>;
const KIND: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  a: f32,
  b: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<V>;
@group(0) @binding(2) var<storage, read_write> y: array<V>;

fn sigmoid(v: V) -> V {
  let e = exp(-min(abs(v), V(87.0)));
  return select(e, V(1.0), v >= V(0.0)) / (V(1.0) + e);
}

// Computes e^v - 1 for v <= 0, and is precise near 0 too.
fn expm1_negative(v: V) -> V {
  let t = tanh_exact(0.5 * min(v, V(0.0)));
  return 2.0 * t / (V(1.0) - t);
}

// Computes log(1 + e) for 0 <= e <= 1, and is precise near 0 too: it is 2 * atanh(z) for z = e / (2 + e), which is at
// most 1/3.
fn log1p_unit(e: V) -> V {
  let z = e / (V(2.0) + e);
  let s = z * z;
  let series = V(0.33333333) + s * (V(0.2) + s * (V(0.14285714) + s * (V(0.11111111) + s * (V(0.09090909) + s * (V(0.07692308) + s * 0.06666667)))));
  return 2.0 * z * (V(1.0) + s * series);
}

// From 20 on it is x.
fn mish(v: V) -> V {
  let w = exp(min(v, V(20.0)));
  let n = w * (w + V(2.0));
  return v * n / (n + V(2.0));
}

// Limits v to [0, 1]. Here and below selects let a NaN through, as min and max might not.
fn unit(v: V) -> V {
  return select(select(v, V(0.0), v <= V(0.0)), V(1.0), v >= V(1.0));
}

fn f(v: V) -> V {
  if (KIND == 0u) { return select(v, V(0.0), v <= V(0.0)); }
  if (KIND == 1u) { return select(select(v, V(p.a), v <= V(p.a)), V(p.b), v >= V(p.b)); }
  if (KIND == 2u) { return gelu(v); }
  if (KIND == 3u) { return gelu_tanh(v); }
  if (KIND == 4u) { return sigmoid(v); }
  if (KIND == 5u) { return tanh_exact(v); }
  if (KIND == 6u) { return select(v, p.a * v, v <= V(0.0)); }
  if (KIND == 7u) { return unit(p.a * v + V(p.b)); }
  if (KIND == 8u) { return v * unit(v * 0.16666667 + V(0.5)); }
  if (KIND == 9u) { return p.a * v; }
  if (KIND == 10u) { return select(v, p.a * expm1_negative(v), v <= V(0.0)); }
  if (KIND == 11u) { return select(v, V(0.0), v <= V(0.0)) + log1p_unit(exp(-min(abs(v), V(87.0)))); }
  if (KIND == 12u) { return mish(v); }
  return abs(v);
}

fn item(i: u32) {
  if (i < p.count) { y[i] = f(x[i]); }
}
