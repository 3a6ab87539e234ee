// This is GELU in both forms, for shaders that work on items of V. It is put before a shader's own text.
//
// gelu(v) = v * Phi(v), where Phi is made by the complementary error function (Numerical Recipes erfcc, relative error
// 1.2e-7). gelu_tanh(v) = v/2 * (1 + tanh(sqrt(2/pi) * (v + 0.044715 v^3))).
// tanh_exact is Cephes' tanhf: a polynomial for |v| < 0.625, else 1 - 2 / (e^2v + 1).

// Computes erfc(z) for z >= 0.
fn erfc_positive(z: V) -> V {
  let t = V(1.0) / (V(1.0) + 0.5 * z);
  let q = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 +
    t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  return t * exp(max(q - z * z, V(-87.0)));
}

fn phi(v: V) -> V {
  let tail = 0.5 * erfc_positive(abs(v) * 0.70710678);
  return select(tail, V(1.0) - tail, v >= V(0.0));
}

fn tanh_exact(v: V) -> V {
  let z = v * v;
  let small = v + v * z * (-0.333332819422 + z * (0.133314422036 + z * (-0.0537397155531 + z * (0.0206390887954 - z * 0.00570498872745))));
  let large = sign(v) * (V(1.0) - 2.0 / (exp(2.0 * min(abs(v), V(15.0))) + V(1.0)));
  return select(large, small, abs(v) < V(0.625));
}

fn gelu(v: V) -> V { return v * phi(v); }

fn gelu_tanh(v: V) -> V { return 0.5 * v * (V(1.0) + tanh_exact(0.7978845608 * (v + 0.044715 * v * v * v))); }
