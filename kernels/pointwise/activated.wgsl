// Applies one of the functions that layers' kernels and those after them know, as a shader's ACTIVATION says (gelu.wgsl
// stands before).
fn activated(v: V) -> V {
  if (ACTIVATION == 3u) { return gelu(v); }
  if (ACTIVATION == 4u) { return gelu_tanh(v); }
  var a = v;
  if (ACTIVATION >= 1u) { a = select(a, V(0.0), a <= V(0.0)); }
  if (ACTIVATION == 2u) { a = select(a, V(6.0), a >= V(6.0)); }
  return a;
}
