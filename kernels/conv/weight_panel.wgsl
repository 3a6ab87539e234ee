// Packs one uniform panel of weights for direct4x4.wgsl and im2col_product.wgsl:
// y[start + (k*blocks + b)*4 + i] = w[w_start + (4b + i)*per_filter + source[k]], for the k-th of `taps` taps and the
// filters 4b + i < filters; it is 0 for those beyond.
// The bindings are w and source (read), and y (read_write). The grid has one thread per element.
struct Params { taps: u32, blocks: u32, filters: u32, per_filter: u32, w_start: u32, first_tap: u32, start: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> source: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let e = gid.x;
  if (e >= p.taps * p.blocks * 4u) { return; }
  let f = e % (p.blocks * 4u);
  let k = e / (p.blocks * 4u);
  var v = 0.0;
  if (f < p.filters) { v = w[p.w_start + f * p.per_filter + source[p.first_tap + k]]; }
  y[p.start + e] = v;
}
