// Computes dw[g,f,t] = sum over splits s of part[s, g, at[t], f], in the order of s: brings the sums of wgrad_rows.wgsl
// in the order of the weights. part is [splits, groups, taps, packed], and at[t] is the place of weight t among the
// taps.
// The bindings are part and at (read), and dw [groups,filters,weights] (read_write). The grid has one thread per
// weight, in rows of `row` threads.
struct Params { size: u32, row: u32, splits: u32, filters: u32, weights: u32, taps: u32, packed: u32, split: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> part: array<f32>;
@group(0) @binding(2) var<storage, read> at: array<u32>;
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid: vec3<u32>) {
  let i = gid.x + gid.y * p.row;
  if (i >= p.size) { return; }
  let f = i / p.weights;
  let from_part = (f / p.filters * p.taps + at[i % p.weights]) * p.packed + f % p.filters;
  var v = 0.0;
  for (var s = 0u; s < p.splits; s++) { v += part[s * p.split + from_part]; }
  dw[i] = v;
}
