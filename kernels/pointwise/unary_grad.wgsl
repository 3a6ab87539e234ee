// Computes dx[i] = dy[i] * f'(x[i]), with f chosen by KIND as in unary.wgsl; `saved` is y or x:
//   0 relu          y > 0
//   1 clip          a < y < b (the borders belong to the flat parts)
//   2 gelu          Phi(x) + x * phi(x)
//   3 gelu tanh     (1 + t)/2 + x/2 * (1 - t^2) * u',  t = tanh(u), u = sqrt(2/pi) * (x + 0.044715 x^3)
//   4 sigmoid       y * (1 - y)
//   5 tanh          1 - y^2
//   6 leaky relu    1 where x > 0, else a
//   7 hard sigmoid  a where 0 < y < 1
//   8 hard swish    0 up to -3, 1 from 3, between them x/3 + 1/2
//  10 elu           1 where x > 0, else a * e^x
//  11 softplus      1 / (1 + e^-x)
//  12 mish          t + x * (1 - t^2) / (1 + e^-x),  t = n / (n + 2), n = e^x * (e^x + 2)
//  13 abs           the sign of x, 0 at 0
//
// saved, dy and dx are `count` items of V. items.wgsl stands behind this body, which has the widths of unary.wgsl.

alias V = vec4<f32>;
const KIND: u32 = 0u;

struct Params {
  count: u32,
  row: u32,
  a: f32,
  b: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> saved: array<V>;
@group(0) @binding(2) var<storage, read> dy: array<V>;
@group(0) @binding(3) var<storage, read_write> dx: array<V>;

fn gelu_slope(v: V) -> V {
  return phi(v) + v * 0.3989422804 * exp(max(-0.5 * v * v, V(-87.0)));
}

fn gelu_tanh_slope(v: V) -> V {
  let u = clamp(0.7978845608 * (v + 0.044715 * v * v * v), V(-15.0), V(15.0));
  // This takes 1 - t^2 through s = e^-2|u|, which keeps its relative precision where t is nearly 1.
  let s = exp(-2.0 * abs(u));
  let magnitude = (V(1.0) - s) / (V(1.0) + s);
  let t = select(-magnitude, magnitude, u >= V(0.0));
  let rest = 4.0 * s / ((V(1.0) + s) * (V(1.0) + s));
  return 0.5 * (V(1.0) + t) + 0.5 * v * rest * 0.7978845608 * (V(1.0) + 0.134145 * v * v);
}

fn sigmoid(v: V) -> V {
  let e = exp(-min(abs(v), V(87.0)));
  return select(e, V(1.0), v >= V(0.0)) / (V(1.0) + e);
}

// Computes 1 - t^2 as 4 (n + 1) / (n + 2)^2, which keeps its relative precision where t is nearly 1. From 20 on it is
// 0.
fn mish_slope(v: V) -> V {
  let w = exp(min(v, V(20.0)));
  let n = w * (w + V(2.0));
  let rest = 4.0 * (n + V(1.0)) / ((n + V(2.0)) * (n + V(2.0)));
  return n / (n + V(2.0)) + v * rest * sigmoid(v);
}

fn slope(v: V) -> V {
  if (KIND == 0u) { return select(V(1.0), V(0.0), v <= V(0.0)); }
  if (KIND == 1u) { return select(select(V(1.0), V(0.0), v <= V(p.a)), V(0.0), v >= V(p.b)); }
  if (KIND == 2u) { return gelu_slope(v); }
  if (KIND == 3u) { return gelu_tanh_slope(v); }
  if (KIND == 4u) { return v * (V(1.0) - v); }
  if (KIND == 5u) { return V(1.0) - v * v; }
  if (KIND == 6u) { return select(V(1.0), V(p.a), v <= V(0.0)); }
  if (KIND == 7u) { return select(select(V(p.a), V(0.0), v <= V(0.0)), V(0.0), v >= V(1.0)); }
  if (KIND == 8u) { return select(select(v * 0.33333333 + V(0.5), V(0.0), v <= V(-3.0)), V(1.0), v >= V(3.0)); }
  if (KIND == 10u) { return select(p.a * exp(max(min(v, V(0.0)), V(-87.0))), V(1.0), v > V(0.0)); }
  if (KIND == 11u) { return sigmoid(v); }
  if (KIND == 12u) { return mish_slope(v); }
  return sign(v);
}

fn item(i: u32) {
  if (i < p.count) { dx[i] = dy[i] * slope(saved[i]); }
}
